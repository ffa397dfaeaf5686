"""The camera that the driving video is matched with."""

from typing import Any

import bpy

from ..animamimic_addon import session
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.framing import frame_selected
from ..core.errors import AnimaMimicError


class ANIMAMIMIC_OT_frame_subject(bpy.types.Operator):
    """Add a camera that holds all of the selected subject, with room to move, and make it the scene's"""

    bl_idname = "animamimic.frame_subject"
    bl_label = "Frame Subject"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Not while a run is under way."""
        cls.poll_message_set("A run is under way")
        return session.current() is None

    def execute(self, context: Context) -> set[Any]:
        """Add the camera."""
        try:
            camera = frame_selected(context)
        except AnimaMimicError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Added '{camera.name}'")
        return {"FINISHED"}


def register() -> None:
    """Add it."""
    bpy.utils.register_class(ANIMAMIMIC_OT_frame_subject)


def unregister() -> None:
    """Take it away."""
    bpy.utils.unregister_class(ANIMAMIMIC_OT_frame_subject)
