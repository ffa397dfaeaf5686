"""One factor for all soft motion of a character: 1 plays it as simulated, 0 plays the bones alone.

It stands in the F-curves of the shape keys, as a modifier that replaces the value by zero with an influence of 1 minus the factor:
the keys stay as they are in the Dope Sheet, files keep it, and it counts wherever Blender plays or exports the curves, with this
extension or without. At 1 the curves have no modifier.
"""

from collections.abc import Iterator
from typing import Any

import bpy

from . import compat
from .datablocks import Context
from .results import MeshRecord, mesh_record
from .subject import armature_of


def factor_of(owner: Any) -> float:
    """The factor of a mesh object, or of the meshes that hang on an armature object: 1 where there is no soft motion."""
    for curve in _curves(owner):
        modifier = _modifier(curve)
        return 1.0 - modifier.influence if modifier is not None else 1.0
    return 1.0


def set_factor(owner: Any, factor: float, record: MeshRecord | None = None) -> None:
    """Scale the soft motion of a mesh object, or of the meshes that hang on an armature object.

    factor: 0 to 1. record: of the mesh object, where it is not yet written.
    """
    for curve in _curves(owner, record):
        modifier = _modifier(curve)
        if factor >= 1.0:
            if modifier is not None:
                curve.modifiers.remove(modifier)
            continue
        if modifier is None:
            modifier = curve.modifiers.new(type="GENERATOR")
            modifier.coefficients = (0.0, 0.0)
            modifier.use_influence = True
        modifier.influence = 1.0 - factor
    for mesh in _meshes(owner):
        if mesh.data.shape_keys is not None:
            mesh.data.shape_keys.update_tag(refresh={"TIME"})


def has_soft_motion(owner: Any) -> bool:
    """Whether there is anything to scale."""
    return next(_curves(owner), None) is not None


def owner_in(context: Context) -> Any:
    """The object whose factor the panel shows: the active one; for a mesh on an armature, that armature."""
    active = context.view_layer.objects.active
    if active is None or active.type not in {"MESH", "ARMATURE"}:
        return None
    return (armature_of(active) or active) if active.type == "MESH" else active


def register() -> None:
    """Give every object its factor."""
    kind: Any = bpy.types.Object
    props: Any = bpy.props
    kind.animamimic_soft_tissue = props.FloatProperty(
        name="Soft Tissue", description="How much of the simulated soft motion is played; 0 plays the bones alone", min=0.0, max=1.0, default=1.0,
        get=factor_of,
        set=lambda owner, factor: set_factor(owner, factor),  # Blender wants a function of exactly two arguments
        options=set(),
    )


def unregister() -> None:
    """Take it away; what it did to the curves stays."""
    kind: Any = bpy.types.Object
    del kind.animamimic_soft_tissue


def _meshes(owner: Any) -> list[Any]:
    if owner.type == "MESH":
        return [owner]
    return [one for one in bpy.data.objects if one.type == "MESH" and armature_of(one) == owner]


def _curves(owner: Any, new: MeshRecord | None = None) -> Iterator[Any]:
    """The F-curves that move our shape keys."""
    for mesh in _meshes(owner):
        record = new or mesh_record(mesh)
        action = bpy.data.actions.get(record.action) if record is not None else None
        if record is None or action is None:
            continue
        paths = {f'key_blocks["{bpy.utils.escape_identifier(name)}"].value' for name in record.shape_keys}
        yield from (curve for curve in compat.curves_of(action) if curve.data_path in paths)


def _modifier(curve: Any) -> Any:
    return next((one for one in curve.modifiers if one.type == "GENERATOR"), None)
