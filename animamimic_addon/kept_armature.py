"""The user's own armature, about to play a new Action: what it played before is kept, what would fight is told."""

from typing import Any

import numpy as np
from mathutils import Matrix

from ..core.types import Float64
from . import compat, results
from .captured import Captured
from .datablocks import ArmatureObject, Context
from .movement import STILL, may_move, worlds_at
from .results import ArmatureRecord, Rollback

POSE_CHANNELS = ("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "scale")


def silence(armature: ArmatureObject, captured: Captured, rollback: Rollback) -> ArmatureRecord:
    """Stop what the armature plays now; returns the record of it.

    An Action of the user's stays in the file. NLA tracks are switched off. What an Action moved the armature object to at the
    start frame becomes its place.
    """
    before = results.armature_record(armature)
    playing = results.played_by(armature)
    slot = compat.slot_identifier(armature)
    record = before or ArmatureRecord()
    if playing is not None and not results.is_ours(playing):
        record.own_action, record.own_slot, record.own_fake = playing.name, slot, playing.use_fake_user
        rollback.set(playing, "use_fake_user", True)
    if armature.animation_data is not None:
        rollback.callback(compat.play_action, armature, playing, slot)
        compat.play_action(armature, None)
        if armature.animation_data.use_nla and len(armature.animation_data.nla_tracks):
            record.own_nla = True
            rollback.set(armature.animation_data, "use_nla", False)
    if not np.allclose(np.array(armature.matrix_world), captured.armature_world, rtol=0, atol=1e-6 * np.abs(captured.armature_world).max()):
        rollback.callback(setattr, armature, "matrix_basis", armature.matrix_basis.copy())
        armature.matrix_world = Matrix(captured.armature_world.tolist())
    rollback.set(armature.data, "pose_position", "POSE")
    return record


def rivals(armature: ArmatureObject) -> tuple[str, ...]:
    """A sentence for each thing on the armature that can overrule its keys."""
    held = [bone.name for bone in armature.pose.bones if any(not one.mute and one.influence > 0.0 for one in bone.constraints)]
    driven = armature.animation_data is not None and any(one.data_path.startswith("pose.bones") for one in armature.animation_data.drivers)
    found = []
    if held:
        some = ", ".join(held[:5]) + (", ..." if len(held) > 5 else "")
        found.append(f"{len(held)} bones of '{armature.name}' have constraints that may overrule their keys: {some}.")
    if driven:
        found.append(f"Drivers on bones of '{armature.name}' overrule their keys.")
    return tuple(found)


def worlds(context: Context, armature: ArmatureObject, captured: Captured, frames: int, diagonal: float) -> Float64:
    """float64[T, 4, 4]: where the armature object is at each frame; its parents may carry it along."""
    still = np.tile(captured.armature_world, (frames, 1, 1))
    if not may_move(armature):
        return still
    found = worlds_at(context, [armature], list(range(captured.start_frame, captured.start_frame + frames)))[:, 0]
    return found if np.abs(found - still).max() > STILL * diagonal else still


def keep_pose(armature: ArmatureObject, rollback: Rollback) -> None:
    """Register to bring the present pose back."""
    for bone in armature.pose.bones:
        rollback.callback(_set_channels, bone, {name: tuple(getattr(bone, name)) for name in POSE_CHANNELS})


def _set_channels(bone: Any, values: dict[str, tuple[float, ...]]) -> None:
    for name, value in values.items():
        setattr(bone, name, value)
