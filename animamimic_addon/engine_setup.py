"""Makes the engine's own environment from inside Blender: another process does it, see `core.environment`."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..core import doctor, environment
from ..core.errors import AnimaMimicError, CancelledError, EngineError, InputError
from . import ROOT_PACKAGE, preferences, process

BASE_NAMES = ("python3.13", "python3.12", "python3.11", "python3.14", "python3", "python")
"""Programs that may be a Python to base the environment on, the best known first."""

PROBE = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
PROBE_SECONDS = 10.0
NEWEST_PYTHON = (3, 14)
"""Newer ones have no wheels of the versions that are installed."""


@dataclass
class SetUp:
    """One under way. fraction: 0 to 1. text: what it is at."""

    folder: Path
    engine: process.Engine
    text: str = "starting"
    fraction: float = 0.0
    cancelled: bool = False


@dataclass
class _State:
    """What is known between two calls."""

    current: SetUp | None = None
    error: AnimaMimicError | None = None


_state = _State()


def current() -> SetUp | None:
    """The one under way, or None."""
    return _state.current


def last_error() -> AnimaMimicError | None:
    """Why the last one failed, None where it did not."""
    return _state.error


def usual_folder() -> str:
    """Where the engine goes where nobody says otherwise: a folder of the extension's own, '' in a checkout."""
    try:
        return bpy.utils.extension_path_user(ROOT_PACKAGE, path="engine", create=True)
    except ValueError:
        return ""


def start(folder: str) -> SetUp:
    """Start making the environment in `folder`. Raises AnimaMimicError where that cannot be done."""
    _state.error = None
    try:
        _state.current = _start(folder)
    except AnimaMimicError as error:
        _state.error = error
        raise
    return _state.current


def listen(setup: SetUp) -> bool:
    """Take in what it told since the last call. Returns whether it still works; never waits."""
    state = setup.engine.poll()
    for message in state.messages:
        if message.kind == "PROGRESS":
            setup.text, setup.fraction = message.text, message.fraction
    return state.running


def finish(setup: SetUp) -> Path:
    """Let the preferences name the new Python; returns it. Raises AnimaMimicError where it failed or was cancelled."""
    _state.current = None
    failure = CancelledError("Setting up the engine was cancelled.") if setup.cancelled else setup.engine.failure()
    if failure is not None:
        _state.error = failure
        raise failure
    python = environment.python_of(setup.folder)
    own = preferences.own_preferences()
    if own is not None:
        own.engine_python = str(python)
    return python


def cancel() -> None:
    """Let the one under way end, which `listen` tells; what it has fetched so far stays for the next try. Never waits."""
    if _state.current is not None:
        _state.current.cancelled = True
        _state.current.engine.ask_to_end()


def end() -> None:
    """The same, waiting for it, at most two seconds: nobody listens any more."""
    cancel()
    if _state.current is not None:
        _state.current.engine.cancel()


def base_python() -> Path:
    """A Python that can make environments: the system's, else Blender's own (into which nothing is installed).

    The system's comes first since an environment ends with the Python that it is based on, and Blender's goes with its next
    version. Raises InputError where there is none.
    """
    found = (shutil.which(name) for name in BASE_NAMES)
    for path in (*found, sys.executable):
        if path and _can_make_environments(path):
            return Path(path)
    oldest, newest = (".".join(map(str, version)) for version in (doctor.MINIMUM_PYTHON, NEWEST_PYTHON))
    raise InputError(
        f"No Python from {oldest} to {newest} that can make environments was found.",
        "Install one (on Debian and Ubuntu: the packages python3 and python3-venv), or set Engine Python to one that has the engine's packages.",
    )


def _start(folder: str) -> SetUp:
    if _state.current is not None:
        raise InputError("The engine is being set up already.", "Wait for it, or cancel it.")
    if not bpy.app.online_access:
        raise InputError("Blender is set to stay offline.", "Switch Allow Online Access on in Edit > Preferences > System > Network.")
    if not folder:
        raise InputError("No folder for the engine is chosen.", "Choose an empty one.")
    place = Path(bpy.path.abspath(folder)).expanduser().resolve()
    environment.check_folder(place)
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / environment.SENTINEL).write_text(environment.BEGUN, "utf-8")
    except OSError as error:
        raise EngineError(f"The folder {place} cannot be written ({error.strerror}).", "Choose another folder for the engine.") from error
    own = preferences.own_preferences()
    index = ["--torch-index", own.torch_index] if own is not None and own.torch_index else []
    command = [str(base_python()), "-m", f"{environment.__package__.rpartition('.')[2]}.environment", str(place), "--parent", str(os.getpid()), *index]
    return SetUp(place, process.Engine.start_command(command, place, environment.ROOT))


def _can_make_environments(path: str) -> bool:
    """Asks the Python itself; some systems keep the modules for it apart."""
    try:
        done = subprocess.run([path, "-c", PROBE], env=process.engine_environment(), **process.without_console(), capture_output=True, text=True, timeout=PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    version = tuple(int(part) for part in done.stdout.strip().split(".")) if done.returncode == 0 else ()
    return doctor.MINIMUM_PYTHON <= version <= NEWEST_PYTHON
