"""What the stages of a run found, kept in the job folder, so that a run goes on where an earlier one stopped.

    stages/NAME.stage   the last result of the stage of that name, under a hash of everything that it was made from

A stage's result is used again where its inputs hash to the same. That hash holds no times and no paths: clocks may jump and
folders move. It holds the content of our own source and the versions of the libraries that compute, rather than a number that
somebody must remember to raise: another version of either computes again. One result is kept for each stage, the last, which
bounds the space.
"""

import functools
import hashlib
import logging
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from .files import remove_parts, whole_file
from .packing import pack, unpack, update_hash

log = logging.getLogger(__name__)

STAGES_FOLDER = "stages"
SUFFIX = ".stage"

LIBRARIES = ("numpy", "scipy", "torch", "opencv-python-headless", "warp-lang", "av")
"""What the results depend on besides our own source."""

FOR_GOOD = {"generate"}
"""Stages whose result another library does not outdate: minutes of a graphics card, perhaps of another machine than the one that goes on."""

READ_BYTES = 1 << 20

Made = TypeVar("Made")


class StageStore:
    """The results of one job folder's stages. For one process at a time: who runs the job holds its claim.

    warn: told, in a sentence for the user, where a result could not be kept.
    reused: names of the stages whose earlier result was used, in order.
    """

    def __init__(self, job_folder: Path, warn: Callable[[str], None] = log.warning) -> None:
        self.folder = job_folder / STAGES_FOLDER
        self.warn = warn
        self.reused: list[str] = []
        if self.folder.is_dir():
            remove_parts(self.folder)

    def result(self, name: str, inputs: Any, compute: Callable[[], Made], whole: Callable[[], bool] = lambda: True) -> Made:
        """The stage's earlier result where it was made from the same inputs and is undamaged, else what `compute` returns.

        inputs: everything that the result depends on; inputs and result consist of what `packing` knows. whole: asked when the
        result is there, whether it is what the inputs ask for and may be kept; one that was cut short is not. Both ways the caller
        gets what was read back from the packed form, so that what follows is the same bit for bit.
        """
        key = key_of(name, inputs)
        path = self.folder / (name + SUFFIX)
        kept = _read(path, key)
        if kept is not None:
            self.reused.append(name)
            return unpack(kept)
        packed = pack(compute())
        if whole():
            self._keep(name, path, key, packed)
        return unpack(packed)

    def _keep(self, name: str, path: Path, key: bytes, packed: bytes) -> None:
        """Write a result. A disk that is too full for it does not end the run, whose own result is far smaller."""
        try:
            self.folder.mkdir(exist_ok=True)
            with whole_file(path) as temporary, temporary.open("wb") as file:
                file.write(key + hashlib.blake2b(packed).digest())
                file.write(packed)
        except OSError as error:
            self.warn(f"The result of the stage {name!r} could not be kept for another run ({error.strerror}).")


def key_of(name: str, inputs: Any) -> bytes:
    """The hash that a stage's result is kept under."""
    code = _own_code() if name in FOR_GOOD else f"{_own_code()} {_libraries()}"
    found = hashlib.blake2b(f"{code} {name} ".encode())
    update_hash(found, inputs)
    return found.digest()


def content_of(path: Path) -> str:
    """A hash of a file's content, or of the names and contents in a folder; '' where there is none, which is the reader's to tell."""
    found = hashlib.blake2b()
    if path.is_dir():
        for one in sorted(path.iterdir()):
            found.update(f"{one.name}\0{content_of(one)}\0".encode())
    elif path.is_file():
        with path.open("rb") as file:
            while block := file.read(READ_BYTES):
                found.update(block)
    else:
        return ""
    return found.hexdigest()


def source_hash(root: Path) -> str:
    """A hash of all Python source below a folder."""
    found = hashlib.blake2b()
    for path in sorted(root.rglob("*.py")):
        found.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()


def _read(path: Path, key: bytes) -> bytes | None:
    """The packed result, or None where there is none of that key or it is damaged."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    size = hashlib.blake2b().digest_size
    if data[:size] != key:
        return None
    packed = data[2 * size :]
    if data[size : 2 * size] != hashlib.blake2b(packed).digest():
        log.warning("%s is damaged and is made again", path)
        return None
    return packed


@functools.cache
def _own_code() -> str:
    """A hash of the engine's source."""
    return source_hash(Path(__file__).resolve().parent)


@functools.cache
def _libraries() -> str:
    """The libraries' versions."""
    return " ".join(f"{library} {_version(library)}" for library in LIBRARIES)


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:  # installed under another name, for example a distribution's own
        return ""
