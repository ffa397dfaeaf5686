"""Flip a limb of an animated armature to its other depth, see `core.mirror`, in the keys of its Action."""

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ..core.errors import InputError
from ..core.mirror import mirrored_limb
from ..core.types import Float64, Int32
from . import action as actions
from . import compat, results
from .bone_motion import bone_tracks
from .datablocks import ArmatureObject, CameraObject, Context, Scene


@dataclass(frozen=True)
class Played:
    """What an armature does. frames: whole ones, ascending. poses: float64[T, B, 4, 4], the bones' world matrices. tips:
    float64[T, B, 3]. rays: float64[T, B, 3], unit, from the camera through the tips. armature: float64[T, 4, 4], the object."""

    frames: range
    poses: Float64
    tips: Float64
    rays: Float64
    armature: Float64


def flip_limb(context: Context, armature: ArmatureObject, bone: str, first: int | None = None, last: int | None = None) -> range:
    """Mirror the limb that begins at a bone, from frame `first` to `last` (None: of the whole Action); returns the frames.

    The keys stand where the limb's keys stood, and at the ends of the range. Raises InputError where there is nothing to flip.
    """
    action = results.played_by(armature)
    if action is None:
        raise InputError(f"'{armature.name}' plays no Action.", "Animate it first.")
    if bone not in armature.pose.bones:
        raise InputError(f"'{armature.name}' has no bone '{bone}'.", "Select a bone in Pose Mode.")
    if context.scene.camera is None:
        raise InputError("The scene has no camera, so that nobody knows what depth is.", "Choose the camera that the motion was fitted through.")
    whole = range(int(np.ceil(action.frame_range[0])), int(np.floor(action.frame_range[1])) + 1)
    flipped = range(max(whole.start, whole.start if first is None else first), min(whole.stop, whole.stop if last is None else last + 1))
    if len(flipped) == 0:
        raise InputError(f"The Action has no frame between {first} and {last}.", f"It runs from {whole.start} to {whole.stop - 1}.")
    names = _parents_first(armature)
    limb = [index for index, name in enumerate(names) if name == bone or bone in {one.name for one in armature.pose.bones[name].parent_recursive}]
    played = _sample(context.scene, armature, names, whole)
    poses = _flipped(armature, names, limb, played, slice(flipped.start - whole.start, flipped.stop - whole.start))
    _rewrite(armature, action, names, limb, played, poses, flipped)
    context.view_layer.update()
    return flipped


def _parents_first(armature: ArmatureObject) -> tuple[str, ...]:
    return tuple(one.name for one in sorted(armature.pose.bones, key=lambda one: len(one.parent_recursive)))


def _sample(scene: Scene, armature: ArmatureObject, names: tuple[str, ...], frames: range) -> Played:
    before, subframe = scene.frame_current, scene.frame_subframe
    poses, tips, rays, worlds = [], [], [], []
    try:
        for frame in frames:
            scene.frame_set(frame)
            world = np.array(armature.matrix_world, np.float64)
            bones = [armature.pose.bones[name] for name in names]
            poses.append(world @ np.array([bone.matrix for bone in bones], np.float64))
            tips.append(np.array([bone.tail for bone in bones], np.float64) @ world[:3, :3].T + world[:3, 3])
            rays.append(_rays(scene.camera, tips[-1]))
            worlds.append(world)
    finally:
        scene.frame_set(before, subframe=subframe)
    return Played(frames, np.array(poses), np.array(tips), np.array(rays), np.array(worlds))


def _rays(camera: CameraObject, points: Float64) -> Float64:
    """float64[N, 3]: unit directions in which the camera sees points [N, 3]."""
    world = np.array(camera.matrix_world, np.float64)
    rays = np.broadcast_to(-world[:3, 2], points.shape) if camera.data.type == "ORTHO" else points - world[:3, 3]
    return rays / np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-12)


def _flipped(armature: ArmatureObject, names: tuple[str, ...], limb: list[int], played: Played, part: slice) -> Float64:
    """The poses of all bones, the limb's mirrored in some frames."""
    place = {names[index]: number for number, index in enumerate(limb)}
    above = [armature.pose.bones[names[index]].parent for index in limb]
    parents = tuple(place.get(one.name, -1) if one is not None else -1 for one in above)
    poses = played.poses.copy()
    poses[part, limb] = mirrored_limb(played.poses[part][:, limb], played.tips[part][:, limb], parents, played.rays[part][:, limb])
    return poses


def _rewrite(armature: ArmatureObject, action: bpy.types.Action, names: tuple[str, ...], limb: list[int], played: Played, poses: Float64, flipped: range) -> None:
    """Write the limb's turns anew; its joints stay in their parents, so that nothing else is keyed."""
    first_pose = played.poses[0]
    size = float(np.linalg.norm(np.ptp(played.tips[0], axis=0))) or 1.0
    tracks = bone_tracks(armature, names, first_pose, poses @ np.linalg.inv(first_pose), played.armature, size)
    bag: Any = compat.open_action(action, armature, compat.slot_identifier(armature))
    paths = {actions.bone_path(tracks[index].name, tracks[index].rotation_path): tracks[index] for index in limb}
    old = [curve for curve in bag.fcurves if curve.data_path in paths]
    keys = _key_frames(old, played.frames, flipped)
    for curve in old:
        bag.fcurves.remove(curve)
    for path, track in paths.items():
        actions.write_curves(bag, path, track.name, track.rotation, keys, played.frames.start)


def _key_frames(curves: list[bpy.types.FCurve], frames: range, flipped: range) -> Int32:
    """Frames, counted from the first, at which a curve has a key or the flip begins or ends."""
    wanted = {frames.start, frames.stop - 1, flipped.start - 1, flipped.start, flipped.stop - 1, flipped.stop}
    wanted |= {round(point.co[0]) for curve in curves for point in curve.keyframe_points}
    return np.array(sorted(frame - frames.start for frame in wanted if frame in frames), np.int32)
