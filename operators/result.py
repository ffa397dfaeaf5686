"""What to do with a result: take it away, look at its files."""

from typing import Any

import bpy

from ..animamimic_addon import session
from ..animamimic_addon.bake import remove
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.readiness import chosen_subject
from ..core.errors import AnimaMimicError


class ANIMAMIMIC_OT_remove_result(bpy.types.Operator):
    """Take away what AnimaMimic made for the selected subject: armature, action, weights and shape keys"""

    bl_idname = "animamimic.remove_result"
    bl_label = "Remove Result"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Not while a run is under way."""
        cls.poll_message_set("A run is under way")
        return session.current() is None

    def execute(self, context: Context) -> set[Any]:
        """Remove it from the selected subject."""
        try:
            remove(context, chosen_subject(context))
        except AnimaMimicError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class ANIMAMIMIC_OT_open_job_folder(bpy.types.Operator):
    """Show the last run's files: what the engine was given, its log and its result"""

    bl_idname = "animamimic.open_job_folder"
    bl_label = "Open Job Folder"

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Only after a run."""
        cls.poll_message_set("There was no run yet")
        return session.last_folder() is not None

    def execute(self, context: Context) -> set[Any]:
        """Open it in the system's file browser."""
        wm: Any = bpy.ops.wm
        return wm.path_open(filepath=str(session.last_folder()))


def register() -> None:
    """Add both."""
    bpy.utils.register_class(ANIMAMIMIC_OT_remove_result)
    bpy.utils.register_class(ANIMAMIMIC_OT_open_job_folder)


def unregister() -> None:
    """Take both away."""
    bpy.utils.unregister_class(ANIMAMIMIC_OT_open_job_folder)
    bpy.utils.unregister_class(ANIMAMIMIC_OT_remove_result)
