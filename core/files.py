"""Files that appear whole or not at all, whatever stops the writer: an error, a full disk, kill -9, a power cut."""

import os
import secrets
import struct
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

PART_SUFFIX = ".part"
"""Of a file that is being written."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, which takes its place when the block ends without an error and is removed otherwise.

    What was written is on the disk before it gets its name: a machine that loses its power has the old file or the new one.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{PART_SUFFIX}")  # as readable to others as any file of the user
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8), whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write an .npz, whole or not at all."""
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def read_arrays(path: Path) -> dict[str, Any]:
    """Read an .npz. Raises OSError where it cannot be read, ValueError where it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, EOFError, struct.error, NotImplementedError) as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error


def remove_parts(folder: Path) -> None:
    """Remove what writers that were killed left in the folder. Only for one who knows that nobody writes there now."""
    for part in folder.glob("*" + PART_SUFFIX):
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk. Windows has no such call, and its file system keeps a journal of renames."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
