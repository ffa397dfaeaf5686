"""What was captured, found again in the scene when its result comes; or a sentence on what was changed meanwhile."""

from typing import Any

import bpy

from ..core.errors import InputError
from ..core.job import Result
from .captured import Captured
from .datablocks import ArmatureObject, Context, MeshObject

GONE_REMEDY = "Undo that change, or run again."


def captured_objects(context: Context, captured: Captured) -> list[MeshObject]:
    """The captured objects, or InputError where they are no longer what they were."""
    if context.scene.name != captured.scene:
        raise InputError(f"The subject was captured in the scene '{captured.scene}'.", "Switch to that scene.")
    meshes = []
    for part in captured.meshes:
        mesh: Any = context.view_layer.objects.get(part.name)
        if mesh is None or mesh.type != "MESH":
            raise InputError(f"The object '{part.name}' is no longer there under that name.", GONE_REMEDY)
        if len(mesh.data.vertices) != len(part.modelled):
            raise InputError(f"'{part.name}' had {len(part.modelled)} vertices and now has {len(mesh.data.vertices)}.", GONE_REMEDY)
        meshes.append(mesh)
    return meshes


def captured_armature(captured: Captured, result: Result) -> ArmatureObject:
    """The kept armature with the bones that the result is for, or InputError where they are no longer what they were."""
    armature = _armature(captured.armature)
    if armature is None:
        raise InputError(f"The armature '{captured.armature}' is no longer there under that name.", GONE_REMEDY)
    missing = [name for name in captured.bones if name not in armature.pose.bones]
    if missing or result.rig.names != captured.bones:
        raise InputError(f"The bones of '{captured.armature}' changed: {', '.join(missing[:5]) or 'they are others'}.", GONE_REMEDY)
    return armature


def _armature(name: str) -> ArmatureObject | None:
    """The local armature object of that name, or None."""
    found = bpy.data.objects.get(name)
    return found if found is not None and found.type == "ARMATURE" else None
