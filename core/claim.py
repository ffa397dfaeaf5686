"""One run at a time in a job folder: a lock that the system itself gives up when its process ends, however it ends."""

import errno
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError

ENGINE_LOCK = "engine.lock"
"""Held by the engine while it works in the folder."""

DRIVER_LOCK = "animate.lock"
"""Held by the command line while it animates through the folder."""

POLL_SECONDS = 0.1

TAKEN = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


@contextmanager
def claim(folder: Path, name: str = ENGINE_LOCK) -> Iterator[None]:
    """Hold the folder's lock of that name. Raises InputError where another process holds it, OSError where it cannot be written.

    Where the file system knows no locks, every claim is granted.
    """
    with (folder / name).open("ab") as file:
        try:
            _lock(file.fileno())
        except OSError as error:
            if error.errno in TAKEN:
                raise InputError(f"The job folder {folder} is in use by another run.", "Wait for it, or choose another folder.") from error
        yield


def check_free(folder: Path) -> None:
    """Raise InputError where an engine works in the folder."""
    if (folder / ENGINE_LOCK).exists():
        with claim(folder):
            pass


def wait_free(folder: Path, names: Iterable[str], seconds: float) -> None:
    """Wait until none of the folder's locks is held. Raises InputError where one still is after so long."""
    until = time.monotonic() + seconds
    for name in names:
        while (folder / name).exists():
            try:
                with claim(folder, name):
                    break
            except InputError:
                if time.monotonic() > until:
                    raise
            time.sleep(POLL_SECONDS)


def _lock(descriptor: int) -> None:
    """Lock an open file, without waiting. Closing it unlocks it."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
