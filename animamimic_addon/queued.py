"""The queue: jobs that were captured and wait for the engine, each in a folder of its own. All that is known of them lies there,
so that the queue outlives its Blender.

    NUMBER-NAME/          the job folder
    NUMBER-NAME/queued.json   what the list shows: subject, file; written last when a job is added
    NUMBER-NAME/baked         there once the result was brought into a scene
"""

import json
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import bpy

from ..core import job
from ..core.errors import AnimaMimicError, EngineError, InputError
from ..core.files import write_text
from . import ROOT_PACKAGE
from .captured import Captured

QUEUED_FILE = "queued.json"
BAKED_FILE = "baked"

TAIL_BYTES = 4096
"""Of progress.jsonl, in which the last message is looked for: the list is drawn many times a second."""


class State(StrEnum):
    """Where a job stands, as far as its folder tells. A folder cannot tell whether an engine works in it now."""

    WAITING = "Waiting"
    STARTED = "Begun"
    """An engine worked on it and did not end its work; run again, it goes on where it stopped."""
    FAILED = "Failed"
    DONE = "Done"
    BAKED = "In the Scene"


TO_DO = (State.WAITING, State.STARTED)


@dataclass(frozen=True)
class QueuedJob:
    """A job of the queue. subject: its name. file: the .blend that it was captured from, '' for an unsaved one. error: of a failed one."""

    folder: Path
    subject: str
    file: str
    state: State
    error: str = ""

    @property
    def number(self) -> int:
        """Its place in the queue, which it keeps."""
        return _number(self.folder)


def queue_folder() -> Path:
    """Where the queue lies: among the extension's own files, or the system's temporary ones where it is not installed as one."""
    try:
        return Path(bpy.utils.extension_path_user(ROOT_PACKAGE, path="queue", create=True))
    except ValueError:  # not an extension: run from a checkout
        return Path(tempfile.gettempdir()) / "animamimic-queue"


def queued_jobs() -> tuple[QueuedJob, ...]:
    """The jobs in the order in which they were added. A folder that is being written is not among them yet."""
    found = []
    for folder in sorted(_folders(), key=_number):
        try:
            head = json.loads((folder / QUEUED_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        found.append(QueuedJob(folder, head["subject"], head["file"], *_state(folder)))
    return tuple(found)


def find(name: str) -> QueuedJob:
    """The job in the folder of that name. Raises InputError where there is none."""
    for one in queued_jobs():
        if one.folder.name == name:
            return one
    raise InputError(f"There is no job {name!r} in the queue.", "It was taken away.")


def add(name: str, file: str, capture: Callable[[Path], Captured]) -> Path:
    """Add a job to the end: `capture` writes it into the folder that it is given. Returns the folder.

    name: the subject's. file: the .blend. Raises AnimaMimicError, with nothing added, where `capture` does.
    """
    number = max(map(_number, _folders()), default=0) + 1
    folder = queue_folder() / f"{number:04d}-{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-') or 'subject'}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise EngineError(f"The queue's folder {folder.parent} cannot be written ({error.strerror}).", "Check its permissions and the free disk space.") from error
    try:
        captured = capture(folder)
        write_text(folder / QUEUED_FILE, json.dumps({"subject": captured.subject, "file": file}))
    except (AnimaMimicError, OSError):
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def mark_failed(one: QueuedJob, error: AnimaMimicError) -> None:
    """Note in the folder that the engine ended without having said why itself."""
    if _state(one.folder)[0] in TO_DO:
        job.append_message(one.folder, job.Message("ERROR", str(error), exit_code=error.exit_code))


def retry(one: QueuedJob) -> None:
    """Let a failed job wait again."""
    (one.folder / job.PROGRESS_FILE).unlink(missing_ok=True)


def mark_baked(one: QueuedJob) -> None:
    """Note in the folder that its result is in a scene."""
    (one.folder / BAKED_FILE).touch()


def remove(one: QueuedJob) -> None:
    """Take a job away, with its result. Raises EngineError where its files stay."""
    (one.folder / QUEUED_FILE).unlink(missing_ok=True)  # it is out of the list even if something of it stays
    try:
        shutil.rmtree(one.folder)
    except OSError as error:
        raise EngineError(f"Not all of {one.folder} could be removed ({error.strerror}).", "Remove the folder by hand.") from error


def _folders() -> list[Path]:
    place = queue_folder()
    return [one for one in place.iterdir() if _number(one)] if place.is_dir() else []


def _number(folder: Path) -> int:
    """A job folder's place in the queue, 0 for what is none."""
    begin = folder.name.partition("-")[0]
    return int(begin) if begin.isdecimal() else 0


def _state(folder: Path) -> tuple[State, str]:
    """State, and the sentence of an error."""
    if (folder / BAKED_FILE).exists():
        return State.BAKED, ""
    if (folder / job.REPORT_FILE).exists():
        return State.DONE, ""
    last = _last_message(folder / job.PROGRESS_FILE)
    if last.get("kind") == "ERROR":
        return State.FAILED, last.get("text", "")
    return (State.STARTED if last else State.WAITING), ""


def _last_message(path: Path) -> dict[str, Any]:
    """The last whole line of progress.jsonl, {} where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
            lines = file.read().split(b"\n")[:-1]
    except OSError:
        return {}
    try:
        return json.loads(lines[-1]) if lines else {}
    except ValueError:  # longer than what was read
        return {"kind": "PROGRESS"}
