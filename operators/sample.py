"""A minute to the first result."""

import bpy

from ..animamimic_addon import sample
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.registration import registering
from .at_once import SceneChange


class ANIMAMIMIC_OT_load_sample(SceneChange, bpy.types.Operator):
    """Add a scene with a fish and the video that drives it, ready for the button; your own scenes stay as they are"""

    bl_idname = "animamimic.load_sample"
    bl_label = "Load Sample"

    def act(self, context: Context) -> str:
        """Add it and show it."""
        return f"Showing the scene '{sample.load(context).name}'"


register, unregister = registering(ANIMAMIMIC_OT_load_sample)
