"""A made subject whose cloth moves beyond its bones: a body of two bones with a cape that no bone reaches, and its rendered truth."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from animamimic.core.fit import skin
from animamimic.core.render import antialias, interpolate, rasterize, topology
from animamimic.core.types import Clip, Mesh, Motion, Rig, View
from animamimic.core.video.preview import orbit
from scipy.spatial.transform import Rotation

FPS = 24.0


@dataclass(frozen=True)
class Caped:
    """mesh, rig, motion: the subject and what its bones truly do. truth: float64[T, V, 3]. cape: bool[V]. colours: float32[V, 3]."""

    mesh: Mesh
    rig: Rig
    motion: Motion
    truth: np.ndarray
    cape: np.ndarray
    colours: np.ndarray


def caped(frames=13, sway=0.4, wave=0.07, cells=28):
    """A body that turns at the hip by `sway` radians and a cape whose hem waves by `wave` metres beyond what the chest does to it."""
    body = _tube(sides=24, rings=30, radius=0.16, height=1.2)
    cape = _sheet(cells)
    vertices = np.concatenate([body[0], cape[0]]).astype(np.float32)
    mesh = Mesh(vertices, np.concatenate([body[1], cape[1] + len(body[0])]).astype(np.int32))
    is_cape = np.arange(len(vertices)) >= len(body[0])
    chest = np.where(is_cape, 1.0, np.clip((vertices[:, 2] - 0.5) / 0.2, 0, 1))
    rig = Rig(
        names=("hip", "chest"),
        parents=np.array([-1, 0], np.int32),
        heads=np.array([[0, 0, 0.0], [0, 0, 0.6]]),
        tails=np.array([[0, 0, 0.6], [0, 0, 1.2]]),
        z_axes=np.tile([0.0, 1, 0], (2, 1)),
        influences=np.tile(np.array([0, 1], np.int32), (len(vertices), 1)),
        weights=np.stack([1 - chest, chest], 1).astype(np.float32),
        rest=vertices,
        bind=np.tile(np.eye(3, 4), (2, 1, 1)),
    )
    phase = np.linspace(0, 2 * np.pi, frames)
    rotations = np.tile([1.0, 0, 0, 0], (frames, 2, 1))
    angle = sway * np.sin(phase)
    rotations[:, 1, 0], rotations[:, 1, 2] = np.cos(angle / 2), np.sin(angle / 2)
    motion = Motion(rotations, np.zeros((frames, 2, 3)), np.ones(2, np.float32))
    truth = np.stack([_truth(rig, motion, frame, is_cape, wave * _wave(vertices, phase[frame])) for frame in range(frames)])
    return Caped(mesh, rig, motion, truth, is_cape, _patches(vertices))


def camera(side=192, degrees=35.0):
    """An orthographic view from in front and a little from the side."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    matrix[:3, 3] = [0, -4, 0.6]
    projection = np.diag([1 / 0.95, 1 / 0.95, -2 / 7.8, 1.0])
    projection[2, 3] = -(8.0 + 0.2) / 7.8
    return orbit(View(side, side, matrix, projection), np.array([0, 0, 0.6]), degrees)


def film(subject, view):
    """The truth as a clip on white, antialiased."""
    triangles = torch.from_numpy(subject.mesh.triangles)
    surface = topology(triangles, torch.from_numpy(subject.mesh.vertices))
    attributes = torch.from_numpy(np.column_stack([subject.colours, np.ones(len(subject.colours))]).astype(np.float32))
    frames, masks = [], []
    for points in subject.truth:
        clip = torch.from_numpy((np.column_stack([points, np.ones(len(points))]) @ view.world_to_clip.T)[None].astype(np.float32))
        raster = rasterize(clip, triangles, view.height, view.width)
        drawn = antialias(interpolate(attributes, raster, triangles), raster, clip, triangles, surface)[0].numpy()
        frames.append(np.clip(255 * (drawn[..., :3] + 1 - drawn[..., 3:]) + 0.5, 0, 255).astype(np.uint8))
        masks.append(np.clip(255 * drawn[..., 3] + 0.5, 0, 255).astype(np.uint8))
    return Clip(np.stack(frames), np.stack(masks), FPS)


