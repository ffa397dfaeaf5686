"""One run as the user sees it: capture the scene, let the engine work, bake its result. And its state, for the panel.

The blocking operator and the modal one are made of the same steps: `start`, then `listen` until it says that the engine has
ended, then `finish`. There is one run at a time in a Blender.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..core import job
from ..core.claim import check_free
from ..core.errors import AnimaMimicError, CancelledError, InputError
from ..core.settings import Settings
from . import preferences, process
from .captured import Captured, read_captured
from .datablocks import Context
from .job_folder import job_folder
from .readiness import chosen_subject
from .work import Made, Work

log = logging.getLogger(__name__)

POLL_SECONDS = 0.05
STAGE_TITLES = {
    "generate": "Generating the video",
    "video": "Reading the video",
    "rig": "Building the rig",
    "fit": "Fitting the motion",
    "joints": "Looking for missing joints",
    "refit": "Fitting the refined rig",
    "tissue": "Simulating soft tissue",
    "restore": "Restoring the video",
    "residual": "Following what the bones leave",
    "keys": "Choosing keys",
}


@dataclass
class Run:
    """A run under way. fraction: 0 to 1 of all of it. seconds_left: None while nobody can tell."""

    work: Work
    folder: Path
    captured: Captured
    engine: process.Engine
    stage: str = "Starting the engine"
    text: str = ""
    fraction: float = 0.0
    seconds_left: float | None = None
    cancelled: bool = False


@dataclass
class _Session:
    """What is known between two calls."""

    run: Run | None = None
    made: Made | None = None
    error: AnimaMimicError | None = None
    folder: Path | None = None


_session = _Session()


def current() -> Run | None:
    """The run under way, if there is one."""
    return _session.run


def last_made() -> Made | None:
    """What the last run made; None where it failed or was cancelled."""
    return _session.made


def last_report() -> dict[str, Any]:
    """The last run's figures as JSON values: what was made, and what the engine reports (see `core.pipeline`)."""
    made = _session.made
    return {} if made is None else made.as_json()


def last_error() -> AnimaMimicError | None:
    """Why the last run failed or that it was cancelled; None where it did not."""
    return _session.error


def was_cancelled() -> bool:
    """Whether the last run ended because the user wanted it to: no failure."""
    return isinstance(_session.error, CancelledError)


def last_folder() -> Path | None:
    """The job folder of the last run."""
    return _session.folder


def start(context: Context, work: Work, settings: Settings, folder: str = "", python: str = "") -> Run:
    """Capture the scene and start the engine on this kind of work.

    folder: where the job is kept, '' for a place of our own. python: the engine's Python, '' for the one that the preferences
    find. Raises AnimaMimicError where the run cannot start; the scene is as it was.
    """
    _refuse_second_run()
    _session.made, _session.error, _session.folder = None, None, None
    try:
        _session.run = _start(context, work, settings, folder, python)
    except AnimaMimicError as error:
        _session.error = error
        raise
    _session.folder = _session.run.folder
    return _session.run


def write_job(context: Context, work: Work, settings: Settings, folder: str) -> Path:
    """Write the job of this kind of work and start nothing; returns its folder. Raises as `start` does."""
    try:
        place = job_folder(folder)
        check_free(place)
        work.capture(context, chosen_subject(context), settings, place)
    except AnimaMimicError as error:
        _session.error = error
        raise
    return place


def start_captured(work: Work, folder: Path) -> Run:
    """Start the engine on a job that was captured before; see `leave`. Raises AnimaMimicError where that cannot be."""
    _refuse_second_run()
    engine_python = preferences.engine_python()
    preferences.check_python(engine_python)
    check_free(folder)
    _session.run = Run(work, folder, read_captured(folder), _start_engine(engine_python, folder))
    return _session.run


def listen(run: Run) -> bool:
    """Take in what the engine told since the last call. Returns whether it still works; never waits."""
    state = run.engine.poll()
    for message in state.messages:
        if message.kind == "STAGE":
            run.stage, run.text = STAGE_TITLES.get(message.text, message.text), ""
        elif message.kind == "PROGRESS":
            run.text, run.fraction, run.seconds_left = message.text, message.fraction, message.seconds_left
    return state.running


