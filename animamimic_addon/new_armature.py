"""A new armature for a subject that had none: bones, vertex groups, modifiers, parenting."""

from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..core.types import Float64, Int32, Motion, Rig
from . import compat, results
from .captured import Captured, CapturedMesh
from .datablocks import ArmatureObject, Context, MeshObject
from .results import MeshRecord, Rollback

SURFACE_MODIFIERS = {"SUBSURF", "MULTIRES", "BEVEL", "SOLIDIFY", "EDGE_SPLIT", "WEIGHTED_NORMAL", "TRIANGULATE", "WIREFRAME"}
"""Modifiers that dress the surface that they are given. Skinning goes before those at the end of the stack: the coarse mesh bends
and is refined afterwards, which is smoother and cheaper than bending the fine one."""

CONNECTED = 1e-6
"""Fraction of the armature's size within which a joint lies on its parent's tip."""

SHORTEST_BONE = 1e-5
"""Fraction of the armature's size; Blender deletes bones without length."""

LEAST_WEIGHT = 1e-5

TRUNK = {"root", "spine", "hips", "head", "tail"}
"""What the names of bones of the trunk start with."""


def make_armature(context: Context, captured: Captured, rig: Rig, motion: Motion, names: tuple[str, ...], rollback: Rollback) -> ArmatureObject:
    """A new armature object with the rig's bones in the pose of the first frame.

    names: what the bones are called. Its origin is the first mesh object's. Object mode before and after.
    """
    data = bpy.data.armatures.new(f"{captured.subject} Rig")
    armature: Any = bpy.data.objects.new(f"{captured.subject} Rig", data)
    rollback.callback(results.discard, armature, data)
    origin = captured.meshes[0].world[:3, 3]
    armature.location = origin.tolist()
    armature.show_in_front = True
    _link_beside(context, captured, armature)
    _show_in_local_views(context, armature, context.view_layer.objects[captured.meshes[0].name])
    context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        _add_bones(data, rig, motion, names, np.array(armature.location, np.float64))
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
    _add_collections(data)
    for bone in armature.pose.bones:
        bone.rotation_mode = "QUATERNION"
    context.view_layer.update()
    return armature


def free_bone_names(rig: Rig, meshes: list[MeshObject]) -> tuple[str, ...]:
    """The rig's bone names, changed where a mesh has a vertex group of the user's by that name."""
    taken = {group.name for mesh in meshes for group in mesh.vertex_groups}
    names: list[str] = []
    for wanted in rig.names:
        name, number = wanted, 0
        while name in taken:
            number += 1
            name = f"{wanted}.{number:03d}"
        taken.add(name)
        names.append(name)
    return tuple(names)


def bind_mesh(mesh: MeshObject, part: CapturedMesh, armature: ArmatureObject, rig: Rig, names: tuple[str, ...], record: MeshRecord, rollback: Rollback) -> None:
    """Give a mesh object its vertex groups, which sum to one, and the Armature modifier; `record` is told."""
    add_groups(mesh, part, rig, names, record, rollback)
    add_modifier(mesh, armature, record, rollback)


def add_groups(mesh: MeshObject, part: CapturedMesh, rig: Rig, names: tuple[str, ...], record: MeshRecord, rollback: Rollback) -> None:
    """Give a mesh object its vertex groups, which sum to one; `record` is told."""
    record.groups = _add_groups(mesh, rig.influences[part.modelled], rig.weights[part.modelled], names, rollback)


def add_modifier(mesh: MeshObject, armature: ArmatureObject, record: MeshRecord, rollback: Rollback) -> None:
    """Give a mesh object the Armature modifier, before those that dress the surface; `record` is told."""
    modifier = mesh.modifiers.new("AnimaMimic", "ARMATURE")
    record.modifier = modifier.name
    rollback.callback(mesh.modifiers.remove, modifier)
    modifier.object = armature
    modifier.use_vertex_groups, modifier.use_bone_envelopes = True, False
    place = len(mesh.modifiers) - 1
    while place > 0 and mesh.modifiers[place - 1].type in SURFACE_MODIFIERS:
        place -= 1
    mesh.modifiers.move(len(mesh.modifiers) - 1, place)


def attach_mesh(context: Context, mesh: MeshObject, part: CapturedMesh, armature: ArmatureObject, moves: bool, record: MeshRecord, rollback: Rollback) -> None:
    """Let the object follow the armature object without moving it.

    An object without a parent (or that an earlier run parented) becomes the armature's child. One with a parent of its own is
    left to it. moves: it is animated itself; then it is held where it was captured, since the fitted motion holds all movement.
    """
    if moves:
        _hold(context, mesh, part, armature, record, rollback)
    elif mesh.parent is None or results.our_armature(mesh) == mesh.parent:
        rollback.callback(_restore_parent, mesh, mesh.parent, mesh.parent_type, mesh.matrix_parent_inverse.copy(), mesh.matrix_basis.copy())
        if mesh.parent is None:
            mesh.parent = armature
            mesh.matrix_parent_inverse = armature.matrix_world.inverted_safe()
        else:
            results.reparent(mesh, armature)
        record.parented = True


