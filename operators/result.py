"""What to do with a result: take it away, keep it as a take, look at its files."""

from typing import Any

import bpy

from ..animamimic_addon import session, takes
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.readiness import chosen_subject
from ..animamimic_addon.registration import registering
from ..animamimic_addon.removal import remove
from .at_once import SceneChange


class ANIMAMIMIC_OT_remove_result(SceneChange, bpy.types.Operator):
    """Take away what AnimaMimic made for the selected subject: armature, action, weights and shape keys"""

    bl_idname = "animamimic.remove_result"
    bl_label = "Remove Result"

    def act(self, context: Context) -> str:
        """Remove it from the selected subject."""
        remove(context, chosen_subject(context))
        return ""


class ANIMAMIMIC_OT_keep_take(SceneChange, bpy.types.Operator):
    """Keep a copy of the subject's Action, which the next run would replace; choose between takes in the Action Editor"""

    bl_idname = "animamimic.keep_take"
    bl_label = "Keep as Take"

    def act(self, context: Context) -> str:
        """Copy it."""
        return f"Kept as '{takes.keep(chosen_subject(context)).name}'"


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


register, unregister = registering(ANIMAMIMIC_OT_remove_result, ANIMAMIMIC_OT_keep_take, ANIMAMIMIC_OT_open_job_folder)
