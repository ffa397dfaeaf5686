"""Subjects with known flesh for the tests of the soft tissue: columns on one bone or two, and how they move."""

import numpy as np
from animamimic.core.settings import TissueSettings
from animamimic.core.types import Mesh, Motion, Rig

FPS = 24.0
SETTINGS = TissueSettings(tissue="PHYSICS", material="CUSTOM", tissue_resolution=10.0)


def column(size=1.0, sides=12, rings=16, height=1.0, radius=0.25):
    """A closed upright cylinder on the floor, axis z; `size` scales it."""
    angles = 2 * np.pi * np.arange(sides) / sides
    circle = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    walls = [np.column_stack([circle, np.full(sides, height * ring / rings)]) for ring in range(rings + 1)]
    vertices = np.concatenate([*walls, [[0, 0, 0], [0, 0, height]]])
    triangles = []
    for ring in range(rings):
        for one in range(sides):
            a, b = ring * sides + one, ring * sides + (one + 1) % sides
            triangles += [(a, b, b + sides), (a, b + sides, a + sides)]
    last = rings * sides
    triangles += [(sides * (rings + 1), (one + 1) % sides, one) for one in range(sides)]
    triangles += [(sides * (rings + 1) + 1, last + one, last + (one + 1) % sides) for one in range(sides)]
    return Mesh((size * vertices).astype(np.float32), np.array(triangles, np.int32))


def rig_of(mesh, heads, tails, weights, parents):
    """A rig whose rest is the mesh; weights [V, B]."""
    bones = len(heads)
    return Rig(
        names=tuple(f"bone.{number}" for number in range(bones)),
        parents=np.array(parents, np.int32),
        heads=np.array(heads, float),
        tails=np.array(tails, float),
        z_axes=np.tile([1.0, 0, 0], (bones, 1)),
        influences=np.tile(np.arange(bones, dtype=np.int32), (len(mesh.vertices), 1)),
        weights=weights.astype(np.float32),
        rest=mesh.vertices,
        bind=np.tile(np.eye(3, 4), (bones, 1, 1)),
    )


def one_bone(mesh, reach=0.3):
    """One bone from the floor up to `reach` of the height: what is above is flesh alone."""
    top = mesh.vertices[:, 2].max()
    return rig_of(mesh, [[0, 0, 0]], [[0, 0, reach * top]], np.ones((len(mesh.vertices), 1)), [-1])


def hinge(mesh):
    """Two bones end to end, weights changing over a tenth of the height around the middle."""
    top = float(mesh.vertices[:, 2].max())
    upper = np.clip((mesh.vertices[:, 2] / top - 0.45) / 0.1, 0, 1)
    weights = np.stack([1 - upper, upper], axis=1)
    return rig_of(mesh, [[0, 0, 0], [0, 0, top / 2]], [[0, 0, top / 2], [0, 0, top]], weights, [-1, 0])


def motion_of(angles=None, places=None, frames=1, bones=1, bone=0):
    """Turns of one bone about y (radians a frame) and places of bone 0."""
    frames = len(angles) if angles is not None else len(places) if places is not None else frames
    rotations = np.tile([1.0, 0, 0, 0], (frames, bones, 1))
    if angles is not None:
        rotations[:, bone, 0], rotations[:, bone, 2] = np.cos(np.array(angles) / 2), np.sin(np.array(angles) / 2)
    translations = np.zeros((frames, bones, 3))
    if places is not None:
        translations[:, 0] = places
    return Motion(rotations, translations, np.ones(bones, np.float32))


def start_and_stop(mesh, moving=8, frames=49):
    """The bone stands for a frame, goes one diagonal along x in `moving` frames, then stands."""
    places = np.zeros((frames, 3))
    places[:, 0] = np.clip((np.arange(frames) - 1) / moving, 0, 1) * mesh.diagonal
    return motion_of(places=places)
