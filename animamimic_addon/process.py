"""The engine as another process: started, listened to, ended. Knows neither bpy nor torch.

The engine leads a process group (on Windows: a process tree) of its own, so that ending it ends whatever it started and
nothing else. The Windows branches are written after the documentation and have not been run.
"""

import atexit
import contextlib
import logging
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ..core.errors import AnimaMimicError, EngineError, InputError
from ..core.job import LOG_FILE, PREVIEW_FILE, PROGRESS_FILE, REPORT_FILE, RESULT_FILE, Message, MessageReader

log = logging.getLogger(__name__)

SCRIPT = Path(__file__).resolve().parent.parent / "__main__.py"
"""The engine: the extension's own command line."""

TERMINATE_SECONDS = 1.0
"""How long the engine may take to end when asked to, before it is killed."""

KILL_SECONDS = 0.8
LOG_LINES = 15
LOG_BYTES = 16384

FOREIGN_VARIABLES = ("PYTHON", "BLENDER", "PXR_", "MATERIALX_")
"""Beginnings of names of environment variables that Blender or its launcher set for Blender's own Python and libraries; in
another Python they would load the wrong modules."""



@dataclass(frozen=True)
class EngineState:
    """What became of the engine since the last look. exit_code: None while it runs; negative: the signal that ended it."""

    messages: tuple[Message, ...]
    running: bool
    exit_code: int | None


@dataclass
class Engine:
    """A running engine. Made by `Engine.start`."""

    folder: Path
    process: "subprocess.Popen[bytes]"
    _reader: MessageReader
    _error: Message | None = None
    _done: bool = False
    _patience: float = math.inf
    """Until when, by the monotonic clock, it may take to end; infinite where it was not asked to."""

    _warnings: list[str] = field(default_factory=list)

    @classmethod
    def start(cls, python: Path, script: Path, folder: Path, polite: bool = False, secrets: Mapping[str, str] | None = None) -> "Engine":
        """Start `python script run folder`; what it prints goes to engine.log in the folder.

        polite: it lets other programs go first, such as the Blender that someone works in meanwhile.
        secrets: environment variables for it alone.

        What an earlier run left in the folder is removed first. Raises InputError where `python` cannot be started, EngineError
        where the folder cannot be written.
        """
        return cls.start_command([str(python), str(script), "run", str(folder), "--parent", str(os.getpid()), *(["--polite"] if polite else [])], folder, folder, secrets)

    @classmethod
    def start_command(cls, command: list[str], folder: Path, place: Path, secrets: Mapping[str, str] | None = None) -> "Engine":
        """Start any command that tells its progress in the folder; place: its current folder. Raises as `start` does."""
        with _emptied_log(folder) as output:
            try:
                process = subprocess.Popen(
                    command, cwd=place, env={**engine_environment(), **(secrets or {})}, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **_own_group()
                )
            except OSError as error:
                raise InputError(f"The engine's Python {command[0]} cannot be started ({error.strerror}).", "Choose another in the add-on's preferences.") from error
        engine = cls(folder, process, MessageReader(folder))
        _running.append(engine)
        return engine

    def poll(self) -> EngineState:
        """The messages that came since the last call, and whether the engine still runs. Never waits."""
        exit_code = self.process.poll()  # before the messages: once it has ended, none comes after those that are read here
        messages = tuple(self._reader.new_messages())
        for message in messages:
            self._note(message)
        if exit_code is not None:
            self._forget()
        elif time.monotonic() > self._patience:
            _kill_group(self.process.pid)
        return EngineState(messages, exit_code is None, exit_code)

    def ask_to_end(self) -> None:
        """Ask the engine and what it started to end. Never waits: `poll` tells when it has ended, and kills it where that takes over a second."""
        if self.process.poll() is None and self._patience == math.inf:
            _ask_group(self.process.pid)
            self._patience = time.monotonic() + TERMINATE_SECONDS

    def cancel(self) -> None:
        """End the engine and what it started; waits for it, at most two seconds. Does nothing where it has ended already."""
        if self.process.poll() is None:
            _end_group(self.process)
        self._forget()

    def failure(self) -> AnimaMimicError | None:
        """Why the ended engine failed, or None where it did its work. Call after `poll` told that it ended."""
        if self._error is not None:
            kind = InputError if self._error.exit_code == InputError.exit_code else EngineError
            return kind(self._error.text)
        if self._done and self.process.returncode == 0:
            return None
        return EngineError(f"The engine {_manner_of_end(self.process.returncode)} before it was done.", f"The end of its log:\n{log_end(self.folder)}")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the engine warned of, in order."""
        return tuple(self._warnings)

    def _note(self, message: Message) -> None:
        if message.kind == "WARN":
            self._warnings.append(message.text)
        elif message.kind == "ERROR":
            self._error = message
        elif message.kind == "DONE":
            self._done = True

    def _forget(self) -> None:
        """The leader has ended and was reaped just now, so its number is still that of its group: end what is left of it."""
        if self in _running:
            _running.remove(self)
            _kill_group(self.process.pid)


_running: list[Engine] = []
"""Engines that were started and not yet seen to end."""


def end_all() -> None:
    """End every engine that still runs: Blender quits, loads another file, or the add-on is disabled."""
    for engine in tuple(_running):
        engine.cancel()


atexit.register(end_all)


def log_end(folder: Path) -> str:
    """The last lines of the engine's log, '(it printed nothing)' for an empty one."""
    try:
        with (folder / LOG_FILE).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError as error:
        return f"(it cannot be read: {error.strerror})"
    return "\n".join(text.strip().splitlines()[-LOG_LINES:]) or "(it printed nothing)"