def turned_truth(subject, centre, degrees):
    """The subject as a camera sees it that goes around it by so many degrees from the first frame to the last."""
    turns = Rotation.from_euler("z", -np.radians(degrees) * np.linspace(0, 1, len(subject.truth))[:, None])
    return replace(subject, truth=np.stack([turn.apply(points - centre) + centre for turn, points in zip(turns, subject.truth, strict=True)]))


def _wave(vertices, phase):
    """Metres at a wave of one: nothing at the collar, most at the hem; along the picture and across the cloth, zero in frame 0."""
    down = np.clip((1.1 - vertices[:, 2]) / 0.9, 0, 1)
    travelling = np.sin(4 * down - 2 * phase) - np.sin(4 * down)
    return down[:, None] * np.stack([travelling, 0.5 * travelling, 0.3 * (1 - np.cos(phase)) * np.ones_like(down)], 1)


def _truth(rig, motion, frame, is_cape, offset):
    """The skinned surface; the cape's offset at rest is carried by the chest, which alone moves it."""
    moved = skin(rig, motion, [frame])[0].astype(np.float64)
    w, y = motion.rotations[frame, 1, [0, 2]]
    turn = np.array([[1 - 2 * y * y, 0, 2 * w * y], [0, 1, 0], [-2 * w * y, 0, 1 - 2 * y * y]])
    moved[is_cape] += offset[is_cape] @ turn.T
    return moved


def _patches(vertices):
    """float32[V, 3]: smooth colours with something to follow everywhere."""
    places = vertices.astype(np.float64)
    waves = [np.sin(places @ direction + shift) for direction, shift in (((23, 5, 17), 0.3), ((-9, 21, 26), 1.1), ((15, -17, 31), 2.0))]
    return (0.45 + 0.3 * np.stack(waves, 1)).astype(np.float32)


def _tube(sides, rings, radius, height):
    """An upright tube, closed at both ends by a shrinking ring."""
    heights = np.linspace(0, height, rings)
    radii = radius * np.minimum(1, np.minimum(heights, height - heights) / 0.08 + 0.05)
    angles = 2 * np.pi * np.arange(sides) / sides
    vertices = np.concatenate([np.column_stack([r * np.cos(angles), r * np.sin(angles), np.full(sides, z)]) for r, z in zip(radii, heights, strict=True)])
    return vertices, _grid(rings, sides, closed=True)


def _sheet(cells):
    """A cape beside and before the body, hanging from z = 1.1 to 0.2."""
    across, down = np.meshgrid(np.linspace(-0.5, 0.5, cells), np.linspace(0, 1, cells), indexing="xy")
    vertices = np.column_stack([(across * (0.5 + 0.6 * down)).ravel(), (-0.2 - 0.12 * down - 0.1 * np.cos(np.pi * across)).ravel(), (1.1 - 0.9 * down).ravel()])
    return vertices, _grid(cells, cells, closed=False)


def _grid(rows, columns, closed):
    """Triangles of a grid of vertices, row after row."""
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij")
    a, b = (row * columns + column).ravel(), (row * columns + (column + 1) % columns).ravel()
    return np.concatenate([np.stack([a, b, b + columns], 1), np.stack([a, b + columns, a + columns], 1)])


def with_keys(subject, tissue, motion=None):
    """float64[T, V, 3]: the skinned surface with shape keys on top; motion: the true one if none is given."""
    motion = motion or subject.motion
    rests = [(subject.rig.rest + np.tensordot(values, tissue.offsets, 1)).astype(np.float32) for values in tissue.values]
    return np.stack([skin(replace(subject.rig, rest=rest), motion, [frame])[0] for frame, rest in enumerate(rests)]).astype(np.float64)
