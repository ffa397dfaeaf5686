"""Which Python runs the engine: the add-on's preferences, how it is found, and whether it can do the work."""

import functools
import importlib.util
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..core import doctor
from ..core.errors import AnimaMimicError, EngineError, InputError
from . import ROOT_PACKAGE, process
from .datablocks import Context
from .properties import path_property
from .translations import sentence

VARIABLE = "ANIMAMIMIC_PYTHON"
"""Environment variable that names the engine's Python."""

CURE = "Press Set Up Engine, or set Engine Python in the add-on's preferences to a Python that has the engine's packages."
PROBE_SECONDS = 30.0
DOCTOR_SECONDS = 120.0

_PROBE = """
import importlib.util, json, sys
print(json.dumps({"version": sys.version_info[:2], "missing": [name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]}))
"""
"""Asks a Python for its version and for missing modules without importing them: importing torch takes seconds."""


class ANIMAMIMIC_AP_preferences(bpy.types.AddonPreferences):
    """Where the engine lives."""

    bl_idname = ROOT_PACKAGE

    def draw(self, context: Context) -> None:
        """Blender calls this to show the preferences."""
        layout: Any = self.layout
        layout.prop(self, "engine_python")
        try:
            found = engine_python()
        except InputError as error:
            layout.label(text=error.problem, icon="ERROR")
            layout.label(text=error.remedy)
        else:
            layout.label(text=sentence("The engine runs in {python}", python=found), translate=False)
        row = layout.row()
        row.operator_context = "INVOKE_DEFAULT"
        row.operator("animamimic.set_up_engine", icon="IMPORT")
        row.operator("animamimic.check_engine", icon="CHECKMARK")
        layout.prop(self, "torch_index")
        layout.prop(self, "access_token")


ANIMAMIMIC_AP_preferences.__annotations__ = {
    "engine_python": path_property(
        "Engine Python",
        "The Python program that has torch and the engine's other packages; empty: the one that the environment variable "
        f"{VARIABLE} names, or Blender's own if it has torch",
    ),
    "torch_index": path_property(
        "PyTorch Index",
        "Address of PyTorch's own package index, without the /cpu or /cu... at its end, which is chosen by what this machine has. "
        "Empty: torch comes from where pip takes the rest, on Linux with the libraries for CUDA",
        "NONE",
    ),
    "access_token": path_property(
        "Access Token",
        "Of your account on the model hub, for hosted generation and for models that want one; empty: the environment's HF_TOKEN, or that of the "
        "hub's own login. It is handed to the engine alone, and written into no job folder and no log",
        "PASSWORD",
    ),
}


def own_preferences() -> Any:
    """The add-on's preferences, or None where it runs from a checkout."""
    context: Context = bpy.context
    addon = context.preferences.addons.get(ROOT_PACKAGE)
    return addon.preferences if addon is not None else None


def engine_python() -> Path:
    """The Python that runs the engine: the preference, else ANIMAMIMIC_PYTHON, else this one if it has torch.

    Raises InputError where none is named, or the one that is named does not exist.
    """
    own = own_preferences()
    chosen = bpy.path.abspath(own.engine_python) if own is not None else ""
    for named, place in ((chosen, "the add-on's preferences"), (os.environ.get(VARIABLE, ""), VARIABLE)):
        if named:
            return existing_python(named, place)
    if importlib.util.find_spec("torch") is not None:
        return Path(sys.executable)
    raise InputError("There is no Python for the engine yet: Blender's own has no torch.", CURE)


def secrets() -> dict[str, str]:
    """What the engine gets in its environment and nobody else: the access token, where the preferences hold one."""
    context: Context = bpy.context
    addon = context.preferences.addons.get(ROOT_PACKAGE)
    token = addon.preferences.access_token.strip() if addon is not None else ""
    return {"HF_TOKEN": token} if token else {}