def common_parent(meshes: list[MeshObject]) -> Any:
    """The object outside the subject to which all its parented objects are parented, or None."""
    ours = {results.our_armature(one) for one in meshes} | {None}
    parents = {one.parent for one in meshes if one.parent not in meshes and one.parent not in ours}
    return parents.pop() if len(parents) == 1 else None


def _link_beside(context: Context, captured: Captured, armature: ArmatureObject) -> None:
    """Link the armature to a collection of the first mesh object in which it can be seen, else to the scene's own."""
    scene = context.scene
    for one in context.view_layer.objects[captured.meshes[0].name].users_collection:
        if one == scene.collection or one in scene.collection.children_recursive:
            one.objects.link(armature)
            if armature.visible_get(view_layer=context.view_layer):
                return
            one.objects.unlink(armature)
    scene.collection.objects.link(armature)


def _show_in_local_views(context: Context, armature: ArmatureObject, mesh: MeshObject) -> None:
    """Show the armature in every viewport's local view that shows the mesh object."""
    for window in context.window_manager.windows:
        if window.view_layer != context.view_layer:
            continue
        for area in window.screen.areas:
            space = area.spaces.active
            if area.type == "VIEW_3D" and space.local_view is not None and compat.is_in_local_view(context, mesh, space):
                armature.local_view_set(space, True)


def _add_bones(data: Any, rig: Rig, motion: Motion, names: tuple[str, ...], origin: Float64) -> None:
    size = float(np.linalg.norm(np.ptp(np.concatenate([rig.heads, rig.tails]), axis=0)))
    still = np.abs(motion.translations).max(axis=(0, 2)) <= CONNECTED * size
    for number, name in enumerate(names):
        bone = data.edit_bones.new(name)
        head, tail = rig.heads[number] - origin, rig.tails[number] - origin
        if np.linalg.norm(tail - head) < SHORTEST_BONE * size:
            tail = head + SHORTEST_BONE * size * np.array([0.0, 0.0, 1.0])
        bone.head, bone.tail = head.tolist(), tail.tolist()
        bone.align_roll(Vector(rig.z_axes[number].tolist()))
        parent = int(rig.parents[number])
        if parent >= 0:
            bone.parent = data.edit_bones[names[parent]]
            touches = np.linalg.norm(rig.tails[parent] - rig.heads[number]) <= CONNECTED * size
            bone.use_connect = bool(touches and still[number])


def _add_collections(data: Any) -> None:
    """A bone collection for the trunk and one for each kind of limb, to show and hide them by."""
    for bone in data.bones:
        kind = bone.name.split(".")[0]
        title = "Trunk" if kind in TRUNK else kind.capitalize()
        (data.collections.get(title) or data.collections.new(title)).assign(bone)


def _add_groups(mesh: MeshObject, influences: Int32, weights: Any, names: tuple[str, ...], rollback: Rollback) -> list[str]:
    """Vertex groups for influences int[N, K] and weights float[N, K]; returns the names of those made."""
    weights = np.where(weights > LEAST_WEIGHT, weights, 0.0).astype(np.float64)
    weights /= weights.sum(axis=1, keepdims=True)
    made = []
    for bone in np.unique(influences[weights > 0.0]).tolist():
        group = mesh.vertex_groups.new(name=names[bone])
        rollback.callback(_remove_group, mesh, group.name)
        made.append(group.name)
        of_bone = np.where(influences == bone, weights, 0.0).sum(axis=1)
        for vertex in np.flatnonzero(of_bone).tolist():
            group.add((vertex,), float(of_bone[vertex]), "REPLACE")
    return made


def _remove_group(mesh: MeshObject, name: str) -> None:
    if name in mesh.vertex_groups:
        mesh.vertex_groups.remove(mesh.vertex_groups[name])


def _restore_parent(mesh: MeshObject, parent: Any, kind: str, inverse: Matrix, basis: Matrix) -> None:
    mesh.parent = parent
    mesh.parent_type = kind
    mesh.matrix_parent_inverse = inverse
    if mesh.matrix_basis != basis:
        mesh.matrix_basis = basis


def _hold(context: Context, mesh: MeshObject, part: CapturedMesh, armature: ArmatureObject, record: MeshRecord, rollback: Rollback) -> None:
    """Keep an animated object at its captured place: an empty under the armature stands there, and the object copies it.

    The place is in the parent-inverse matrix of the empty, which keeps even a sheared one exact.
    """
    place: Any = bpy.data.objects.new(f"{mesh.name} Place", None)
    rollback.callback(results.discard, place)
    results.mark(place, "place")
    place.hide_viewport = place.hide_render = True
    armature.users_collection[0].objects.link(place)
    place.parent = armature
    place.matrix_parent_inverse = armature.matrix_world.inverted_safe() @ Matrix(part.world.tolist())
    constraint = mesh.constraints.new("COPY_TRANSFORMS")
    rollback.callback(mesh.constraints.remove, constraint)
    constraint.name = "AnimaMimic Hold"
    constraint.target = place
    record.hold = constraint.name
    context.view_layer.update()
