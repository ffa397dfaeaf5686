"""Job folder -> scene: what the engine found, as an armature, vertex groups, an Action and shape keys.

All or nothing: by an error in the middle the scene is as before. A second run replaces what the first one left, and what belongs
to the user stays: other vertex groups, shape keys, modifiers, and Actions (with a fake user where they are no longer played).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..core.errors import InputError
from ..core.job import Result, read_result
from ..core.types import Int32, Rig
from . import action as actions
from . import compat, kept_armature, results
from .bone_motion import BoneTrack, bone_tracks, world_motion
from .camera import add_camera
from .captured import Captured
from .datablocks import ArmatureObject, Context, MeshObject
from .movement import flattens, may_move, moving
from .new_armature import attach_mesh, bind_mesh, common_parent, free_bone_names, make_armature
from .results import ArmatureRecord, MeshRecord, Rollback
from .scene_state import at_frame, in_object_mode
from .softness_group import remove_softness
from .subject import Subject, armature_of
from .tissue_keys import add_soft_motion
from .work import Made

GONE_REMEDY = "Undo that change, or run again."

UNSURE_BONES = 3
"""As many of the least certain bones are named."""

SURE = 0.33
"""A bone of less certainty than this is told: its turn in the picture's plane is not known either, see `core.fit.judge`."""

Records = dict[Any, MeshRecord]
"""What a run adds, by mesh object."""


@dataclass(frozen=True)
class Baked:
    """What a bake left in the scene.

    bones, keys, shape_keys: how many. warnings: what the user should know, one sentence each.
    """

    armature: bpy.types.Object
    action: bpy.types.Action
    bones: int
    keys: int
    shape_keys: int
    warnings: tuple[str, ...]


def bake_job(context: Context, captured: Captured, folder: Path) -> Made:
    """`bake` for the result that lies in a job folder. Raises InputError where there is none."""
    result = read_result(folder)
    baked = bake(context, captured, result)
    names = {"armature": baked.armature.name, "action": baked.action.name}
    return Made(**{**vars(baked), **names}, unsure=_least_certain(result), report=result.report)


def _least_certain(result: Result) -> tuple[str, ...]:
    """The bones that the picture tells least about, the worst first."""
    order = np.argsort(result.motion.certainty, kind="stable")
    return tuple(result.rig.names[bone] for bone in order[:UNSURE_BONES] if result.motion.certainty[bone] < SURE)


def bake(context: Context, captured: Captured, result: Result) -> Baked:
    """Bring a result into the scene that it was captured from.

    Raises InputError where the subject was changed meanwhile, with the scene as before.
    """
    meshes = captured_objects(context, captured)
    with in_object_mode(context), at_frame(context.scene, captured.start_frame):
        baked = (_bake_kept if captured.keep_rig else _bake_new)(context, captured, result, meshes)
    context.view_layer.update()
    return baked


def remove(context: Context, subject: Subject) -> None:
    """Take away what runs left on the subject. Raises InputError where there is nothing."""
    records = {one: record for one in subject.meshes if (record := results.mesh_record(one)) is not None}
    armatures = {one for one in (subject.armature, *map(armature_of, subject.meshes)) if results.armature_record(one) is not None}
    if not armatures and not records:
        raise InputError(f"AnimaMimic made nothing for '{subject.name}'.")
    actions_of_ours = [action for one in armatures if results.is_ours(action := results.played_by(one))]
    first = int(min((action.frame_range[0] for action in actions_of_ours), default=context.scene.frame_current))
    with in_object_mode(context), at_frame(context.scene, first):  # a kept rig without an Action of its own stays in its first pose
        for one in armatures:
            made = results.armature_record(one)
            if made is not None:
                results.remove_camera(context, made)
                results.restore_range(context.scene, made)
        for mesh, record in records.items():
            remove_softness(mesh, record)
        clear(records, armatures, with_skin=True)
    context.view_layer.update()


