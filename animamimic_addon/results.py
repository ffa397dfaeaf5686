"""What an earlier run left in the scene: how it is marked, found, kept aside and removed.

Armature objects and mesh objects that a run gave something to carry a custom property "animamimic" with a record of it, as JSON;
Actions, cameras and helper objects of ours carry one that says what they are.
"""

import json
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from . import compat
from .datablocks import ArmatureObject, CameraObject, Context, MeshObject

TAG = "animamimic"

ASIDE = ".before"
"""Added to the names of an earlier run's datablocks, groups and shape keys while their successors are made."""

UNMOVED = 1e-6
"""A parent's matrix within this of the identity carries its child nowhere."""


@dataclass
class MeshRecord:
    """What a run added to one mesh object.

    groups, shape_keys: names. modifier: the Armature modifier's name. parented: whether the armature became its parent.
    hold: the constraint that keeps it where it was captured. made_basis: whether the first shape key was made for ours.
    action: the Action that moves the shape keys. own_action, own_slot: the one that they played before; own_fake: whether it had a
    fake user.
    softness: fingerprint of the Softness group as a run left it, 0 where it left none.
    fitted: what a video said about the flesh (fields of `core.types.TissueParameters`), empty where none was asked.
    """

    groups: list[str] = field(default_factory=list)
    shape_keys: list[str] = field(default_factory=list)
    modifier: str = ""
    parented: bool = False
    hold: str = ""
    made_basis: bool = False
    action: str = ""
    own_action: str = ""
    own_slot: str = ""
    own_fake: bool = False
    softness: int = 0
    fitted: dict[str, Any] = field(default_factory=dict)


@dataclass
class ArmatureRecord:
    """What a run did to one armature object.

    made: whether the armature itself is ours. own_action, own_slot, own_nla: what it played before; own_fake: whether that Action
    had a fake user. camera: name of the camera that came with it. own_camera: the scene's camera before.
    own_range, given_range: the scene's first and last frame before and after the run.
    """

    made: bool = False
    own_action: str = ""
    own_slot: str = ""
    own_nla: bool = False
    own_fake: bool = False
    camera: str = ""
    own_camera: str = ""
    own_range: list[int] = field(default_factory=list)
    given_range: list[int] = field(default_factory=list)


class Rollback(ExitStack):
    """Undoes what was registered by `callback`, last first, unless `keep` was called: all or nothing."""

    def keep(self) -> None:
        """All went well: nothing is undone."""
        self.pop_all()

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Set a plain attribute (not a vector or matrix, which would change along), and register to set it back."""
        self.callback(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, value)

    def put_aside(self, *named: Any) -> None:
        """Rename what an earlier run made, so that its name is free."""
        for one in named:
            if one is not None:
                self.set(one, "name", one.name + ASIDE)


def mark(datablock: Any, what: str) -> None:
    """Mark an Action, a camera or a helper object as ours."""
    datablock[TAG] = what


def unmark(datablock: Any) -> None:
    """Let a datablock of ours be the user's from now on."""
    del datablock[TAG]


def is_ours(datablock: Any) -> bool:
    """Whether an Action, a camera or a helper object was made by us."""
    return datablock is not None and isinstance(datablock.get(TAG), str)


def mesh_record(mesh: MeshObject) -> MeshRecord | None:
    """What an earlier run added to a mesh object, or None."""
    text = mesh.get(TAG)
    return MeshRecord(**json.loads(text)) if isinstance(text, str) else None


def armature_record(armature: ArmatureObject | None) -> ArmatureRecord | None:
    """What an earlier run did to an armature object, or None."""
    text = armature.get(TAG) if armature is not None else None
    return ArmatureRecord(**json.loads(text)) if isinstance(text, str) else None


def write_record(owner: Any, record: MeshRecord | ArmatureRecord | None) -> None:
    """Keep the record with the object; None takes it away."""
    if record is not None:
        owner[TAG] = json.dumps(asdict(record))
    elif TAG in owner:
        del owner[TAG]


def our_armature(mesh: MeshObject) -> ArmatureObject | None:
    """The armature that an earlier run made for a mesh object, or None."""
    record = mesh_record(mesh)
    if record is None or record.modifier not in mesh.modifiers:
        return None
    armature = mesh.modifiers[record.modifier].object
    made = armature_record(armature)
    return armature if made is not None and made.made else None


def switches_to_plain(meshes: Iterable[MeshObject], keep_rig: bool) -> list[tuple[Any, str, bool]]:
    """What to set so that the meshes look as they would without an earlier run: (owner, attribute, value).

    keep_rig: leave the skin as it is, because the armature is to be kept.
    """
    switches: list[tuple[Any, str, bool]] = []
    for one in meshes:
        record = mesh_record(one)
        if record is None:
            continue
        if not keep_rig and record.modifier in one.modifiers:
            switches.append((one.modifiers[record.modifier], "show_viewport", False))
        keys = one.data.shape_keys
        switches += [(keys.key_blocks[name], "mute", True) for name in record.shape_keys if keys and name in keys.key_blocks]
    return switches


