"""The armature that a character already has, as a `Rig`: its pose at this frame is the pose of the first video frame."""

from dataclasses import dataclass

import bpy
import numpy as np

from ..core.errors import InputError
from ..core.types import Float32, Float64, Int32, Mesh, Rig
from .datablocks import ArmatureObject, Context, MeshObject
from .evaluated import evaluated_mesh, world_vertices
from .scene_state import in_rest_pose
from .subject import Subject, carrying_bone, deformed_by

SHORTEST_BONE = 1e-7
"""Fraction of the subject's diagonal below which a bone has no length."""

EXACT = 1e-6
"""Fraction of the diagonal to which bones and weights should explain the pose."""

UNEVEN = 1e-3
"""Relative difference of an armature's scales above which it is uneven."""

NO_BONE = -1


@dataclass(frozen=True)
class Pose:
    """Where the bones are, all in world space.

    names, parents: parents before children. rest, posed: float64[B, 4, 4], bone axes in the rest pose and in this one.
    lengths: float64[B], in the armature's own unit.
    """

    names: tuple[str, ...]
    parents: Int32
    rest: Float64
    posed: Float64
    lengths: Float64


def pose_of(armature: ArmatureObject, depsgraph: bpy.types.Depsgraph) -> Pose:
    """The armature's pose at this frame, constraints included."""
    evaluated = armature.evaluated_get(depsgraph)
    bones = sorted(armature.data.bones, key=lambda bone: len(bone.parent_recursive))
    index = {bone.name: number for number, bone in enumerate(bones)}
    world = np.array(evaluated.matrix_world, np.float64)
    return Pose(
        names=tuple(index),
        parents=np.array([index[bone.parent.name] if bone.parent else -1 for bone in bones], np.int32),
        rest=world @ np.array([bone.matrix_local for bone in bones], np.float64).reshape(-1, 4, 4),
        posed=world @ np.array([evaluated.pose.bones[bone.name].matrix for bone in bones], np.float64).reshape(-1, 4, 4),
        lengths=np.array([bone.length for bone in bones], np.float64),
    )


def kept_rig(context: Context, subject: Subject, mesh: Mesh, pose: Pose) -> tuple[Rig, tuple[str, ...]]:
    """The rig of a subject whose armature is kept, and what the user should know about it.

    mesh: the subject in the pose `pose`. Raises InputError where the armature has bones without length, where no vertex hangs
    on it, or where posing changes the number of vertices.
    """
    armature = subject.armature
    assert armature is not None
    tails = pose.posed @ np.stack([0 * pose.lengths, pose.lengths, 0 * pose.lengths, 1 + 0 * pose.lengths], axis=1)[:, :, None]
    heads, tails = pose.posed[:, :3, 3], tails[:, :3, 0]
    _check_lengths(armature, pose, np.linalg.norm(tails - heads, axis=1), mesh.diagonal)
    with in_rest_pose(context, armature):
        rest = _rest_vertices(context, subject)
    if len(rest) != len(mesh.vertices):
        raise InputError(
            f"'{subject.name}' has {len(mesh.vertices)} vertices in its pose and {len(rest)} in its rest pose.",
            "Apply the modifiers that change the mesh with the pose (Decimate, Remesh, Geometry Nodes).",
        )
    influences, weights = _influences(context, subject, pose.names)
    notes = _oddities(armature)
    bind = (pose.posed @ np.linalg.inv(pose.rest))[:, :3]
    rest, bent = _consistent_rest(rest, mesh, influences, weights, bind)
    notes += bent
    loose = int((influences[:, 0] == NO_BONE).sum())
    if loose == len(mesh.vertices):
        raise InputError(f"The armature '{armature.name}' moves no vertex of '{subject.name}'.", "Give the mesh weights, or set Rig to Automatic.")
    if loose:
        notes += (f"{loose} of {len(mesh.vertices)} vertices have no weight: the armature does not move them.",)
        influences, weights = _on_root(influences, weights, pose.parents)
    z_axes = pose.posed[:, :3, 2] / np.linalg.norm(pose.posed[:, :3, 2], axis=1, keepdims=True)
    bones = [armature.data.bones[name] for name in pose.names]
    inherits_scale, unconnected = np.array([bone.inherit_scale == "FULL" for bone in bones]), np.array([not bone.use_connect for bone in bones])
    return Rig(pose.names, pose.parents, heads, tails, z_axes, influences, weights, rest, bind, inherits_scale, unconnected), notes


def _check_lengths(armature: ArmatureObject, pose: Pose, lengths: Float64, diagonal: float) -> None:
    flat = np.abs(np.linalg.det(pose.rest[:, :3, :3])) < (SHORTEST_BONE * diagonal / np.maximum(pose.lengths, 1e-30)) ** 3
    short = np.flatnonzero(flat | ~(lengths > SHORTEST_BONE * diagonal))
    if not len(lengths):
        raise InputError(f"The armature '{armature.name}' has no bones.", "Add bones, or set Rig to Automatic.")
    if len(short):
        names = ", ".join(pose.names[bone] for bone in short[:5])
        raise InputError(
            f"The armature '{armature.name}' has {len(short)} bones without length: {names}.",
            "Make them longer in Edit Mode, or check the armature's scale.",
        )


