"""A run beside the user's work in the window: listened to ten times a second, ended by Esc, with its window or by itself."""

from typing import Any

import bpy

from ..animamimic_addon import live_preview, session
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.redraw import redraw_viewports, show_status
from ..animamimic_addon.status import status_line
from ..core.errors import AnimaMimicError
from .at_once import tell_failure

TIMER_SECONDS = 0.1
GOES_ON: set[Any] = {"PASS_THROUGH"}


class ModalRun:
    """Makes a modal operator of `follow` and `engine_ended`. To be inherited before bpy.types.Operator."""

    report: Any
    _timer: bpy.types.Timer | None = None
    _run: session.Run | None = None

    def follow(self, context: Context, run: session.Run) -> set[Any]:
        """Listen to a run from now on. To be returned by invoke()."""
        self._run = run
        self._timer = context.window_manager.event_timer_add(TIMER_SECONDS, window=context.window)
        context.window_manager.modal_handler_add(self)
        redraw_viewports(context)
        return {"RUNNING_MODAL"}

    def engine_ended(self, context: Context, run: session.Run) -> set[Any]:
        """Take in what the ended engine made; returns the operator's outcome, or GOES_ON with another run in `_run`.

        Raises AnimaMimicError where the run failed or was cancelled.
        """
        raise NotImplementedError

    def modal(self, context: Context, event: bpy.types.Event) -> set[Any]:
        """Blender calls this for every event while the engine works."""
        run = self._run
        if run is None or session.current() is not run:  # another file was loaded, or the add-on was disabled
            self._stop_listening(context)
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS":
            session.cancel()
        elif event.type != "TIMER":
            return GOES_ON
        working = session.listen(run)
        live_preview.look(run.folder)
        redraw_viewports(context)
        if working:
            show_status(context, status_line(run.stage, run.fraction, run.seconds_left))
            return GOES_ON
        return self._at_end(context, run)

    def cancel(self, context: Context) -> None:
        """Blender calls this where it ends the operator itself, with its window for example."""
        self._stop_listening(context)
        if self._run is not None and session.current() is self._run:
            session.end_run()

    def _at_end(self, context: Context, run: session.Run) -> set[Any]:
        outcome: set[Any] = {"CANCELLED"}
        try:
            outcome = self.engine_ended(context, run)
        except AnimaMimicError as error:
            outcome = tell_failure(self, error)
        finally:
            if outcome != GOES_ON:
                session.end_run()
                self._stop_listening(context)
        return outcome

    def _stop_listening(self, context: Context) -> None:
        show_status(context, None)
        redraw_viewports(context)
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
