"""One attempt at one shot, in a process of its own.

    shot.json        what is to be done                               written by who hands it out
    attempts.jsonl   a line when an attempt begins and when it ends   written by the attempts
    shot.log         what they printed
    done.json        under which inputs the target was made           written by the attempt that made it, last
    job/             the job folder of a .blend's shot
"""

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..claim import DRIVER_LOCK, ENGINE_LOCK, wait_free
from ..drive import AnimateRequest, drive_blender
from ..errors import AnimaMimicError, InputError
from ..files import write_text
from ..job import JOB_FILE, REPORT_FILE, SUBJECT_FILE
from ..stages import content_of, key_of, source_hash
from .table import Shot

SHOT_FILE = "shot.json"
ATTEMPTS_FILE = "attempts.jsonl"
SHOT_LOG_FILE = "shot.log"
DONE_FILE = "done.json"

PATIENCE = 15.0
"""Seconds that an attempt waits for what is left of the one before it: its processes end soon after their parent."""

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Programs:
    """What runs a shot. blender: path of a Blender, '' for the bpy module. engine_python: the Python that has torch, '' for the attempt's own."""

    blender: str = ""
    engine_python: str = ""


def prepare(folder: Path, shot: Shot, programs: Programs) -> None:
    """Write what is to be done into the shot's folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ATTEMPTS_FILE).unlink(missing_ok=True)
    write_text(folder / SHOT_FILE, json.dumps({"shot": asdict(shot), "programs": asdict(programs)}, indent=1))


def job_folder(folder: Path, shot: Shot) -> Path:
    """Where the shot's job lies."""
    return Path(shot.job) if shot.job else folder / "job"


def finished(folder: Path, shot: Shot) -> bool:
    """Whether the target was made from just these inputs and is still there.

    Raises InputError where it would be made anew, but somebody changed it since: that would be lost.
    """
    try:
        done = json.loads((folder / DONE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if not _is_there(shot):
        return False
    if done["key"] == shot_key(shot):
        return True
    if shot.request is not None and content_of(Path(shot.request.out)) != done["out"]:
        raise InputError(f"{shot.request.out} was changed since it was made.", "Move it away, or name another file to write.")
    return False


def shot_key(shot: Shot) -> str:
    """A hash of what the shot is made from: files by their content. Libraries that a .blend links are not looked at."""
    code = [source_hash(ROOT / part) for part in ("core", "animamimic_addon", "operators")]
    if shot.request is None:
        return key_of("shot", (code, [content_of(Path(shot.job) / name) for name in (JOB_FILE, SUBJECT_FILE)])).hex()
    request = shot.request
    files = [content_of(Path(str(name))) for name in (request.blend, request.settings.get("video", ""), request.settings.get("mask_video", "")) if name]
    settings = {name: value for name, value in request.settings.items() if name not in {"video", "mask_video"}}
    return key_of("shot", (code, files, request.object, request.camera, settings)).hex()


def attempt(folder: Path, number: int) -> int:
    """Try the shot whose folder this is; returns the exit code. Raises AnimaMimicError where it does not even begin."""
    shot, programs = _read(folder)
    _note(folder, attempt=number, state="begun", host=socket.gethostname(), process=os.getpid())
    begun = time.monotonic()
    error = ""
    try:
        if job_folder(folder, shot).is_dir():
            wait_free(job_folder(folder, shot), (DRIVER_LOCK, ENGINE_LOCK), PATIENCE)
        exit_code, error = _made(folder, shot, programs)
    except AnimaMimicError as failure:
        exit_code, error = failure.exit_code, str(failure)
    except KeyboardInterrupt:
        exit_code, error = 130, "cancelled"
    if exit_code == 0:
        out = content_of(Path(shot.request.out)) if shot.request is not None else ""
        write_text(folder / DONE_FILE, json.dumps({"key": shot_key(shot), "out": out}))
    _note(folder, attempt=number, state="done" if exit_code == 0 else "failed", error=error, seconds=round(time.monotonic() - begun, 1))
    return exit_code


def attempts(folder: Path) -> list[dict[str, Any]]:
    """What the attempts noted, in order; half a line of one that was killed is left out."""
    try:
        lines = (folder / ATTEMPTS_FILE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def _read(folder: Path) -> tuple[Shot, Programs]:
    """What `prepare` wrote."""
    told = json.loads((folder / SHOT_FILE).read_text(encoding="utf-8"))
    request = told["shot"].pop("request")
    return Shot(**told["shot"], request=AnimateRequest(**request) if request else None), Programs(**told["programs"])


def _made(folder: Path, shot: Shot, programs: Programs) -> tuple[int, str]:
    """Exit code, and the sentence of an error."""
    if shot.request is None:
        command = [sys.executable, str(ROOT / "__main__.py"), "run", shot.job, "--parent", str(os.getpid())]
        done = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False)
        report = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
        return done.returncode, report.get("error", "" if done.returncode == 0 else f"The engine ended with code {done.returncode}.")
    request = replace(shot.request, engine_python=programs.engine_python or sys.executable)
    outcome = drive_blender(request, folder / "job", Path(programs.blender) if programs.blender else None)
    return outcome.exit_code, outcome.report.get("error", "")


def _is_there(shot: Shot) -> bool:
    return Path(shot.request.out).is_file() if shot.request is not None else (Path(shot.job) / REPORT_FILE).is_file()


def _note(folder: Path, **values: Any) -> None:
    with (folder / ATTEMPTS_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(values) + "\n")
