"""Set the engine up by one button, and end that."""

import time
from typing import Any

import bpy

from ..animamimic_addon import engine_setup, properties
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.redraw import redraw_viewports
from ..animamimic_addon.registration import registering
from ..core.errors import AnimaMimicError
from .at_once import tell_failure

TIMER_SECONDS = 0.2
DIALOG_WIDTH = 460


class ANIMAMIMIC_OT_set_up_engine(bpy.types.Operator):
    """Make an environment for the engine (torch, OpenCV, Warp) in a folder of its own and use it; nothing is installed into Blender's own Python"""

    bl_idname = "animamimic.set_up_engine"
    bl_label = "Set Up Engine"

    _timer: bpy.types.Timer | None = None
    _setup: engine_setup.SetUp | None = None

    @classmethod
    def poll(cls, context: Context) -> bool:
        """One at a time, and only with Blender's online access."""
        if engine_setup.current() is not None:
            cls.poll_message_set("The engine is being set up already")
            return False
        if not bpy.app.online_access and not bpy.app.background:  # without a window execute() says so
            cls.poll_message_set("Switch Allow Online Access on in Edit > Preferences > System > Network")
            return False
        return True

    def execute(self, context: Context) -> set[Any]:
        """Make it: beside the user's work in a window, and waiting for it without one."""
        given: Any = self
        try:
            self._setup = engine_setup.start(given.folder)
        except AnimaMimicError as error:
            return tell_failure(self, error)
        if bpy.app.background:
            while engine_setup.listen(self._setup):
                time.sleep(TIMER_SECONDS)
            return self._done()
        self._timer = context.window_manager.event_timer_add(TIMER_SECONDS, window=context.window)
        context.window_manager.modal_handler_add(self)
        redraw_viewports(context)
        return {"RUNNING_MODAL"}

    def invoke(self, context: Context, event: bpy.types.Event) -> set[Any]:
        """Ask for the folder first."""
        given: Any = self
        given.folder = given.folder or engine_setup.usual_folder()
        return context.window_manager.invoke_props_dialog(self, width=DIALOG_WIDTH)

    def draw(self, context: Context) -> None:
        """The dialog: where to, how much, and that it can be ended."""
        layout: Any = self.layout
        layout.prop(self, "folder")
        layout.label(text="Downloads up to 3 GB and takes up to 6 GB of disk: torch brings CUDA along.", icon="IMPORT")
        layout.label(text="Blender stays usable meanwhile; the tab shows how far it is.", icon="BLANK1")

    def modal(self, context: Context, event: bpy.types.Event) -> set[Any]:
        """Blender calls this for every event meanwhile."""
        setup = self._setup
        if setup is None or engine_setup.current() is not setup:
            self._remove_timer(context)
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        working = engine_setup.listen(setup)
        redraw_viewports(context)
        if working:
            return {"PASS_THROUGH"}
        self._remove_timer(context)
        return self._done()

    def cancel(self, context: Context) -> None:
        """Blender calls this where it ends the operator itself, with its window or the file for example."""
        self._remove_timer(context)
        engine_setup.end()
        if self._setup is not None:
            self._done()

    def _done(self) -> set[Any]:
        assert self._setup is not None
        try:
            python = engine_setup.finish(self._setup)
        except AnimaMimicError as error:
            return tell_failure(self, error)
        self.report({"INFO"}, f"The engine is set up: {python}")
        return {"FINISHED"}

    def _remove_timer(self, context: Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None


ANIMAMIMIC_OT_set_up_engine.__annotations__ = {
    **ANIMAMIMIC_OT_set_up_engine.__annotations__,
    "folder": properties.path_property("Folder", "Where the engine's environment is made; it must be empty, or hold an earlier try", "DIR_PATH"),
}


class ANIMAMIMIC_OT_cancel_set_up(bpy.types.Operator):
    """End setting the engine up; what was fetched so far stays for the next try"""

    bl_idname = "animamimic.cancel_set_up"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Only while there is something to cancel."""
        return engine_setup.current() is not None

    def execute(self, context: Context) -> set[Any]:
        """End it; the running operator then ends by itself."""
        engine_setup.cancel()
        return {"FINISHED"}


register, _take_away = registering(ANIMAMIMIC_OT_set_up_engine, ANIMAMIMIC_OT_cancel_set_up)


def unregister() -> None:
    """Take both away, and end what is under way."""
    engine_setup.end()
    _take_away()
