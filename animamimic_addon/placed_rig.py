"""A new rig on the subject: armature, vertex groups and modifiers, in the place of what an earlier run made."""

from dataclasses import dataclass
from typing import Any

from ..core.job import Result
from . import results
from .captured import Captured
from .datablocks import ArmatureObject, Context, MeshObject
from .movement import flattens, may_move, moving
from .new_armature import attach_mesh, bind_mesh, common_parent, free_bone_names, make_armature
from .records import Records, successor
from .results import ArmatureRecord, Rollback
from .subject import armature_of


@dataclass(frozen=True)
class Placed:
    """A new rig on the subject, and the earlier one of ours that it takes the place of.

    before: the record of that one. old, new: what the earlier run added to the mesh objects, and what this one did.
    """

    armature: Any
    names: tuple[str, ...]
    old_armatures: set[Any]
    old: Records
    new: Records
    before: ArmatureRecord
    warnings: tuple[str, ...]


def place_rig(context: Context, captured: Captured, result: Result, meshes: list[MeshObject], rollback: Rollback) -> Placed:
    """Armature, vertex groups and modifiers; what an earlier run made is put aside, to be cleared when all has gone well."""
    old_armatures = {one for one in map(results.our_armature, meshes) if one is not None}
    warnings = _still_deformed(meshes, old_armatures)
    before = next((found for one in old_armatures if (found := results.armature_record(one)) is not None), ArmatureRecord())
    for one in old_armatures:
        rollback.put_aside(one, one.data, results.played_by(one))
    old = {mesh: record for mesh in meshes if (record := results.put_aside(mesh, False, rollback)) is not None}
    new = {mesh: successor(mesh, old.get(mesh)) for mesh in meshes}
    names = free_bone_names(result.rig, meshes)
    armature = make_armature(context, captured, result.rig, result.motion, names, rollback)
    _skin(context, captured, result, armature, names, new, rollback)
    return Placed(armature, names, old_armatures, old, new, before, warnings)


def _skin(context: Context, captured: Captured, result: Result, armature: ArmatureObject, names: tuple[str, ...], new: Records, rollback: Rollback) -> None:
    """Bind every mesh to the new armature, and the armature to what carries the meshes."""
    last = captured.start_frame + len(result.motion.rotations) - 1
    movers = moving(context, list(new), captured.start_frame, last, result.rig.diagonal)
    above = common_parent(list(new))
    if above is not None and not may_move(above) and not flattens(above):
        results.reparent(armature, above)
        context.view_layer.update()
    for (mesh, record), part in zip(new.items(), captured.meshes, strict=True):
        before = results.mesh_record(mesh)
        bind_mesh(mesh, part, armature, result.rig, names, record, rollback)
        attach_mesh(context, mesh, part, armature, mesh in movers or bool(before and before.hold), record, rollback)
    context.view_layer.update()


def _still_deformed(meshes: list[MeshObject], ours: set[Any]) -> tuple[str, ...]:
    """Warn where another armature goes on moving the subject below the new one."""
    others = {one for one in map(armature_of, meshes) if one is not None and one not in ours}
    return tuple(f"The armature '{one.name}' still deforms the subject, and moves it too." for one in others if results.played_by(one) is not None)