def _bake_new(context: Context, captured: Captured, result: Result, meshes: list[MeshObject]) -> Baked:
    """A new armature for the subject; an earlier one of ours is replaced."""
    rig, frames = result.rig, len(result.motion.rotations)
    with Rollback() as rollback:
        placed = place_rig(context, captured, result, meshes, rollback)
        armature, names, new = placed.armature, placed.names, placed.new
        world = np.array(armature.matrix_world, np.float64)
        first_pose = world @ np.array([armature.data.bones[name].matrix_local for name in names], np.float64).reshape(-1, 4, 4)
        moved = world_motion(rig, result.motion)
        tracks = bone_tracks(armature, names, first_pose, moved, np.tile(world, (frames, 1, 1)), diagonal_of(rig))
        action, keys = _write_action(armature, captured, tracks, _key_frames(armature, names, result), rollback)
        keys += add_soft_motion(captured, result, new, diagonal_of(result.rig), rollback)
        finished, old_camera = _finish_scene(context, captured, frames, ArmatureRecord(made=True), placed.before, rollback)
        rollback.keep()
    clear(placed.old, placed.old_armatures, with_skin=True)
    results.discard(old_camera, old_camera.data if old_camera is not None else None)
    write_records(new, armature, finished)
    return Baked(armature, action, len(names), keys, shape_key_count(new), placed.warnings)


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


def _bake_kept(context: Context, captured: Captured, result: Result, meshes: list[MeshObject]) -> Baked:
    """The user's own armature plays the motion; an earlier Action of ours is replaced."""
    armature, frames, diagonal = _kept_armature(captured, result), len(result.motion.rotations), diagonal_of(result.rig)
    with Rollback() as rollback:
        old_action = results.played_by(armature) if results.is_ours(results.played_by(armature)) else None
        before = results.armature_record(armature) or ArmatureRecord()
        silenced = kept_armature.silence(armature, captured, rollback)
        rollback.put_aside(old_action)
        old = {mesh: record for mesh in meshes if (record := results.put_aside(mesh, True, rollback)) is not None}
        new = {mesh: replace(successor(mesh, old.get(mesh)), **skin_of(old.get(mesh))) for mesh in meshes}
        world = kept_armature.worlds(context, armature, captured, frames, diagonal)
        tracks = bone_tracks(armature, captured.bones, captured.pose, world_motion(result.rig, result.motion), world, diagonal)
        kept_armature.keep_pose(armature, rollback)
        actions.show_first_pose(armature, tracks)
        action, keys = _write_action(armature, captured, tracks, _key_frames(armature, captured.bones, result), rollback)
        keys += add_soft_motion(captured, result, new, diagonal_of(result.rig), rollback)
        finished, old_camera = _finish_scene(context, captured, frames, silenced, before, rollback)
        rollback.keep()
    clear(old, set(), with_skin=False)
    results.discard(old_action, old_camera, old_camera.data if old_camera is not None else None)
    write_records(new, armature, finished)
    return Baked(armature, action, len(captured.bones), keys, shape_key_count(new), kept_armature.rivals(armature))


def captured_objects(context: Context, captured: Captured) -> list[MeshObject]:
    """The captured objects, or InputError where they are no longer what they were."""
    if context.scene.name != captured.scene:
        raise InputError(f"The subject was captured in the scene '{captured.scene}'.", "Switch to that scene.")
    meshes = []
    for part in captured.meshes:
        mesh: Any = context.view_layer.objects.get(part.name)
        if mesh is None or mesh.type != "MESH":
            raise InputError(f"The object '{part.name}' is no longer there under that name.", GONE_REMEDY)
        if len(mesh.data.vertices) != len(part.modelled):
            raise InputError(f"'{part.name}' had {len(part.modelled)} vertices and now has {len(mesh.data.vertices)}.", GONE_REMEDY)
        meshes.append(mesh)
    return meshes


def _kept_armature(captured: Captured, result: Result) -> ArmatureObject:
    armature = kept_armature.find_armature(captured.armature)
    if armature is None:
        raise InputError(f"The armature '{captured.armature}' is no longer there under that name.", GONE_REMEDY)
    missing = [name for name in captured.bones if name not in armature.pose.bones]
    if missing or result.rig.names != captured.bones:
        raise InputError(f"The bones of '{captured.armature}' changed: {', '.join(missing[:5]) or 'they are others'}.", GONE_REMEDY)
    return armature


def successor(mesh: MeshObject, old: MeshRecord | None) -> MeshRecord:
    """The record of a new run on a mesh object: knows what was the user's before ours."""
    record = MeshRecord()
    if old is not None:
        record.made_basis, record.own_action, record.own_slot, record.own_fake = old.made_basis, old.own_action, old.own_slot, old.own_fake
        record.softness = old.softness
    playing = results.played_by(mesh.data.shape_keys)
    if playing is not None and not results.is_ours(playing):
        record.own_action, record.own_slot, record.own_fake = playing.name, compat.slot_identifier(mesh.data.shape_keys), playing.use_fake_user
    return record