def finish(context: Context, run: Run) -> Made:
    """Bring what the ended engine made into the scene. Raises AnimaMimicError where the run failed or was cancelled."""
    try:
        return _finish(context, run)
    except AnimaMimicError as error:
        _session.error = error
        raise
    finally:
        _session.run = None


def leave(run: Run) -> None:
    """End a run whose engine has ended with its result in the job folder only. Raises AnimaMimicError where it failed or was cancelled."""
    _session.run = None
    _raise_failure(run)


def cancel() -> None:
    """Let the engine of the run under way end, if there is one: `listen` tells when it has, within two seconds. `finish` then tells that it was
    cancelled. Never waits.
    """
    if _session.run is not None:
        _session.run.cancelled = True
        _session.run.engine.ask_to_end()


def can_stop() -> bool:
    """Whether the run under way is at the fit, the one stage whose half is worth keeping."""
    return _session.run is not None and _session.run.stage in {STAGE_TITLES["fit"], STAGE_TITLES["refit"]}


def stop_and_keep() -> None:
    """Ask the engine to end the fit with the motion that it has and to go on to the keys. Raises OSError where the folder is gone."""
    if _session.run is not None:
        (_session.run.folder / job.STOP_FILE).touch()


def abandon() -> None:
    """Forget the run under way and what the last one made: the file that they belong to is closed."""
    end_run()
    _session.made, _session.error = None, None


def run_blocking(context: Context, work: Work, settings: Settings, folder: str, python: str, tell: Callable[[Run], None]) -> Made:
    """Start, wait, finish. `tell` is called many times a second with how far it is.

    A file called `cancel` in the job folder cancels the run, as does an interrupt (Ctrl-C).
    """
    _refuse_second_run()  # here too: what follows ends the run under way in the end
    try:
        run = start(context, work, settings, folder, python)
        wait(run, tell)
        return finish(context, run)
    except KeyboardInterrupt as interrupt:
        _session.error = CancelledError("The run was cancelled.")
        raise _session.error from interrupt
    finally:
        end_run()


def end_run() -> None:
    """End what is left of the run under way: nothing after `finish`, the engine where something unforeseen stopped it half-way."""
    process.end_all()
    _session.run = None


def register() -> None:
    """Follow what happens to the file."""
    bpy.app.handlers.load_pre.append(_on_load)


def unregister() -> None:
    """End a run that is under way."""
    abandon()
    bpy.app.handlers.load_pre.remove(_on_load)


@persistent
def _on_load(*_: Any) -> None:
    abandon()


def _refuse_second_run() -> None:
    if _session.run is not None:
        raise InputError("A run is under way already.", "Wait for it, or cancel it.")


def _start(context: Context, work: Work, settings: Settings, folder: str, python: str) -> Run:
    subject = chosen_subject(context)
    engine_python = preferences.existing_python(python, "the operator") if python else preferences.engine_python()
    preferences.check_python(engine_python)
    place = job_folder(folder)
    check_free(place)
    captured = work.capture(context, subject, settings, place)
    return Run(work, place, captured, _start_engine(engine_python, place))


def _start_engine(python: Path, folder: Path) -> process.Engine:
    """Beside a window, it gives way to what the user does there."""
    return process.Engine.start(python, process.SCRIPT, folder, polite=not bpy.app.background, secrets=preferences.secrets())


def wait(run: Run, tell: Callable[[Run], None]) -> None:
    """Until the engine has ended, by itself or by a request to cancel."""
    request = run.folder / job.CANCEL_FILE
    while listen(run):
        tell(run)
        if request.exists():
            request.unlink()
            cancel()
        time.sleep(POLL_SECONDS)


def _finish(context: Context, run: Run) -> Made:
    _raise_failure(run)
    baked = run.work.bake_where_captured(context, run.captured, run.folder)
    _session.made = replace(baked, warnings=(*run.captured.notes, *run.engine.warnings, *baked.warnings))
    return _session.made


def _raise_failure(run: Run) -> None:
    if run.cancelled:
        raise CancelledError("The run was cancelled.")
    failure = run.engine.failure()
    if isinstance(failure, InputError):  # what was odd about the subject may be why
        raise InputError(failure.problem, " ".join([failure.remedy, *run.captured.notes]).strip())
    if failure is not None:
        raise failure
