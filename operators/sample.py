"""A minute to the first result."""

import bpy

from ..animamimic_addon import sample
from ..animamimic_addon.datablocks import Context
from .change import SceneChange


class ANIMAMIMIC_OT_load_sample(SceneChange, bpy.types.Operator):
    """Add a scene with a fish and the video that drives it, ready for the button; your own scenes stay as they are"""

    bl_idname = "animamimic.load_sample"
    bl_label = "Load Sample"

    def change(self, context: Context) -> str:
        """Add it and show it."""
        return f"Showing the scene '{sample.load(context).name}'"


def register() -> None:
    """Add it."""
    bpy.utils.register_class(ANIMAMIMIC_OT_load_sample)


def unregister() -> None:
    """Take it away."""
    bpy.utils.unregister_class(ANIMAMIMIC_OT_load_sample)
