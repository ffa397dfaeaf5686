"""Job folder -> scene: what the engine found, as an armature, vertex groups, an Action and shape keys.

All or nothing: by an error in the middle the scene is as before. A second run replaces what the first one left, and what belongs
to the user stays: other vertex groups, shape keys, modifiers, and Actions (with a fake user where they are no longer played).
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..core.job import Result, read_result
from ..core.pose import world_motion
from ..core.types import Int32
from . import action as actions
from . import compat, kept_armature, results
from .bone_motion import BoneTrack, bone_tracks
from .camera import add_camera
from .captured import Captured
from .datablocks import ArmatureObject, Context, MeshObject
from .placed_rig import place_rig
from .records import clear, shape_key_count, skin_of, successor, write_records
from .results import ArmatureRecord, Rollback
from .scene_state import at_frame, in_object_mode
from .still_there import captured_armature, captured_objects
from .strict_keys import strict_key_frames
from .tissue_keys import add_soft_motion
from .work import Made

UNSURE_BONES = 3
"""As many of the least certain bones are named."""

SURE = 0.33
"""A bone of less certainty than this is told: its turn in the picture's plane is not known either, see `core.fit.judge`."""


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


def _bake_new(context: Context, captured: Captured, result: Result, meshes: list[MeshObject]) -> Baked:
    """A new armature for the subject; an earlier one of ours is replaced."""
    rig, frames = result.rig, len(result.motion.rotations)
    with Rollback() as rollback:
        placed = place_rig(context, captured, result, meshes, rollback)
        armature, names, new = placed.armature, placed.names, placed.new
        world = np.array(armature.matrix_world, np.float64)
        first_pose = world @ np.array([armature.data.bones[name].matrix_local for name in names], np.float64).reshape(-1, 4, 4)
        moved = world_motion(rig, result.motion)
        tracks = bone_tracks(armature, names, first_pose, moved, np.tile(world, (frames, 1, 1)), rig.diagonal)
        action, keys = _write_action(armature, captured, tracks, _key_frames(armature, names, result), rollback)
        keys += add_soft_motion(captured, result, new, result.rig.diagonal, rollback)
        finished, old_camera = _finish_scene(context, captured, frames, ArmatureRecord(made=True), placed.before, rollback)
        rollback.keep()
    clear(placed.old, placed.old_armatures, with_skin=True)
    results.discard(old_camera, old_camera.data if old_camera is not None else None)
    write_records(new, armature, finished)
    return Baked(armature, action, len(names), keys, shape_key_count(new), placed.warnings)


def _bake_kept(context: Context, captured: Captured, result: Result, meshes: list[MeshObject]) -> Baked:
    """The user's own armature plays the motion; an earlier Action of ours is replaced."""
    armature, frames, diagonal = captured_armature(captured, result), len(result.motion.rotations), result.rig.diagonal
    with Rollback() as rollback:
        old_action = results.played_by(armature) if results.is_ours(results.played_by(armature)) else None
        before = results.armature_record(armature) or ArmatureRecord()
        silenced = kept_armature.silence(armature, captured, rollback)
        rollback.put_aside(old_action)
        old = {mesh: record for mesh in meshes if (record := results.put_aside(mesh, True, rollback)) is not None}
        new = {mesh: replace(successor(mesh, old.get(mesh)), **skin_of(old.get(mesh))) for mesh in meshes}
        world = kept_armature.worlds(context, armature, captured, frames, diagonal)
        tracks = bone_tracks(armature, captured.bones, captured.pose, world_motion(result.rig, result.motion), world, diagonal)
        key_frames = strict_key_frames(armature, result, tracks, captured.pose, _key_frames(armature, captured.bones, result))
        kept_armature.keep_pose(armature, rollback)
        actions.show_first_pose(armature, tracks)
        action, keys = _write_action(armature, captured, tracks, key_frames, rollback)
        keys += add_soft_motion(captured, result, new, result.rig.diagonal, rollback)
        finished, old_camera = _finish_scene(context, captured, frames, silenced, before, rollback)
        rollback.keep()
    clear(old, set(), with_skin=False)
    results.discard(old_action, old_camera, old_camera.data if old_camera is not None else None)
    write_records(new, armature, finished)
    return Baked(armature, action, len(captured.bones), keys, shape_key_count(new), kept_armature.rivals(armature))


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
