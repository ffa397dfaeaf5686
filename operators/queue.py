"""The queue's buttons: add the present settings as a job, run what waits, bring a finished one into the scene, take one away."""

from typing import Any

import bpy

from ..animamimic_addon import properties, queued, session
from ..animamimic_addon.captured import read_captured
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.queued import QueuedJob, State
from ..animamimic_addon.readiness import chosen_subject
from ..animamimic_addon.redraw import redraw_viewports
from ..animamimic_addon.registration import registering
from ..core.errors import AnimaMimicError, CancelledError
from .animate import WORK, summary
from .at_once import AtOnce, WhileIdle, tell_failure
from .modal import GOES_ON, ModalRun
from .run import run_annotations


class ANIMAMIMIC_OT_queue_animation(AtOnce, bpy.types.Operator):
    """Keep the selected subject, the video and the settings as they are now as a job for the queue, instead of running it"""

    bl_idname = "animamimic.queue_animation"
    bl_label = "Queue"
    __annotations__ = properties.settings_annotations()

    def invoke(self, context: Context, event: bpy.types.Event) -> set[Any]:
        """From the panel: what is not given is taken from the scene's settings."""
        properties.copy_unset(context.scene.animamimic, self.properties)
        return self.execute(context)

    def act(self, context: Context) -> str:
        """Capture the scene into the queue."""
        subject = chosen_subject(context)
        settings = properties.settings_from(self)
        folder = queued.add(subject.name, bpy.data.filepath, lambda folder: WORK.capture(context, subject, settings, folder))
        return f"Queued '{subject.name}' as {folder.name}"


class ANIMAMIMIC_OT_write_job(AtOnce, bpy.types.Operator):
    """Write the selected subject, the video and the settings into a job folder, for an engine anywhere to run"""

    bl_idname = "animamimic.write_job"
    bl_label = "Write Job"
    __annotations__ = run_annotations()

    def act(self, context: Context) -> str:
        """Capture the scene into the folder."""
        given: Any = self
        return f"Wrote the job {session.write_job(context, WORK, properties.settings_from(self), given.job_folder)}"


class ANIMAMIMIC_OT_run_queue(ModalRun, bpy.types.Operator):
    """Run the queue's jobs one after another; the scene stays as it is until a finished one is brought into it"""

    bl_idname = "animamimic.run_queue"
    bl_label = "Run Queue"

    _tried: set[str]

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Whether something waits and no run is under way."""
        if session.current() is not None:
            cls.poll_message_set("A run is under way already")
            return False
        cls.poll_message_set("No job waits in the queue")
        return any(one.state in queued.TO_DO for one in queued.queued_jobs())

    def execute(self, context: Context) -> set[Any]:
        """For scripts and without a window: returns when no job waits any more."""
        self._tried = set()
        try:
            while (run := self._start_next()) is not None:
                session.wait(run, lambda run: None)
                self._end(queued.find(run.folder.name), run)
        except AnimaMimicError as error:
            return tell_failure(self, error)
        except KeyboardInterrupt:
            return tell_failure(self, CancelledError("The queue was stopped; run it again to go on."))
        finally:
            session.end_run()
        return self._told()

    def invoke(self, context: Context, event: bpy.types.Event) -> set[Any]:
        """From the panel: beside the user's work."""
        self._tried = set()
        try:
            run = self._start_next()
        except AnimaMimicError as error:
            return tell_failure(self, error)
        return self.follow(context, run) if run is not None else self._told()

    def engine_ended(self, context: Context, run: session.Run) -> set[Any]:
        """On to the next job, if there is one."""
        self._end(queued.find(run.folder.name), run)
        self._run = self._start_next()
        return GOES_ON if self._run is not None else self._told()

    def _next(self) -> QueuedJob | None:
        """The first job that waits and was not tried by this operator yet: one that kills its engine must not be tried for ever."""
        return next((one for one in queued.queued_jobs() if one.state in queued.TO_DO and one.folder.name not in self._tried), None)

    def _start_next(self) -> session.Run | None:
        """Start the engine on the next job, if there is one."""
        one = self._next()
        return session.start_captured(WORK, one.folder) if one is not None else None

    def _end(self, one: QueuedJob, run: session.Run) -> None:
        """Take in how a job ended: its failure concerns no other job. Raises CancelledError where the user ended it."""
        self._tried.add(one.folder.name)
        try:
            session.leave(run)
        except CancelledError:
            raise
        except AnimaMimicError as error:
            queued.mark_failed(one, error)
            self.report({"WARNING"}, f"{one.subject}: {error}")

    def _told(self) -> set[Any]:
        done = sum(one.state is State.DONE and one.folder.name in self._tried for one in queued.queued_jobs())
        self.report({"INFO"}, f"The queue ran: {done} of {len(self._tried)} jobs done")
        return {"FINISHED"}


def _job_annotations() -> dict[str, Any]:
    """Which job: the name of its folder."""
    props: Any = bpy.props
    return {"job": props.StringProperty(name="Job", description="Name of the job's folder")}


class _OfOneJob(WhileIdle):
    """An operator on one job of the queue. To be inherited before bpy.types.Operator, with `__annotations__ = _job_annotations()`."""

    job: str

    def act(self, context: Context) -> str:
        """Find the job and do it."""
        said = self.change(context, queued.find(self.job))
        redraw_viewports(context)
        return said

    def change(self, context: Context, one: QueuedJob) -> str:
        """What this one does; returns what the status bar says, '' for nothing. Raises AnimaMimicError."""
        raise NotImplementedError


class ANIMAMIMIC_OT_bake_queued(_OfOneJob, bpy.types.Operator):
    """Bring this job's result into the scene that it was made from, whose file must be open"""

    bl_idname = "animamimic.bake_queued"
    bl_label = "Bring into the Scene"
    bl_options = {"UNDO"}
    __annotations__ = _job_annotations()

    def change(self, context: Context, one: QueuedJob) -> str:
        """Bake it."""
        made = WORK.bake_where_captured(context, read_captured(one.folder), one.folder)
        queued.mark_baked(one)
        for warning in made.warnings:
            self.report({"WARNING"}, warning)
        return summary(made)


class ANIMAMIMIC_OT_retry_queued(_OfOneJob, bpy.types.Operator):
    """Let this failed job wait again"""

    bl_idname = "animamimic.retry_queued"
    bl_label = "Try Again"
    __annotations__ = _job_annotations()

    def change(self, context: Context, one: QueuedJob) -> str:
        """Forget its failure."""
        queued.retry(one)
        return ""


class ANIMAMIMIC_OT_remove_queued(_OfOneJob, bpy.types.Operator):
    """Take this job out of the queue, with its result; what is in a scene stays there"""

    bl_idname = "animamimic.remove_queued"
    bl_label = "Remove from Queue"
    __annotations__ = _job_annotations()

    def invoke(self, context: Context, event: bpy.types.Event) -> set[Any]:
        """From the panel: ask first, where a result would be lost."""
        try:
            if queued.find(self.job).state is State.DONE:
                return context.window_manager.invoke_confirm(self, event)
        except AnimaMimicError as error:
            return tell_failure(self, error)
        return self.execute(context)

    def change(self, context: Context, one: QueuedJob) -> str:
        """Delete its folder."""
        queued.remove(one)
        return ""


register, unregister = registering(
    ANIMAMIMIC_OT_queue_animation,
    ANIMAMIMIC_OT_write_job,
    ANIMAMIMIC_OT_run_queue,
    ANIMAMIMIC_OT_bake_queued,
    ANIMAMIMIC_OT_retry_queued,
    ANIMAMIMIC_OT_remove_queued,
)
