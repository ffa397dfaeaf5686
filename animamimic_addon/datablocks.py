"""Names for Blender's objects by kind. The type stubs know only `bpy.types.Object`, whose `data` is a union of everything."""

from typing import Any

MeshObject = Any
"""A `bpy.types.Object` whose data is a `bpy.types.Mesh`."""

ArmatureObject = Any
"""A `bpy.types.Object` whose data is a `bpy.types.Armature`."""

CameraObject = Any
"""A `bpy.types.Object` whose data is a `bpy.types.Camera`."""

Context = Any
"""A `bpy.types.Context`. Its scene and view layer are optional in the stubs, and always there while an operator runs."""

Scene = Any
"""A `bpy.types.Scene`."""
