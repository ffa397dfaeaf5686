"""Where jobs lie: in a folder that the user chose, or in one of the extension's own, of which the latest are kept."""

import errno
import logging
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from ..core import job
from ..core.errors import EngineError
from . import ROOT_PACKAGE

log = logging.getLogger(__name__)

JOBS_KEPT = 10
"""Job folders that are kept where the extension chooses the place; older ones are deleted when a run starts."""

NUMBERED = re.compile(r"job-(\d+)-")
"""Begin of the name of such a folder. Its number tells which is older: a clock may jump."""


def job_folder(chosen: str) -> Path:
    """Where a job is kept: the chosen folder (`make_folder` makes it), else a new one in the extension's own. Raises EngineError."""
    if chosen:
        return Path(bpy.path.abspath(chosen)).expanduser().resolve()
    try:
        place = _own_folder()
        number = 1 if place is None else 1 + max(map(_number, place.iterdir()), default=0)
        return Path(tempfile.mkdtemp(prefix=f"job-{number:05d}-{time.strftime('%Y%m%d-%H%M%S')}-", dir=place))
    except OSError as error:
        raise EngineError(f"The extension's own folder cannot be written ({error.strerror}).", "Choose a job folder elsewhere.") from error


def make_folder(folder: Path) -> None:
    """Make the job folder, or raise EngineError where it cannot be written."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raises EngineError where the block cannot write into the job folder."""
    try:
        yield
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: Path, error: OSError) -> EngineError:
    """The sentence for a job folder that cannot be written."""
    remedy = "Free some space, or choose another job folder." if error.errno == errno.ENOSPC else "Check its permissions, or choose another job folder."
    return EngineError(f"The job folder {folder} cannot be written ({error.strerror}).", remedy)


def _own_folder() -> Path | None:
    """The extension's own folder for jobs, with only the latest in it; None (the system's) where it is not installed as one."""
    try:
        folder = Path(bpy.utils.extension_path_user(ROOT_PACKAGE, path="jobs", create=True))
    except ValueError:  # not an extension: run from a checkout
        return None
    jobs = sorted((one for one in folder.iterdir() if (one / job.JOB_FILE).is_file()), key=_number)
    for old in jobs[: -JOBS_KEPT or None]:
        log.info("deleting the old job %s", old)
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _number(folder: Path) -> int:
    """When a job folder was made, counted from 1; 0 for what has no number."""
    found = NUMBERED.match(folder.name)
    return int(found[1]) if found else 0
