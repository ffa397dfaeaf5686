"""The fitted motion as what Blender's bones are keyed with: local rotation and location of every bone, frame by frame."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from mathutils import Matrix, Quaternion

from ..core.types import Float64
from .datablocks import ArmatureObject

STILL = 1e-6
"""Fraction of the subject's size by which a joint that stands still may stray."""

SAME_SIZE = 3e-5
"""Relative change of a bone's scale below which it keeps its size; Blender's matrices are of single precision."""


@dataclass(frozen=True)
class BoneTrack:
    """One bone over all frames, in the channels that Blender keys.

    rotation: float64[T, 4 or 3] in the bone's rotation mode, continuous. location, scale: float64[T, 3].
    rotation_path: rotation_quaternion, rotation_euler or rotation_axis_angle. slides, stretches: whether location and scale change.
    """

    name: str
    rotation_path: str
    rotation: Float64
    location: Float64
    scale: Float64
    slides: bool
    stretches: bool


def bone_tracks(armature: ArmatureObject, names: tuple[str, ...], first_pose: Float64, moved: Float64, armature_world: Float64, diagonal: float) -> tuple[BoneTrack, ...]:
    """What to key on each bone so that it follows the motion.

    names: bones in the motion's order. first_pose: float64[B, 4, 4], their world matrices in frame 0. moved: float64[T, B, 4, 4],
    see `core.pose.world_motion`. armature_world: float64[T, 4, 4], where the armature object is. diagonal: the subject's, metres.
    Goes through pose matrices, so the bones' real parents count, whatever tree the motion used.
    """
    inverse = np.linalg.inv(armature_world)
    poses = inverse[:, None] @ moved @ first_pose
    index = {name: number for number, name in enumerate(names)}
    unit = diagonal / np.cbrt(abs(np.linalg.det(armature_world[0, :3, :3])))
    frames = [[Matrix(matrix) for matrix in frame] for frame in poses.transpose(1, 0, 2, 3).tolist()]
    tracks = []
    for number, name in enumerate(names):
        bone = armature.pose.bones[name]
        parent = bone.parent
        above = frames[index[parent.name]] if parent is not None else None
        tracks.append(_track(bone, _local_matrices(bone.bone, frames[number], above), STILL * unit))
    return tuple(tracks)


def _local_matrices(bone: Any, poses: list[Matrix], above: list[Matrix] | None) -> list[Matrix]:
    """Pose-channel matrices of one bone; Blender's own inverse keeps to the inherit-rotation and inherit-scale flags."""
    if above is None:
        return [bone.convert_local_to_pose(pose, bone.matrix_local, invert=True) for pose in poses]
    rest, rest_above = bone.matrix_local, bone.parent.matrix_local
    return [
        bone.convert_local_to_pose(pose, rest, parent_matrix=parent, parent_matrix_local=rest_above, invert=True)
        for pose, parent in zip(poses, above, strict=True)
    ]


def _track(bone: Any, matrices: list[Matrix], still: float) -> BoneTrack:
    parts = [matrix.decompose() for matrix in matrices]
    location = np.array([part[0][:] for part in parts], np.float64)
    slides = not bone.bone.use_connect and bool(np.abs(location - location[0]).max() > still)
    quaternions = _continuous([part[1] for part in parts])
    path, rotation = _in_mode(bone, quaternions)
    scale = np.array([part[2][:] for part in parts], np.float64)
    stretches = bool(np.abs(scale - scale[0]).max() > SAME_SIZE * np.abs(scale[0]).max())
    return BoneTrack(bone.name, path, rotation, location, scale, slides, stretches)


def _continuous(quaternions: list[Quaternion]) -> list[Quaternion]:
    """Without sign flips, so that curves through them take the short way."""
    for before, now in pairwise(quaternions):
        if before.dot(now) < 0.0:
            now.negate()
    return quaternions


def _in_mode(bone: Any, quaternions: list[Quaternion]) -> tuple[str, Float64]:
    """Channel name and values in the bone's own rotation mode, continuous."""
    if bone.rotation_mode == "QUATERNION":
        return "rotation_quaternion", np.array([one[:] for one in quaternions], np.float64)
    if bone.rotation_mode == "AXIS_ANGLE":
        return "rotation_axis_angle", _axis_angles(np.array([one[:] for one in quaternions], np.float64))
    angles = []
    before = bone.rotation_euler
    for one in quaternions:
        before = one.to_euler(bone.rotation_mode, before)
        angles.append(before[:])
    return "rotation_euler", np.array(angles, np.float64)


def _axis_angles(quaternions: Float64) -> Float64:
    """float64[T, 4], angle first; the axis never jumps to its opposite, and stays where the angle is zero."""
    result = np.empty_like(quaternions)
    axis = np.array([0.0, 1.0, 0.0])
    for frame, (w, *vector) in enumerate(quaternions):
        length = float(np.linalg.norm(vector))
        angle = 2.0 * np.arctan2(length, w)
        if length > 1e-9:
            found = np.array(vector) / length
            axis, angle = (found, angle) if found @ axis >= 0.0 else (-found, -angle)
        result[frame] = (angle, *axis)
    return result
