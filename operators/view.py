"""The camera that the driving video is matched with, and the video before it."""

import bpy

from ..animamimic_addon import overlay
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.framing import frame_selected
from ..animamimic_addon.registration import registering
from .at_once import SceneChange


class ANIMAMIMIC_OT_frame_subject(SceneChange, bpy.types.Operator):
    """Add a camera that holds all of the selected subject, with room to move, and make it the scene's"""

    bl_idname = "animamimic.frame_subject"
    bl_label = "Frame Subject"

    def act(self, context: Context) -> str:
        """Add the camera."""
        return f"Added '{frame_selected(context).name}'"


class ANIMAMIMIC_OT_overlay_video(SceneChange, bpy.types.Operator):
    """Show the driving video behind the scene's camera, each of its frames at the scene frame that it drives; press again to take it away"""

    bl_idname = "animamimic.overlay_video"
    bl_label = "Overlay Video"

    def act(self, context: Context) -> str:
        """Put it there, or away."""
        return "The driving video lies over the camera's picture" if overlay.toggle(context) else "The driving video is put away"


register, unregister = registering(ANIMAMIMIC_OT_frame_subject, ANIMAMIMIC_OT_overlay_video)
