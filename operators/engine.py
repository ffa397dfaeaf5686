"""Whether the engine's Python can do the work."""

from typing import Any

import bpy

from ..animamimic_addon import preferences
from ..animamimic_addon.datablocks import Context
from ..core.errors import AnimaMimicError


class ANIMAMIMIC_OT_check_engine(bpy.types.Operator):
    """Look whether the engine's Python has what it needs, and copy what was found to the clipboard; takes some seconds"""

    bl_idname = "animamimic.check_engine"
    bl_label = "Check Engine"

    def execute(self, context: Context) -> set[Any]:
        """Run the doctor there and report its verdict."""
        try:
            text = preferences.examine(preferences.engine_python())
        except AnimaMimicError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        context.window_manager.clipboard = text
        self.report({"INFO"}, text)
        return {"FINISHED"}


def register() -> None:
    """Add it."""
    bpy.utils.register_class(ANIMAMIMIC_OT_check_engine)


def unregister() -> None:
    """Take it away."""
    bpy.utils.unregister_class(ANIMAMIMIC_OT_check_engine)
