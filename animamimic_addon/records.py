"""What one run adds to the mesh objects of a subject, written down while it is made, kept with them, and cleared away again."""

from collections.abc import Mapping
from typing import Any

from . import compat, results
from .datablocks import ArmatureObject, MeshObject
from .results import ArmatureRecord, MeshRecord

Records = dict[Any, MeshRecord]
"""What a run adds, by mesh object."""


def successor(mesh: MeshObject, old: MeshRecord | None) -> MeshRecord:
    """The record of a new run on a mesh object: knows what was the user's before ours."""
    record = MeshRecord()
    if old is not None:
        record.made_basis, record.own_action, record.own_slot, record.own_fake = old.made_basis, old.own_action, old.own_slot, old.own_fake
        record.softness, record.fitted = old.softness, old.fitted
    playing = results.played_by(mesh.data.shape_keys)
    if playing is not None and not results.is_ours(playing):
        record.own_action, record.own_slot, record.own_fake = playing.name, compat.slot_identifier(mesh.data.shape_keys), playing.use_fake_user
    return record


def skin_of(old: MeshRecord | None) -> dict[str, Any]:
    """The part of a record that a run with a kept rig leaves as it is."""
    return {} if old is None else {"groups": old.groups, "modifier": old.modifier, "parented": old.parented, "hold": old.hold}


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