def put_aside(mesh: MeshObject, keep_rig: bool, rollback: Rollback) -> MeshRecord | None:
    """Rename what an earlier run added to the mesh object; returns the record of it with the new names, or None.

    keep_rig: leave the skin as it is, because the armature is to be kept.
    """
    record = mesh_record(mesh)
    if record is None:
        return None
    keys = mesh.data.shape_keys.key_blocks if mesh.data.shape_keys else {}
    groups = [mesh.vertex_groups[name] for name in record.groups if name in mesh.vertex_groups]
    blocks = [keys[name] for name in record.shape_keys if name in keys]
    action = bpy.data.actions.get(record.action)
    modifier, hold = mesh.modifiers.get(record.modifier), mesh.constraints.get(record.hold)
    rollback.put_aside(*blocks, action)
    if not keep_rig:
        rollback.put_aside(*groups, modifier, hold, hold.target if hold is not None else None)
    renamed = replace(
        record,
        groups=[one.name for one in groups],
        shape_keys=[one.name for one in blocks],
        action=action.name if action is not None else "",
        modifier=modifier.name if modifier is not None else "",
        hold=hold.name if hold is not None else "",
    )
    rollback.callback(write_record, mesh, record)
    write_record(mesh, renamed)
    return renamed


def played_by(owner: Any) -> Any:
    """The Action that a datablock plays, or None."""
    return owner.animation_data.action if owner is not None and owner.animation_data is not None else None


def discard(*datablocks: Any) -> None:
    """Remove datablocks with all their uses."""
    bpy.data.batch_remove([one for one in datablocks if one is not None])


def remove_shape_keys(mesh: MeshObject, record: MeshRecord) -> None:
    """Remove our shape keys and the Action that moved them; what the keys played before is played again."""
    keys = mesh.data.shape_keys
    if keys is None:
        return
    action = bpy.data.actions.get(record.action)
    if is_ours(action):
        if played_by(keys) == action:
            _play_own(keys, record)
            compat.drop_empty_animation(keys)
        discard(action)
    for name in record.shape_keys:
        if name in keys.key_blocks:
            mesh.shape_key_remove(keys.key_blocks[name])
    if record.made_basis and mesh.data.shape_keys is not None and len(mesh.data.shape_keys.key_blocks) == 1:
        mesh.shape_key_remove(mesh.data.shape_keys.key_blocks[0])


def remove_skin(mesh: MeshObject, record: MeshRecord) -> None:
    """Remove our vertex groups, modifier, parenting and hold; the object stays where it was captured."""
    for name in record.groups:
        if name in mesh.vertex_groups:
            mesh.vertex_groups.remove(mesh.vertex_groups[name])
    if record.modifier in mesh.modifiers:
        mesh.modifiers.remove(mesh.modifiers[record.modifier])
    if record.parented and armature_record(mesh.parent) is not None:
        reparent(mesh, None)
    if record.hold in mesh.constraints:
        constraint = mesh.constraints[record.hold]
        target = constraint.target
        mesh.constraints.remove(constraint)
        if is_ours(target):
            discard(target)


def remove_camera(context: Context, record: ArmatureRecord) -> None:
    """Remove the camera that came with a run; the scene's camera is the one before."""
    camera: CameraObject = bpy.data.objects.get(record.camera)
    if is_ours(camera):
        if context.scene.camera == camera:
            context.scene.camera = bpy.data.objects.get(record.own_camera)
        discard(camera, camera.data)


def remove_armature(armature: ArmatureObject, record: ArmatureRecord) -> None:
    """Remove an armature of ours, or let a kept one play what it played before."""
    playing = played_by(armature)
    if record.made:
        discard(armature, armature.data)
    else:
        _play_own(armature, record)
        armature.animation_data.use_nla = armature.animation_data.use_nla or record.own_nla
        compat.drop_empty_animation(armature)
        write_record(armature, None)
    if is_ours(playing):
        discard(playing)


def restore_range(scene: Any, record: ArmatureRecord) -> None:
    """Give the scene its frame range back, where it is still the one that a run set."""
    if record.own_range and frame_range(scene) == record.given_range:
        scene.frame_start, scene.frame_end = record.own_range


def frame_range(scene: Any) -> list[int]:
    """The scene's first and last frame."""
    return [scene.frame_start, scene.frame_end]


def _play_own(owner: Any, record: MeshRecord | ArmatureRecord) -> None:
    """Play again what was played before a run, whose Action needs no fake user of ours any more."""
    own = bpy.data.actions.get(record.own_action)
    compat.play_action(owner, own, record.own_slot)
    if own is not None:
        own.use_fake_user = record.own_fake


def reparent(mesh: MeshObject, parent: Any) -> None:
    """Give the object another parent, or none; it stays where it is."""
    carried = mesh.parent.matrix_world @ mesh.matrix_parent_inverse if mesh.parent is not None else Matrix.Identity(4)
    world = mesh.matrix_world.copy()
    mesh.parent = parent
    if parent is not None:
        mesh.parent_type = "OBJECT"
        mesh.matrix_parent_inverse = parent.matrix_world.inverted_safe()
    if np.abs(np.array(carried) - np.eye(4)).max() > UNMOVED:  # otherwise its own location, rotation and scale are right already
        mesh.matrix_basis = world
