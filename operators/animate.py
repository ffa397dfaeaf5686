"""Animate from a video, and end a run that is under way, with or without what it has found."""

from typing import Any

import bpy

from ..animamimic_addon import session
from ..animamimic_addon.bake import bake_job
from ..animamimic_addon.capture import capture
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.registration import registering
from ..animamimic_addon.work import Made, Work
from .run import EngineRun, run_annotations

WORK = Work(capture, bake_job)
"""What animating from a video is, here and in the queue."""


def summary(made: Made) -> str:
    """Name and numbers of a result."""
    return f"Made '{made.action}': {made.bones} bones, {made.keys} keys, {made.shape_keys} shape keys"


class ANIMAMIMIC_OT_animate_from_video(EngineRun, bpy.types.Operator):
    """Rig the selected subject and give it the motion of the driving video"""

    bl_idname = "animamimic.animate_from_video"
    bl_label = "Animate from Video"
    __annotations__ = run_annotations()
    work = WORK

    def summary(self, made: Made) -> str:
        """Name and numbers."""
        return summary(made)


class ANIMAMIMIC_OT_cancel(bpy.types.Operator):
    """End the run that is under way; the scene stays as it is"""

    bl_idname = "animamimic.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Only while there is something to cancel."""
        cls.poll_message_set("No run is under way")
        return session.current() is not None

    def execute(self, context: Context) -> set[Any]:
        """End the engine; the running operator then ends by itself."""
        session.cancel()
        return {"FINISHED"}


class ANIMAMIMIC_OT_stop_and_keep(bpy.types.Operator):
    """End the fit that is under way and keep the motion found so far; frames not looked at yet stay as the last one"""

    bl_idname = "animamimic.stop_and_keep"
    bl_label = "Stop and Keep"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Only while the fit is at work."""
        cls.poll_message_set("No fit is under way")
        return session.can_stop()

    def execute(self, context: Context) -> set[Any]:
        """Ask the engine; the running operator then ends by itself, with a result."""
        try:
            session.stop_and_keep()
        except OSError as error:
            self.report({"ERROR"}, f"The engine could not be asked to stop ({error.strerror}). Cancel the run instead.")
            return {"CANCELLED"}
        return {"FINISHED"}


register, unregister = registering(ANIMAMIMIC_OT_animate_from_video, ANIMAMIMIC_OT_cancel, ANIMAMIMIC_OT_stop_and_keep)
