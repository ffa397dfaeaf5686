"""Actions: channels over all frames become F-curves with few keys, written in bulk."""

from typing import Any

import bpy
import numpy as np

from ..core.curves import BezierKeys, bezier_through
from ..core.types import Float64, Int32
from . import compat, results
from .bone_motion import BoneTrack
from .datablocks import ArmatureObject

BEZIER = 2
"""`Keyframe.interpolation` BEZIER, as `foreach_set` wants it."""

FREE, ALIGNED = 0, 3
"""`Keyframe.handle_left_type`, as `foreach_set` wants it."""


def new_action(name: str, rollback: results.Rollback) -> bpy.types.Action:
    """An empty Action of ours."""
    action = bpy.data.actions.new(name)
    rollback.callback(results.discard, action)
    results.mark(action, "action")
    return action


def write_bone_curves(bag: Any, track: BoneTrack, key_frames: Int32, start_frame: int) -> int:
    """F-curves of one bone in what `compat.open_action` returned. key_frames count from 0. Returns the number of keys."""
    keys = write_curves(bag, bone_path(track.name, track.rotation_path), track.name, track.rotation, key_frames, start_frame)
    if track.slides:
        keys += write_curves(bag, bone_path(track.name, "location"), track.name, track.location, key_frames, start_frame)
    if track.stretches:
        keys += write_curves(bag, bone_path(track.name, "scale"), track.name, track.scale, key_frames, start_frame)
    return keys


def bone_path(bone: str, channel: str) -> str:
    """The data path of a pose bone's channel."""
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"].{channel}'


def write_curves(bag: Any, path: str, group: str, samples: Float64, key_frames: Int32, start_frame: int) -> int:
    """One F-curve for each column of samples [T, C], with keys at key_frames. Returns the number of keys."""
    found = bezier_through(samples, key_frames)
    for channel in range(samples.shape[1]):
        curve = compat.new_curve(bag, path, channel, group)
        _write_keys(curve, found, channel, start_frame)
    return len(found.frames) * samples.shape[1]


def show_first_pose(armature: ArmatureObject, tracks: tuple[BoneTrack, ...]) -> None:
    """Put the bones into frame 0, also in the channels that have no keys."""
    for track in tracks:
        bone = armature.pose.bones[track.name]
        setattr(bone, track.rotation_path, track.rotation[0].tolist())
        bone.location, bone.scale = track.location[0].tolist(), track.scale[0].tolist()


def _write_keys(curve: Any, keys: BezierKeys, channel: int, start_frame: int) -> None:
    count = len(keys.frames)
    points = curve.keyframe_points
    points.add(count)
    shift = np.array([start_frame, 0.0])
    points.foreach_set("co", _interleaved(np.stack([keys.frames + start_frame, keys.values[:, channel]], axis=1)))
    points.foreach_set("interpolation", np.full(count, BEZIER, np.int32))
    kind = np.where(keys.corner, FREE, ALIGNED).astype(np.int32)  # aligned handles turn together when an animator drags one
    points.foreach_set("handle_left_type", kind)
    points.foreach_set("handle_right_type", kind)
    points.foreach_set("handle_left", _interleaved(keys.left[:, channel] + shift))
    points.foreach_set("handle_right", _interleaved(keys.right[:, channel] + shift))
    curve.update()


def _interleaved(values: Float64) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32).reshape(-1)