def existing_python(path: str, place: str) -> Path:
    """The path as a Path. Raises InputError where no file is there; `place` is who named it."""
    if not Path(path).is_file():
        raise InputError(f"There is no file {path}, which {place} gives as the engine's Python.", CURE)
    return Path(path)


def check_python(python: Path) -> None:
    """Raise InputError unless `python` is new enough and has the modules that the engine needs.

    Looks without importing them, in a tenth of a second, and remembers a Python that was right.
    """
    _check_once(python, python.stat().st_mtime_ns)


def examine(python: Path) -> str:
    """What `doctor` finds in that Python, for people to read. Imports everything there, which takes seconds."""
    return start_examination(python).result()


@dataclass
class Examination:
    """The doctor at work in another Python, so that a window need not wait for it. Made by `start_examination`."""

    python: Path
    process: "subprocess.Popen[str]"
    until: float

    def running(self) -> bool:
        """Whether it still works. Never waits."""
        return self.process.poll() is None and time.monotonic() < self.until

    def result(self) -> str:
        """What it found, for people to read; waits for it. Raises AnimaMimicError where it found or answered nothing."""
        try:
            text, _ = self.process.communicate(timeout=max(0.0, self.until - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            self.end()
            raise _no_answer(self.python, DOCTOR_SECONDS) from error
        if not text.strip():
            raise EngineError(f"{self.python} cannot run the engine: it printed nothing.", CURE)
        return text

    def end(self) -> None:
        """Stop it."""
        self.process.kill()
        self.process.communicate()


def start_examination(python: Path) -> Examination:
    """Start the doctor in that Python. Raises InputError where it cannot be started."""
    try:
        started = subprocess.Popen(
            [str(python), str(process.SCRIPT), "doctor"],
            env=process.engine_environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True, encoding="utf-8",
            **process.without_console(),
        )
    except OSError as error:
        raise InputError(f"The engine's Python {python} cannot be started ({error.strerror}).", CURE) from error
    return Examination(python, started, time.monotonic() + DOCTOR_SECONDS)


def register() -> None:
    """Add the preferences."""
    bpy.utils.register_class(ANIMAMIMIC_AP_preferences)


def unregister() -> None:
    """Take them away."""
    bpy.utils.unregister_class(ANIMAMIMIC_AP_preferences)
    _check_once.cache_clear()


@functools.cache
def _check_once(python: Path, changed: int) -> None:
    """`changed`, when the file was last written, is only there to be remembered by. Errors are not remembered."""
    required = [need for need in doctor.NEEDS if need.required]
    output = _run_python([str(python), "-c", _PROBE, *(need.module for need in required)], python, PROBE_SECONDS)
    try:
        found = json.loads(output)
    except ValueError as error:
        raise InputError(f"{python} is not a Python that the engine can run in.", CURE) from error
    if tuple(found["version"]) < doctor.MINIMUM_PYTHON:
        version, wanted = (".".join(map(str, pair)) for pair in (found["version"], doctor.MINIMUM_PYTHON))
        raise InputError(f"The engine's Python {python} is version {version}, and {wanted} is needed.", CURE)
    missing = [need.package for need in required if need.module in found["missing"]]
    if missing:
        raise InputError(f"The engine's Python {python} is without {', '.join(missing)}.", f"Run: {python} -m pip install {' '.join(missing)}")


def _run_python(command: list[str], python: Path, seconds: float) -> str:
    """What the command prints. Raises AnimaMimicError where it does not start or does not end."""
    try:
        done = subprocess.run(command, env=process.engine_environment(), **process.without_console(), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=seconds, check=False)
    except OSError as error:
        raise InputError(f"The engine's Python {python} cannot be started ({error.strerror}).", CURE) from error
    except subprocess.TimeoutExpired as error:
        raise _no_answer(python, seconds) from error
    return done.stdout


def _no_answer(python: Path, seconds: float) -> AnimaMimicError:
    return InputError(f"The engine's Python {python} gave no answer within {seconds:.0f} s.", CURE)