def skin_of(old: MeshRecord | None) -> dict[str, Any]:
    """The part of a record that a run with a kept rig leaves as it is."""
    return {} if old is None else {"groups": old.groups, "modifier": old.modifier, "parented": old.parented, "hold": old.hold}


def _skin(context: Context, captured: Captured, result: Result, armature: ArmatureObject, names: tuple[str, ...], new: Records, rollback: Rollback) -> None:
    """Bind every mesh to the new armature, and the armature to what carries the meshes."""
    last = captured.start_frame + len(result.motion.rotations) - 1
    movers = moving(context, list(new), captured.start_frame, last, diagonal_of(result.rig))
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


def _key_frames(armature: ArmatureObject, names: tuple[str, ...], result: Result) -> list[Int32]:
    """Where each bone has keys.

    A bone whose parent in the motion is not its parent in the armature (an extra root that the fit hung on a limb) must also be
    keyed where the bones between them are: in Blender it is keyed for what they do.
    """
    index = {name: number for number, name in enumerate(names)}
    found = []
    for number, name in enumerate(names):
        parent = armature.data.bones[name].parent
        real = {index[one.name] for one in (parent, *parent.parent_recursive)} if parent is not None else set()
        frames, above = [result.keys.frames[number]], int(result.rig.parents[number])
        while above >= 0 and above not in real:
            frames.append(result.keys.frames[above])
            above = int(result.rig.parents[above])
        found.append(np.unique(np.concatenate(frames)).astype(np.int32))
    return found


def _write_action(armature: ArmatureObject, captured: Captured, tracks: tuple[BoneTrack, ...], key_frames: list[Int32], rollback: Rollback) -> tuple[Any, int]:
    """The Action of the armature, played by it, and its number of keys."""
    action = actions.new_action(f"{captured.subject} Motion", rollback)
    bag = compat.open_action(action, armature)
    keys = sum(actions.write_bone_curves(bag, track, frames, captured.start_frame) for track, frames in zip(tracks, key_frames, strict=True))
    compat.play_action(armature, action)
    return action, keys


def _finish_scene(context: Context, captured: Captured, frames: int, record: ArmatureRecord, before: ArmatureRecord, rollback: Rollback) -> tuple[ArmatureRecord, Any]:
    """The frame range holds the animation; the camera that the capture made is there.

    before: the record of the run that is replaced. Returns the completed record, and that run's camera where a new one takes its
    place.
    """
    scene = context.scene
    stood = results.frame_range(scene)
    own_range = before.own_range if before.own_range and stood == before.given_range else stood
    rollback.set(scene, "frame_end", max(scene.frame_end, captured.start_frame + frames - 1))
    rollback.set(scene, "frame_start", min(scene.frame_start, captured.start_frame))
    record = replace(record, own_range=own_range, given_range=results.frame_range(scene))
    old_camera = bpy.data.objects.get(before.camera)
    if captured.camera is None:
        return replace(record, camera=before.camera, own_camera=before.own_camera), None
    rollback.put_aside(old_camera, old_camera.data if old_camera is not None else None)
    camera = add_camera(scene, **vars(captured.camera))
    rollback.callback(results.discard, camera, camera.data)
    results.mark(camera, "camera")
    own = before.own_camera if old_camera is not None and scene.camera == old_camera else getattr(scene.camera, "name", "")
    rollback.set(scene, "camera", camera)
    return replace(record, camera=camera.name, own_camera=own), old_camera


def clear(records: Mapping[Any, MeshRecord], armatures: set[Any], with_skin: bool) -> None:
    """Remove what records tell of, and armatures of ours."""
    for mesh, record in records.items():
        results.remove_shape_keys(mesh, record)
        if with_skin:
            results.remove_skin(mesh, record)
            results.write_record(mesh, None)
    for one in armatures:
        made = results.armature_record(one)
        if made is not None:
            results.remove_armature(one, made)


def write_records(new: Records, armature: ArmatureObject, record: ArmatureRecord) -> None:
    """Keep with the objects what a run did to them."""
    for mesh, one in new.items():
        results.write_record(mesh, one if one != MeshRecord() else None)
    results.write_record(armature, record)


def shape_key_count(new: Records) -> int:
    """How many shape keys there are by name: one may be on several objects."""
    return len({name for one in new.values() for name in one.shape_keys})


def diagonal_of(rig: Rig) -> float:
    """The subject's size, metres."""
    return float(np.linalg.norm(np.ptp(rig.rest.astype(np.float64), axis=0)))
