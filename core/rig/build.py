"""The automatic rig, from a mesh to bones and weights."""

from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from ..settings import RigSettings
from ..types import Float64, Int32, Mesh, Progress, Rig, no_progress
from . import naming
from .anatomy import Limb
from .assembly import limbs_of_parts
from .bare import bones_inside, with_weights
from .bones import Bones, assemble, hinged, root_arc
from .centreline import trace
from .contacts import part_grazing
from .frame import POSED, SubjectFrame, find_frame
from .joints import cut
from .limbs import find_limbs
from .parts import Parts, find_parts, jointed, mirrored
from .solid import Solid, left_half, voxelise
from .unirig import learned_rig
from .weights import bind


@dataclass(frozen=True)
class Shape:
    """What is known of a subject before it has bones.

    vertices: float64[V, 3], in the subject's frame. parts: None where it is not put together from several.
    """

    frame: SubjectFrame
    vertices: Float64
    solid: Solid
    parts: Parts | None


def build_rig(mesh: Mesh, settings: RigSettings, progress: Progress = no_progress) -> Rig:
    """A skeleton and skin weights for `mesh`, which need not be watertight, welded or in one piece.

    settings: all but `rig` are used.
    Returns a rig whose rest pose is the mesh as it stands: `rest` are its vertices, `bind` is the identity.
    Raises InputError where the mesh has no triangles, no extent, or coordinates that are not finite, or where the UniRig that the
    settings name cannot be used.
    """
    _check(mesh)
    if settings.unirig:
        learned = learned_rig(mesh, settings.unirig, settings.unirig_python, lambda share, text: progress(0.8 * share, text))
        return weigh_rig(mesh, learned, settings, lambda share, text: progress(0.8 + 0.2 * share, text))
    shape = _shape(mesh, progress)
    progress(0.3, "finding limbs")
    bones = _bones(shape, settings.rig_detail)
    progress(0.5, "binding the surface to the bones")
    influences, weights = bind(shape.vertices, mesh.triangles, shape.solid, bones, settings.max_influences, shape.parts)
    progress(1.0, f"{len(bones.names)} bones")
    to_world = shape.frame.to_world
    bare = Rig.bare(mesh, bones.names, bones.parents, to_world(bones.heads), to_world(bones.tails), bones.z_axes @ shape.frame.axes)
    return replace(bare, influences=influences, weights=weights, hinged=hinged(bones))


def weigh_rig(mesh: Mesh, rig: Rig, settings: RigSettings, progress: Progress = no_progress) -> Rig:
    """The rig with skin weights for `mesh` as it stands, whatever weights it had. settings: `max_influences` is used.

    Bones that do not lie in the subject get none. Raises InputError as `build_rig` does, and where no bone lies in the subject.
    """
    _check(mesh)
    shape = _shape(mesh, progress)
    bones, inside = bones_inside(rig, shape.solid, shape.frame)
    progress(0.5, "binding the surface to the bones")
    influences, weights = bind(shape.vertices, mesh.triangles, shape.solid, bones, settings.max_influences)
    progress(1.0, f"{len(inside)} bones")
    return with_weights(rig, inside, influences, weights)


def _shape(mesh: Mesh, progress: Progress) -> Shape:
    progress(0.0, "finding the subject's symmetry")
    frame = find_frame(mesh)
    vertices = frame.to_local(mesh.vertices.astype(np.float64))
    progress(0.1, "measuring the subject's inside")
    shape = _solid_shape(frame, vertices, mesh.triangles)
    if shape.parts is None or not frame.symmetric or _all_have_images(shape.solid):
        return shape
    # A part without an image, as a sword in one hand, is too little of the surface to spoil the likeness: the other hand has none.
    return _solid_shape(replace(frame, likeness=POSED), vertices, mesh.triangles)


def _all_have_images(solid: Solid) -> bool:
    image = mirrored(solid)
    return bool((image[image] == np.arange(len(image))).all())


def _solid_shape(frame: SubjectFrame, vertices: Float64, triangles: Int32) -> Shape:
    solid = part_grazing(voxelise(vertices, triangles, frame.symmetric), vertices, triangles)
    parts = find_parts(solid, vertices, triangles)
    return Shape(frame, vertices, jointed(solid, parts) if parts is not None else solid, parts)


def _check(mesh: Mesh) -> None:
    if not len(mesh.triangles) or not len(mesh.vertices):
        raise InputError("The subject has no faces.", "Choose a mesh with a surface, or keep a rig of your own.")
    if not np.isfinite(mesh.vertices).all():
        raise InputError("The subject has vertices whose coordinates are not numbers.", "Repair the mesh, for instance with Merge by Distance.")
    if mesh.diagonal <= 0.0:
        raise InputError("The subject has no size: all its vertices are at one place.", "Check its scale.")


def _bones(shape: Shape, detail: float) -> Bones:
    """The skeleton of a subject, in its frame."""
    solid, frame = shape.solid, shape.frame
    of_parts = limbs_of_parts(solid, shape.parts, frame.has_plane, frame.symmetric) if shape.parts is not None else None
    limbs = _oriented(of_parts or _limbs(solid, frame))
    floor, height = float(solid.centres[:, 2].min()), float(np.ptp(solid.centres[:, 2]))
    chains = cut(limbs, naming.leg_indices(limbs, floor, height), detail)
    forward = limbs[0].points[-1] - limbs[0].points[0]
    mirrored = not naming.is_upright(limbs[0]) and bool(forward[1] > 0)
    names = naming.limb_names(limbs, floor, height, mirrored)
    return assemble(limbs, chains, root_arc(limbs, _centre_of_mass(solid), floor, height), names)


def _centre_of_mass(solid: Solid) -> Float64:
    return np.asarray(solid.centres.mean(0))


def _limbs(solid: Solid, frame: SubjectFrame) -> list[Limb]:
    """Trunk and limbs, traced in the left half alone where left and right are the same."""
    part = left_half(solid) if frame.symmetric else solid
    beside_plane = np.abs(part.centres[:, 0]) < 1.01 * part.size if frame.has_plane else np.zeros(len(part.cells), bool)
    tree = trace(part, beside_plane, frame.symmetric)
    cut = np.bincount(tree.owners[beside_plane], minlength=len(tree.nodes)) > 0
    if frame.symmetric:
        on_plane = beside_plane[tree.nodes]
    elif frame.has_plane:
        on_plane = np.abs(tree.positions[:, 0]) < np.maximum(2.5 * part.size, 0.6 * tree.radii)
    else:
        on_plane = np.ones(len(tree.nodes), bool)
    return find_limbs(tree, part, on_plane, cut if frame.symmetric else None)


def _oriented(limbs: list[Limb]) -> list[Limb]:
    """The same limbs with the trunk running from the tail to the head."""
    trunk = limbs[0]
    if naming.head_is_last(trunk):
        return limbs
    turned = replace(trunk, points=trunk.points[::-1].copy(), widths=trunk.widths[::-1].copy(), parts=trunk.parts[::-1].copy())
    return [turned] + [replace(limb, attach=trunk.length - limb.attach) if limb.parent == 0 else limb for limb in limbs[1:]]
