"""Weights alone, for an armature that is there and moves nothing yet."""

from pathlib import Path

import numpy as np

from ..core import job
from ..core.errors import InputError
from ..core.settings import Settings
from ..core.types import Float64, Int32, Rig
from . import results
from .capture import captured_meshes, subject_mesh
from .captured import Captured, write_captured
from .datablocks import ArmatureObject, Context, MeshObject
from .kept_rig import Pose, pose_of
from .new_armature import add_groups, add_modifier
from .records import Records, clear, successor
from .results import MeshRecord, Rollback
from .scene_state import in_object_mode, in_rest_pose
from .still_there import captured_armature
from .subject import Subject
from .work import Made


def waiting_armature(context: Context, subject: Subject) -> ArmatureObject | None:
    """The user's armature that the subject hangs on, or that is selected with it, if it moves no vertex of it but by what an earlier
    run of ours gave."""
    selected = [one for one in context.selected_objects if one.type == "ARMATURE"]
    armature = subject.armature or (selected[0] if len(selected) == 1 else None)
    if armature is None:
        return None
    record = results.armature_record(armature)
    if (record is not None and record.made) or any(_moved(one, armature) for one in subject.meshes):
        return None
    return armature


def capture_weights(context: Context, subject: Subject, settings: Settings, folder: Path) -> Captured:
    """Write the job of making weights for the armature's deforming bones, all in its rest pose, into the (existing) folder.

    Raises InputError where it has none.
    """
    armature = subject.armature
    assert armature is not None
    with in_rest_pose(context, armature):
        mesh, counts = subject_mesh(context, subject)
        meshes = captured_meshes(context, subject, counts, mesh.diagonal, False)
        names, parents, rest, lengths = _deforming(armature, pose_of(armature, context.evaluated_depsgraph_get()))
    if not names:
        raise InputError(f"The armature '{armature.name}' has no bone that deforms.", "Switch Deform on, in the bones' properties.")
    heads = rest[:, :3, 3]
    rig = Rig.bare(mesh, names, parents, heads, heads + lengths[:, None] * rest[:, :3, 1], _unit(rest[:, :3, 2]))
    world = np.array(armature.matrix_world, np.float64)
    captured = Captured(subject.name, context.scene.name, context.scene.frame_current, True, armature.name, meshes, names, rest, world)
    job.write_request(folder, job.Request(settings, mesh, rig, None, 1.0, task=job.Task.RIG))
    write_captured(folder, captured)
    return captured


def bake_weights(context: Context, captured: Captured, result: job.Result, meshes: list[MeshObject]) -> Made:
    """Vertex groups named like the bones, and an Armature modifier where there is none. Raises InputError where the armature was changed meanwhile."""
    armature = captured_armature(captured, result)
    with in_object_mode(context):
        with Rollback() as rollback:
            old = {mesh: record for mesh in meshes if (record := results.put_aside(mesh, False, rollback)) is not None}
            new: Records = {mesh: successor(mesh, old.get(mesh)) for mesh in meshes}
            for (mesh, record), part in zip(new.items(), captured.meshes, strict=True):
                _free_names(mesh, captured.bones, rollback)
                add_groups(mesh, part, result.rig, captured.bones, record, rollback)
                if not _bound(mesh, armature, old.get(mesh)):
                    add_modifier(mesh, armature, record, rollback)
            rollback.keep()
        clear(old, set(), with_skin=True)
        for mesh, record in new.items():
            results.write_record(mesh, record)
    context.view_layer.update()
    return Made(armature=armature.name, bones=len(captured.bones), report=result.report)


def _moved(mesh: MeshObject, armature: ArmatureObject) -> bool:
    """Whether a vertex group of the user's has a weight for a deforming bone."""
    record = results.mesh_record(mesh)
    ours = set(record.groups) if record is not None else set()
    bones = {bone.name for bone in armature.data.bones if bone.use_deform} - ours
    groups = {group.index for group in mesh.vertex_groups if group.name in bones}
    return bool(groups) and any(one.group in groups and one.weight > 0.0 for vertex in mesh.data.vertices for one in vertex.groups)


def _bound(mesh: MeshObject, armature: ArmatureObject, old: MeshRecord | None) -> bool:
    """Whether the armature deforms the mesh object without a modifier of ours."""
    ours = old.modifier if old is not None else ""
    of_user = any(one.type == "ARMATURE" and one.object == armature and one.name != ours for one in mesh.modifiers)
    return of_user or (mesh.parent == armature and mesh.parent_type == "ARMATURE")


def _deforming(armature: ArmatureObject, pose: Pose) -> tuple[tuple[str, ...], Int32, Float64, Float64]:
    """Names, parents (the next deforming bone above, -1 for none), world matrices in rest pose and lengths of the deforming bones."""
    deforms = np.array([armature.data.bones[name].use_deform for name in pose.names], bool)
    place = np.cumsum(deforms) - 1
    parents = []
    for bone in np.flatnonzero(deforms):
        above = int(pose.parents[bone])
        while above >= 0 and not deforms[above]:
            above = int(pose.parents[above])
        parents.append(int(place[above]) if above >= 0 else -1)
    names = tuple(name for name, kept in zip(pose.names, deforms, strict=True) if kept)
    scale = np.linalg.norm(pose.rest[deforms][:, :3, 1], axis=1)
    rest = pose.rest[deforms].copy()
    rest[:, :3, :3] /= np.maximum(scale, 1e-30)[:, None, None]
    return names, np.array(parents, np.int32), rest, pose.lengths[deforms] * scale


def _unit(vectors: Float64) -> Float64:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30))


def _free_names(mesh: MeshObject, names: tuple[str, ...], rollback: Rollback) -> None:
    """Take away the groups of the bones' names, which hold no weight, so that ours can be called so."""
    for name in names:
        if name in mesh.vertex_groups:
            rollback.callback(_add_empty, mesh, name)
            mesh.vertex_groups.remove(mesh.vertex_groups[name])


def _add_empty(mesh: MeshObject, name: str) -> None:
    mesh.vertex_groups.new(name=name)
