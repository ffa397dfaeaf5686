"""More keys for bones that are not keyed in quaternions.

The engine chooses key frames for curves of quaternions and measures what the surface loses by them. The same key frames give other
curves in Euler angles or axis and angle, which can lose more. So those curves are played here, the surface is measured again, and keys
are added where they stray, until it loses no more than the engine told.
"""

from dataclasses import dataclass, replace

import numpy as np
from mathutils import Euler, Matrix, Quaternion, Vector

from ..core.curves import bezier_through, evaluate, reduced
from ..core.job import Result
from ..core.pose import rotation_matrices, world_motion
from ..core.types import Float64, Int32, Motion, Rig
from .bone_motion import BoneTrack
from .datablocks import ArmatureObject

SAMPLES = 1000
"""About as many vertices are watched."""

ROUNDS = 8
"""Tolerances tried, each half of the one before; then the bones are keyed on every frame."""

SAME_TURN = 1e-4
"""Difference of rotation matrices below which they are the same; Blender's are of single precision."""


@dataclass(frozen=True)
class Turns:
    """What a bone's rotation channels do to it. samples: float64[T, C]. mode: Blender's. outward: float64[3, 3], from the bone's own axes at
    rest in its parent to the world's in frame 0. first: float64[3, 3], its turn in frame 0, own axes."""

    samples: Float64
    mode: str
    outward: Float64
    first: Float64

    @staticmethod
    def of(track: BoneTrack, mode: str, first_pose: Float64) -> "Turns":
        """first_pose: float64[4, 4], the bone's world matrix in frame 0."""
        first = _matrices(track.rotation[:1], mode)[0]
        axes = first_pose[:3, :3] / np.linalg.norm(first_pose[:3, :3], axis=0)
        return Turns(track.rotation, mode, axes @ first.T, first)

    def played(self, keys: Int32) -> Float64:
        """float64[T, 3, 3]: the bone's turns as `core.types.Motion` tells them, by the curves through some keys."""
        curves = evaluate(bezier_through(self.samples, keys), np.arange(len(self.samples)))
        return self.outward @ _matrices(curves, self.mode) @ self.first.T @ self.outward.T

    def denser(self, keys: Int32, angle: float) -> Int32:
        """The keys, and more of them until no frame is off by more than `angle`, radians."""
        true = self.played(np.arange(len(self.samples), dtype=np.int32))
        while True:
            apart = np.linalg.norm(self.played(keys) - true, axis=(1, 2)) / np.sqrt(2)  # 2 sin(angle / 2)
            if len(keys) == len(apart) or apart.max() <= angle:
                return keys
            apart[keys] = -1.0
            keys = np.union1d(keys, [int(apart.argmax())]).astype(np.int32)


def strict_key_frames(armature: ArmatureObject, result: Result, tracks: tuple[BoneTrack, ...], first_pose: Float64, chosen: list[Int32]) -> list[Int32]:
    """Key frames of every bone with which the surface strays no more than `result.keys.surface_error`.

    tracks: what is keyed, in the motion's order. first_pose: float64[B, 4, 4], the bones' world matrices in frame 0.
    chosen: the engine's key frames, int32[n] a bone; those of bones in quaternions stay.
    """
    modes = {bone: armature.pose.bones[track.name].rotation_mode for bone, track in enumerate(tracks)}
    others = {bone: Turns.of(tracks[bone], mode, first_pose[bone]) for bone, mode in modes.items() if mode != "QUATERNION" and len(chosen[bone]) > 1}
    if not others:
        return chosen
    rig, motion = _sampled(result.rig), result.motion
    every = np.arange(len(motion.rotations), dtype=np.int32)
    true = _skinned(rig, motion)
    size = float(np.linalg.norm(np.ptp(result.rig.rest.astype(np.float64), axis=0)))
    allowed = tolerance = (result.keys.surface_error + 1e-6) * size
    # A bone that hangs on another one than in the motion is keyed for what lies between, too: its curves alone tell nothing.
    alike = {bone: np.abs(turns.played(every) - rotation_matrices(motion.rotations[:, bone])).max() < SAME_TURN for bone, turns in others.items()}
    frames = [one if alike.get(bone, True) else every for bone, one in enumerate(chosen)]
    for _ in range(ROUNDS):
        if np.linalg.norm(_skinned(rig, _played(motion, frames, others)) - true, axis=-1).max() <= allowed:
            return frames
        tolerance /= 2
        frames = [others[bone].denser(one, tolerance / size) if bone in others else one for bone, one in enumerate(frames)]
    return [every if bone in others else one for bone, one in enumerate(frames)]


def _played(motion: Motion, frames: list[Int32], others: dict[int, Turns]) -> Motion:
    """The motion that Blender plays."""
    played = reduced(motion, frames)
    rotations = played.rotations.copy()
    for bone, turns in others.items():
        rotations[:, bone] = [Matrix(one).to_quaternion()[:] for one in turns.played(frames[bone]).tolist()]
    return replace(played, rotations=rotations)


def _matrices(samples: Float64, mode: str) -> Float64:
    """float64[T, 3, 3]: rotations of what a pose bone's channels hold in a mode."""
    if mode == "AXIS_ANGLE":
        turns = [Quaternion(Vector(one[1:]), one[0]).to_matrix() for one in samples.tolist()]
    else:
        turns = [Euler(one, mode).to_matrix() for one in samples.tolist()]
    return np.array(turns, np.float64)


def _sampled(rig: Rig) -> Rig:
    step = max(1, len(rig.rest) // SAMPLES)
    return replace(rig, influences=rig.influences[::step], weights=rig.weights[::step], rest=rig.rest[::step])


def _skinned(rig: Rig, motion: Motion) -> Float64:
    """float64[T, V, 3]: the surface; for few vertices."""
    bind = np.concatenate([rig.bind, np.tile([[[0.0, 0.0, 0.0, 1.0]]], (len(rig.bind), 1, 1))], 1)
    bones = (world_motion(rig, motion) @ bind)[:, :, :3]
    rest = np.concatenate([rig.rest, np.ones((len(rig.rest), 1))], 1)
    slots = (rig.weights[:, k, None] * np.einsum("tvij,vj->tvi", bones[:, rig.influences[:, k]], rest) for k in range(rig.influences.shape[1]))
    return np.sum(list(slots), axis=0)
