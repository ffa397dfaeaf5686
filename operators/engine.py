"""Whether the engine's Python can do the work."""

from collections.abc import Callable
from typing import Any

import bpy

from ..animamimic_addon import preferences
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.registration import registering
from ..core.errors import AnimaMimicError
from .at_once import tell_failure

TIMER_SECONDS = 0.2


class ANIMAMIMIC_OT_check_engine(bpy.types.Operator):
    """Look whether the engine's Python has what it needs, and copy what was found to the clipboard; takes some seconds"""

    bl_idname = "animamimic.check_engine"
    bl_label = "Check Engine"

    _timer: bpy.types.Timer | None = None
    _examination: preferences.Examination | None = None

    def execute(self, context: Context) -> set[Any]:
        """For scripts: run the doctor there, wait, and report its verdict."""
        return self._told(context, lambda: preferences.examine(preferences.engine_python()))

    def invoke(self, context: Context, event: bpy.types.Event) -> set[Any]:
        """From the button: the same beside the user's work."""
        try:
            self._examination = preferences.start_examination(preferences.engine_python())
        except AnimaMimicError as error:
            return tell_failure(self, error)
        self._timer = context.window_manager.event_timer_add(TIMER_SECONDS, window=context.window)
        context.window_manager.modal_handler_add(self)
        self.report({"INFO"}, "Looking at the engine's Python; this takes some seconds")
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: bpy.types.Event) -> set[Any]:
        """Blender calls this for every event while the doctor works."""
        examination = self._examination
        if examination is None or event.type != "TIMER" or examination.running():
            return {"PASS_THROUGH"}
        self._remove_timer(context)
        return self._told(context, examination.result)

    def cancel(self, context: Context) -> None:
        """Blender calls this where it ends the operator itself, with its window for example."""
        self._remove_timer(context)
        if self._examination is not None:
            self._examination.end()

    def _told(self, context: Context, find: Callable[[], str]) -> set[Any]:
        try:
            text = find()
        except AnimaMimicError as error:
            return tell_failure(self, error)
        context.window_manager.clipboard = text
        self.report({"INFO"}, text)
        return {"FINISHED"}

    def _remove_timer(self, context: Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None


register, unregister = registering(ANIMAMIMIC_OT_check_engine)
