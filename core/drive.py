"""Start a Blender without a window, have it animate a .blend file, and show how far it is.

This side has no bpy: the other side is `animamimic_addon.headless`. They talk by a small request file, an outcome file and
the job folder.
"""

import dataclasses
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .claim import DRIVER_LOCK, check_free, claim
from .errors import EngineError, InputError
from .job import CANCEL_FILE, PROGRESS_FILE, MessageReader
from .settings import Value

if TYPE_CHECKING:
    from tqdm import tqdm

IN_BLENDER = "inside-blender"
"""The command of the command line that runs inside Blender."""

GENERATE = "generate_video"
"""The operator that makes driving videos; what it makes is saved in place of the .blend file."""

WRITE_JOB = "write_job"
"""The operator that only writes the job folder; there is nothing to save."""

REQUEST_FILE = "animate.json"
OUTCOME_FILE = "outcome.json"
BLENDER_LOG_FILE = "blender.log"

POLL_SECONDS = 0.1
CANCEL_SECONDS = 5.0
LEAVE_SECONDS = 30.0
"""How long Blender may take to end after it has written the outcome: some versions can hang there, with all done."""

LOG_LINES = 15


@dataclass(frozen=True)
class AnimateRequest:
    """What to do with which file.

    operator: what is called for it, of the operators `animamimic.*` that run the engine. blend, out: paths of the .blend to read and to write. object: a mesh or an armature, '' for the active or the only one.
    camera: name of a camera object, '' for the scene's. engine_python: the Python that runs the engine.
    settings: name -> value of the settings that were given, see `core.settings`.
    outcome: where the outcome is written; set by `drive_blender`, outside the job folder, whose disk may be full.
    """

    blend: str
    out: str
    object: str = ""
    camera: str = ""
    engine_python: str = ""
    settings: dict[str, Value] = field(default_factory=dict)
    outcome: str = ""
    operator: str = "animate_from_video"


@dataclass(frozen=True)
class Outcome:
    """How it ended. report: JSON values, with "outcome": done, failed or cancelled."""

    exit_code: int
    report: dict[str, Any]


def drive_blender(request: AnimateRequest, job_folder: Path | None, blender: Path | None, patience: float = math.inf) -> Outcome:
    """Animate in a new Blender process: the bpy module of this Python, or the program at `blender`.

    job_folder: where the job is kept; None for a temporary one. patience: seconds that it may tell nothing, neither it nor its engine, before
    it is taken for one that hangs and ended. Raises InputError for files that are not there, EngineError where Blender ends without an
    outcome or hangs, KeyboardInterrupt (after the run was cancelled cleanly).
    """
    check_request(request, blender)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="animamimic-")))
        request = dataclasses.replace(request, outcome=str(folder / OUTCOME_FILE))
        if job_folder is not None:
            folder = job_folder.resolve()
            _make_folder(folder)
            stack.enter_context(claim(folder, DRIVER_LOCK))
            check_free(folder)
        for name in (CANCEL_FILE, PROGRESS_FILE):  # of an earlier run in this folder
            (folder / name).unlink(missing_ok=True)
        (folder / REQUEST_FILE).write_text(json.dumps(dataclasses.asdict(request)), encoding="utf-8")
        log = stack.enter_context((folder / BLENDER_LOG_FILE).open("wb"))
        process = subprocess.Popen(
            _command(folder / REQUEST_FILE, blender), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
        )
        _follow(process, folder, Path(request.outcome), patience)
        return _outcome(process.returncode, Path(request.outcome), folder / BLENDER_LOG_FILE)


def check_request(request: AnimateRequest, blender: Path | None = None) -> None:
    """Raise InputError for files that are not there or cannot be written."""
    if not Path(request.blend).is_file():
        raise InputError(f"There is no file {request.blend}.", "Name the .blend file that holds the subject.")
    if not Path(request.out).parent.is_dir():
        raise InputError(f"There is no folder {Path(request.out).parent}.", "Make it, or write the result elsewhere.")
    if Path(request.out).is_dir():
        raise InputError(f"{request.out} is a folder.", "Name the file that shall be written, with the folder before it.")
    if not os.access(Path(request.out).parent, os.W_OK):
        raise InputError(f"The folder {Path(request.out).parent} cannot be written.", "Check its permissions, or write the result elsewhere.")
    if blender is not None and not blender.is_file():
        raise InputError(f"There is no Blender at {blender}.", "Give the path of the program itself.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The job folder {folder} cannot be made ({error.strerror}).", "Choose another place with --job.") from error


def _command(request: Path, blender: Path | None) -> list[str]:
    script = Path(__file__).resolve().parent.parent / "__main__.py"
    own = ["--", IN_BLENDER, str(request), "--parent", str(os.getpid())]
    if blender is None:
        return [sys.executable, str(script), *own]
    return [str(blender), "--background", "--factory-startup", "--python", str(script), *own]


def _follow(process: subprocess.Popen[bytes], folder: Path, outcome: Path, patience: float) -> None:
    """Show the engine's messages until Blender has ended; on Ctrl-C ask it to cancel, and insist after a while. One that does not end
    after its outcome is ended, as is one that tells nothing for longer than `patience`, with an EngineError.
    """
    from tqdm import tqdm  # not above: this module is imported in Blender's Python too, which has no such package

    reader = MessageReader(folder)
    with tqdm(total=100, unit="%", bar_format="{desc:32.32} {bar} {n:3.0f}% {postfix}", file=sys.stderr, disable=None) as bar:
        try:
            last, silent = math.inf, time.monotonic() + patience
            while process.poll() is None:
                if _show(reader, bar):
                    silent = time.monotonic() + patience
                last = min(last, time.monotonic() + LEAVE_SECONDS) if outcome.exists() else last
                if time.monotonic() > min(last, silent):
                    process.kill()
                    process.wait()
                    if not outcome.exists():
                        raise EngineError(f"Blender told nothing for {patience / 60:g} minutes and was ended.", f"See {BLENDER_LOG_FILE} in {folder}.")
                time.sleep(POLL_SECONDS)
            _show(reader, bar)
        except KeyboardInterrupt:
            (folder / CANCEL_FILE).touch()
            try:
                process.wait(CANCEL_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            raise


def _show(reader: MessageReader, bar: "tqdm[Any]") -> bool:
    """Show what was told since the last call; returns whether there was anything."""
    messages = list(reader.new_messages())
    for message in messages:
        if message.kind == "WARN":
            bar.write(f"animamimic: {message.text}", file=sys.stderr)
        elif message.kind == "STAGE" and bar.disable:  # no terminal: a line a stage
            print(f"animamimic: {message.text}", file=sys.stderr, flush=True)
        elif message.kind == "PROGRESS":
            left = f"{message.seconds_left:.0f} s left" if message.seconds_left is not None else ""
            bar.set_description(message.text, refresh=False)
            bar.set_postfix_str(left, refresh=False)
            bar.n = 100 * message.fraction
            bar.refresh()
    return bool(messages)


def _outcome(exit_code: int, written: Path, log: Path) -> Outcome:
    try:
        report = json.loads(written.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        raise EngineError(f"Blender ended with code {exit_code} before it was done.", "The end of its log:\n" + "\n".join(tail)) from error
    if report["outcome"] != "done":
        print(f"animamimic: {report.get('error', report['outcome'])}", file=sys.stderr)
    return Outcome(report.pop("exit_code"), report)
