"""Soft motion as relative shape keys on the original meshes, moved by an Action of the shape-key datablock."""

from typing import Any

import bpy
import numpy as np

from ..core.job import Result
from ..core.types import Float32, Int32, Tissue
from . import action as actions
from . import compat, results
from .captured import Captured, CapturedMesh
from .datablocks import MeshObject
from .evaluated import vector_array
from .fitted_flesh import remember
from .results import MeshRecord, Rollback
from .soft_factor import factor_of, set_factor
from .softness_group import leave_softness

NOTHING = 1e-9
"""Fraction of the subject's size below which a shape key does nothing to a mesh and is left out."""


def add_soft_motion(captured: Captured, result: Result, new: dict[Any, MeshRecord], diagonal: float, rollback: Rollback) -> int:
    """Shape keys and their Actions for all objects, at the factor that an earlier run's play at; tells the records.

    diagonal: the subject's, metres. Returns the number of keys.
    """
    tissue = result.tissue
    if tissue is None:
        return 0
    count = 0
    for (mesh, record), part in zip(new.items(), captured.meshes, strict=True):
        factor = factor_of(mesh)
        leave_softness(mesh, part, tissue.softness, record, rollback)
        remember(record, tissue)
        wanted = add_shape_keys(mesh, part, tissue, diagonal, record, rollback)
        if wanted:
            name = f"{mesh.name} Soft Tissue"
            count += animate_shape_keys(mesh, wanted, tissue.values, result.keys.tissue, captured.start_frame, name, record, rollback)
            set_factor(mesh, factor, record)
    return count


def add_shape_keys(mesh: MeshObject, part: CapturedMesh, tissue: Tissue, diagonal: float, record: MeshRecord, rollback: Rollback) -> list[int]:
    """Add the shape keys that move this mesh, values 0; returns which of the tissue's they are, and tells `record`.

    Offsets are in world axes of the rest pose; they come into the object's own space by the inverse of its linear part (what a scale of zero flattens is lost).
    """
    offsets = tissue.offsets[:, part.modelled].astype(np.float64) @ np.linalg.pinv(part.world[:3, :3]).T
    wanted = [number for number in range(len(tissue.names)) if np.abs(tissue.offsets[number, part.modelled]).max() > NOTHING * diagonal]
    if not wanted:
        return []
    if mesh.data.shape_keys is None:
        mesh.shape_key_add(name="Basis", from_mix=False)
        rollback.callback(_remove_lone_basis, mesh)
        record.made_basis = True
    reference = mesh.data.shape_keys.reference_key
    basis = vector_array(reference.data, "co")
    for number in wanted:
        key = mesh.shape_key_add(name=tissue.names[number], from_mix=False)
        rollback.callback(_remove_key, mesh, key.name)
        record.shape_keys.append(key.name)
        key.relative_key = reference
        key.slider_min, key.slider_max, key.value = -1.0, 1.0, 0.0
        key.data.foreach_set("co", (basis + offsets[number]).astype(np.float32).reshape(-1))
    return wanted


def animate_shape_keys(mesh: MeshObject, wanted: list[int], values: Float32, key_frames: Int32, start_frame: int, name: str, record: MeshRecord, rollback: Rollback) -> int:
    """Key the values [T, K] of the shape keys just added. Returns the number of keys.

    The shape keys may play an Action of the user's (`record.own_action`): then ours starts as its copy, since a datablock plays
    only one.
    """
    keys = mesh.data.shape_keys
    rollback.callback(compat.play_action, keys, results.played_by(keys), compat.slot_identifier(keys))
    own = bpy.data.actions.get(record.own_action)
    if own is not None:
        rollback.set(own, "use_fake_user", True)
        action = own.copy()
        action.name = name
        rollback.callback(results.discard, action)
        results.mark(action, "action")
    else:
        action = actions.new_action(name, rollback)
    record.action = action.name
    bag = compat.open_action(action, keys, record.own_slot)
    count = 0
    for number, key_name in zip(wanted, record.shape_keys, strict=True):
        path = f'key_blocks["{bpy.utils.escape_identifier(key_name)}"].value'
        count += actions.write_curves(bag, path, "Soft Tissue", values[:, number : number + 1].astype(np.float64), key_frames, start_frame)
    compat.play_action(keys, action, record.own_slot)
    return count


def _remove_key(mesh: Any, name: str) -> None:
    keys = mesh.data.shape_keys
    if keys is not None and name in keys.key_blocks:
        mesh.shape_key_remove(keys.key_blocks[name])


def _remove_lone_basis(mesh: Any) -> None:
    keys = mesh.data.shape_keys
    if keys is not None and len(keys.key_blocks) == 1:
        mesh.shape_key_remove(keys.key_blocks[0])