def engine_environment() -> dict[str, str]:
    """The environment for another Python: this one's without what belongs to Blender's."""
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN_VARIABLES)}
    environment.pop("__PYVENV_LAUNCHER__", None)  # macOS: which Python a virtual environment belongs to
    environment |= {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    return environment


def without_console() -> dict[str, Any]:
    """How to start a process without a console window popping up, which only Windows does."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {}


def _emptied_log(folder: Path) -> BinaryIO:
    """The log, opened for writing; what an earlier run left is gone. Raises EngineError where that cannot be done."""
    try:
        for name in (PROGRESS_FILE, PREVIEW_FILE, RESULT_FILE, REPORT_FILE):
            (folder / name).unlink(missing_ok=True)
        return (folder / LOG_FILE).open("wb")
    except OSError as error:
        raise EngineError(f"The job folder {folder} cannot be written ({error.strerror}).", "Choose another place for it.") from error


def _own_group() -> dict[str, Any]:
    """How to start a process that leads a group of its own."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """Ask the group to end, then kill it. The leader is not reaped yet: its number cannot be another's."""
    _ask_group(process.pid)
    try:
        process.wait(TERMINATE_SECONDS)
    except subprocess.TimeoutExpired:
        _kill_group(process.pid)
        try:
            process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:  # stuck in the kernel: it dies as soon as it leaves it
            log.warning("engine %d was killed and has not ended yet", process.pid)


def _ask_group(leader: int) -> None:
    """Ask a group to end; on Windows, end it."""
    if sys.platform == "win32":
        # A break event would need a console shared with the engine; taskkill follows the tree of parents.
        subprocess.Popen(["taskkill", "/T", "/F", "/PID", str(leader)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **without_console())
        return
    _signal_group(leader, signal.SIGTERM)


def _kill_group(leader: int) -> None:
    if sys.platform != "win32":
        _signal_group(leader, signal.SIGKILL)


def _signal_group(leader: int, number: int) -> None:
    """Send a signal to a process group; one that is empty (or, on macOS, holds only zombies) is left alone."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, number)


def _manner_of_end(exit_code: int) -> str:
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    name = signal.Signals(-exit_code).name if -exit_code in set(signal.Signals) else str(-exit_code)
    hint = ", perhaps by the system because memory ran out," if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"