def _oddities(armature: ArmatureObject) -> tuple[str, ...]:
    """A sentence for each thing about the armature that bones and weights alone cannot express."""
    scale = np.linalg.norm(np.array(armature.matrix_world, np.float64)[:3, :3], axis=0)
    flexible = [bone.name for bone in armature.data.bones if bone.bbone_segments > 1]
    found = []
    if np.ptp(scale) > UNEVEN * scale.max():
        found.append(f"The armature '{armature.name}' is scaled unevenly, so its bones cannot follow rotations exactly; apply its scale.")
    if flexible:
        found.append(f"{len(flexible)} bones of '{armature.name}' are flexible (B-Bones); they are fitted as if they were stiff.")
    return tuple(found)


def _rest_vertices(context: Context, subject: Subject) -> Float32:
    depsgraph = context.evaluated_depsgraph_get()
    parts = []
    for one in subject.meshes:
        with evaluated_mesh(one, depsgraph) as (evaluated, mesh):
            parts.append(world_vertices(evaluated, mesh))
    return np.concatenate(parts)


def _influences(context: Context, subject: Subject, names: tuple[str, ...]) -> tuple[Int32, Float32]:
    """influences int32[V, K] and weights float32[V, K] of all meshes; a vertex without any has bone NO_BONE at weight 0."""
    assert subject.armature is not None
    index = {name: number for number, name in enumerate(names)}
    deforming = {bone.name: index[bone.name] for bone in subject.armature.data.bones if bone.use_deform}
    depsgraph = context.evaluated_depsgraph_get()
    found: list[list[tuple[int, float]]] = []
    for one in subject.meshes:
        with evaluated_mesh(one, depsgraph) as (evaluated, mesh):
            carrier = carrying_bone(one)
            if deformed_by(one, subject.armature):
                found += _vertex_weights(evaluated, mesh, deforming)
            elif carrier is not None:
                found += [[(index[carrier[1]], 1.0)]] * len(mesh.vertices)
            else:
                found += [[]] * len(mesh.vertices)
    widest = max(1, max(map(len, found), default=1))
    influences = np.zeros((len(found), widest), np.int32)
    weights = np.zeros((len(found), widest), np.float32)
    for vertex, pairs in enumerate(found):
        if not pairs:
            influences[vertex, 0] = NO_BONE
        for slot, (bone, weight) in enumerate(pairs):
            influences[vertex, slot], weights[vertex, slot] = bone, weight
    total = weights.sum(axis=1, keepdims=True)
    return influences, weights / np.where(total > 0, total, 1.0)


def _vertex_weights(evaluated: MeshObject, mesh: bpy.types.Mesh, deforming: dict[str, int]) -> list[list[tuple[int, float]]]:
    """Bone and weight pairs of every vertex, heaviest first."""
    bone_of = {group.index: deforming[group.name] for group in evaluated.vertex_groups if group.name in deforming}
    found = []
    for vertex in mesh.vertices:
        pairs = [(bone_of[one.group], one.weight) for one in vertex.groups if one.group in bone_of and one.weight > 0.0]
        found.append(sorted(pairs, key=lambda pair: -pair[1]))
    return found


def _consistent_rest(rest: Float32, mesh: Mesh, influences: Int32, weights: Float32, bind: Float64) -> tuple[Float32, tuple[str, ...]]:
    """The rest vertices, changed where bones and weights alone do not lead from them to the mesh.

    Corrective shape keys, Preserve Volume, a Lattice or a subdivision after the Armature modifier bend the surface in other ways
    than linear blend skinning. There the blended matrix is inverted, so that the first frame is exact.
    """
    safe = np.maximum(influences, 0)
    blended = np.einsum("vk,vkij->vij", weights.astype(np.float64), bind[safe])
    blended[influences[:, 0] == NO_BONE] = np.eye(3, 4)
    skinned = np.einsum("vij,vj->vi", blended[:, :, :3], rest.astype(np.float64)) + blended[:, :, 3]
    error = np.linalg.norm(skinned - mesh.vertices, axis=1) / mesh.diagonal
    wrong = np.flatnonzero((error > EXACT) & (np.abs(np.linalg.det(blended[:, :, :3])) > 1e-3))
    if not len(wrong):
        return rest, ()
    corrected = rest.copy()
    corrected[wrong] = np.linalg.solve(blended[wrong][:, :, :3], (mesh.vertices[wrong] - blended[wrong][:, :, 3])[:, :, None])[:, :, 0]
    if error.max() < 0.01:
        return corrected, ()
    return corrected, (f"The pose bends the surface in ways that its weights do not explain, by up to {100 * error.max():.1f} % of its size.",)


def _on_root(influences: Int32, weights: Float32, parents: Int32) -> tuple[Int32, Float32]:
    """Vertices without weights follow the first root in the fit."""
    loose = influences[:, 0] == NO_BONE
    influences, weights = influences.copy(), weights.copy()
    influences[loose, 0] = int(np.flatnonzero(parents < 0)[0])
    weights[loose, 0] = 1.0
    return influences, weights
