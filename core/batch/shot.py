"""One attempt at one shot, in a process of its own.

    shot.json        what is to be done                               written by who hands it out
    attempts.jsonl   a line when an attempt begins and when it ends   written by the attempts
    shot.log         what they printed
    done.json        under which inputs the target was made           written by the attempt that made it, last
    job/             the job folder of a .blend's shot
    generation/      the job folder of its driving video, where it has a prompt
    picture.json     under which inputs the job in generation/ was written   written by the attempt that wrote it, last
"""

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..claim import DRIVER_LOCK, ENGINE_LOCK, claim, wait_free
from ..drive import WRITE_JOB, AnimateRequest, drive_blender
from ..errors import AnimaMimicError, InputError
from ..files import remove_parts, write_text
from ..job import JOB_FILE, PROGRESS_FILE, REPORT_FILE, SUBJECT_FILE, VIEW_FILE, MessageReader
from ..stages import content_of, key_of, source_hash
from .steps import Step, animate_request, job_folder, picture_settings, steps_of
from .table import Shot

if TYPE_CHECKING:
    from ..video.generate import Models

SHOT_FILE = "shot.json"
ATTEMPTS_FILE = "attempts.jsonl"
SHOT_LOG_FILE = "shot.log"
DONE_FILE = "done.json"
PICTURE_FILE = "picture.json"

PATIENCE = 15.0
"""Seconds that an attempt waits for what is left of the one before it: its processes end soon after their parent."""

PATIENCE_MINUTES = 60.0
"""That a shot's Blender may tell nothing: longer than a start picture takes to render, or an engine between two messages."""

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Programs:
    """What runs a shot. blender: path of a Blender, '' for the bpy module. engine_python: the Python that has torch, '' for the attempt's own.
    patience: minutes that Blender may tell nothing before it is ended.
    """

    blender: str = ""
    engine_python: str = ""
    patience: float = PATIENCE_MINUTES


def prepare(folder: Path, shot: Shot, programs: Programs) -> None:
    """Write what is to be done into the shot's folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ATTEMPTS_FILE).unlink(missing_ok=True)
    write_text(folder / SHOT_FILE, json.dumps({"shot": asdict(shot), "programs": asdict(programs)}, indent=1))


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
        return key_of("shot", (code, [content_of(one) for one in _job_files(Path(shot.job))])).hex()
    request = shot.request
    files = [content_of(Path(str(name))) for name in (request.blend, request.settings.get("video", ""), request.settings.get("mask_video", "")) if name]
    settings = {name: value for name, value in request.settings.items() if name not in {"video", "mask_video"}}
    return key_of("shot", (code, files, request.object, request.camera, settings)).hex()


def attempt(folder: Path, number: int, step: Step, models: "Models | None" = None) -> int:
    """Try a step of the shot whose folder this is; returns the exit code. models: of a process that keeps its model for the next shot.

    Raises AnimaMimicError where it does not even begin.
    """
    shot, programs = _read(folder)
    _note(folder, attempt=number, step=step, state="begun", host=socket.gethostname(), process=os.getpid())
    begun = time.monotonic()
    error = ""
    try:
        if job_folder(folder, shot, step).is_dir():
            wait_free(job_folder(folder, shot, step), (DRIVER_LOCK, ENGINE_LOCK), PATIENCE)
        exit_code, error = _made(folder, shot, programs, step, models)
    except AnimaMimicError as failure:
        exit_code, error = failure.exit_code, str(failure)
    except KeyboardInterrupt:
        exit_code, error = 130, "cancelled"
    if exit_code == 0 and step is steps_of(shot)[-1]:
        out = content_of(Path(shot.request.out)) if shot.request is not None else ""
        write_text(folder / DONE_FILE, json.dumps({"key": shot_key(shot), "out": out}))
    _note(folder, attempt=number, step=step, state="done" if exit_code == 0 else "failed", error=error, seconds=round(time.monotonic() - begun, 1))
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


def _made(folder: Path, shot: Shot, programs: Programs, step: Step, models: "Models | None") -> tuple[int, str]:
    """Exit code, and the sentence of an error."""
    if step is Step.GENERATE:
        return _generated(job_folder(folder, shot, step), models)
    request = animate_request(folder, shot)
    if request is None:
        return _engine_ran(shot.job)
    if step is Step.PICTURE:
        return _pictured(folder, shot, programs)
    return _blender_ran(request, job_folder(folder, shot, step), programs)


def _engine_ran(job: str) -> tuple[int, str]:
    command = [sys.executable, str(ROOT / "__main__.py"), "run", job, "--parent", str(os.getpid())]
    done = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False)
    if done.returncode == 0:
        return 0, ""
    report = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
    return done.returncode, report.get("error") or _told_error(Path(job)) or f"The engine ended with code {done.returncode}."


def _blender_ran(request: AnimateRequest, job: Path, programs: Programs) -> tuple[int, str]:
    request = replace(request, engine_python=programs.engine_python or sys.executable)
    outcome = drive_blender(request, job, Path(programs.blender) if programs.blender else None, 60 * programs.patience)
    return outcome.exit_code, outcome.report.get("error", "")


def _pictured(folder: Path, shot: Shot, programs: Programs) -> tuple[int, str]:
    """Write the job of making the driving video; one that was written from the same inputs stays, since another machine may render
    other pixels, and then another video would be made."""
    assert shot.request is not None
    request = shot.request
    key = key_of("picture", (content_of(Path(request.blend)), request.object, request.camera, picture_settings(request))).hex()
    record, place = folder / PICTURE_FILE, job_folder(folder, shot, Step.PICTURE)
    if record.is_file() and record.read_text(encoding="utf-8") == key and (place / JOB_FILE).is_file():
        return 0, ""
    record.unlink(missing_ok=True)
    exit_code, error = _blender_ran(replace(request, operator=WRITE_JOB), place, programs)
    if exit_code == 0:
        write_text(record, key)
    return exit_code, error


def _generated(job: Path, models: "Models | None") -> tuple[int, str]:
    """Make a job's driving video in this process."""
    from .. import pipeline

    with claim(job):
        (job / PROGRESS_FILE).unlink(missing_ok=True)  # of an earlier run
        remove_parts(job)
        exit_code = pipeline.run(job, lambda folder, request: pipeline.video_alone(folder, request, models))
    return exit_code, _told_error(job)


def _told_error(job: Path) -> str:
    """The sentence of a job's failure, '' where it told none."""
    return next((message.text for message in MessageReader(job).new_messages() if message.kind == "ERROR"), "")


def _job_files(job: Path) -> list[Path]:
    """What a job folder's result is made from."""
    try:
        head = json.loads((job / JOB_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        head = {}
    return [job / name for name in (JOB_FILE, SUBJECT_FILE, VIEW_FILE, head.get("video"), head.get("mask")) if name]


def _is_there(shot: Shot) -> bool:
    return Path(shot.request.out).is_file() if shot.request is not None else (Path(shot.job) / REPORT_FILE).is_file()


def _note(folder: Path, **values: Any) -> None:
    with (folder / ATTEMPTS_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(values) + "\n")
