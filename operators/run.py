"""What operators that run the engine share: they block for scripts and without a window, and run beside the user's work in one."""

from typing import Any

import bpy

from ..animamimic_addon import properties, session
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.readiness import chosen_subject
from ..animamimic_addon.work import Made, Work
from ..core.errors import AnimaMimicError
from ..core.settings import Settings
from .at_once import tell_failure
from .modal import ModalRun


def run_annotations() -> dict[str, Any]:
    """The properties of an operator that runs the engine: every setting, and where and with what it runs."""
    return {
        **properties.settings_annotations(),
        "job_folder": properties.path_property("Job Folder", "Where to keep the run's files; empty: a place of the extension's own", "DIR_PATH"),
        "engine_python": properties.path_property("Engine Python", "The Python that runs the engine; empty: the one of the preferences"),
    }


class EngineRun(ModalRun):
    """Makes an operator of a `Work`. To be inherited before bpy.types.Operator, with `__annotations__ = run_annotations()`."""

    # Not REGISTER: the panel that adjusts the last operation would start the engine at every touch and block the window.
    bl_options: Any = {"UNDO"}
    work: Work

    properties: Any
    poll_message_set: Any

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether the button can be pressed; if not, its tooltip says why."""
        if session.current() is not None:
            cls.poll_message_set("A run is under way already")
            return False
        if bpy.app.background:
            return True  # there is no button: execute() reports the same sentences as errors
        try:
            chosen_subject(context)
        except AnimaMimicError as error:
            cls.poll_message_set(str(error))
            return False
        return True

    def execute(self, context: Context) -> set[Any]:
        """For scripts and without a window: returns when all is done. What is not given keeps its default."""
        window_manager = context.window_manager
        window_manager.progress_begin(0, 100)
        try:
            made = session.run_blocking(context, self.work, *self._arguments(), tell=lambda run: window_manager.progress_update(100 * run.fraction))
        except AnimaMimicError as error:
            return tell_failure(self, error)
        finally:
            window_manager.progress_end()
        return self._made(made)

    def invoke(self, context: Context, event: bpy.types.Event) -> set[Any]:
        """From the panel: what is not given is taken from the scene's settings."""
        properties.copy_unset(context.scene.animamimic, self.properties)
        try:
            return self.follow(context, session.start(context, self.work, *self._arguments()))
        except AnimaMimicError as error:
            return tell_failure(self, error)

    def engine_ended(self, context: Context, run: session.Run) -> set[Any]:
        """Bring the result into the scene."""
        return self._made(session.finish(context, run))

    def settings(self) -> Settings:
        """The settings that the run is started with: the operator's own."""
        return properties.settings_from(self)

    def summary(self, made: Made) -> str:
        """What the status bar says when it is done."""
        raise NotImplementedError

    def _arguments(self) -> tuple[Settings, str, str]:
        given: Any = self
        return self.settings(), given.job_folder, given.engine_python

    def _made(self, made: Made) -> set[Any]:
        for warning in made.warnings:
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, self.summary(made))
        return {"FINISHED"}
