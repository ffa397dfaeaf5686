"""Large files of a model, fetched so that a half one is gone on with.

The hub's client (2.4) begins a file that was cut off anew. So the weights are fetched by the client's own function for one request,
which can begin anywhere, into a half file beside their place in the client's cache; once whole and of the right hash it moves there,
where the client finds it. Everything else, and what asks for other ways than HTTP, is left to the client.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import EngineError

HASH_DIGITS = 64
"""Of a SHA-256, by which the hub names large files in its cache; small ones have a shorter name of another kind."""

HALF = ".half"
"""Ending of files that are not whole."""


@dataclass(frozen=True)
class Missing:
    """A file that is to be fetched. name: in the repository. size: bytes. pointer: where the client will show it; its commit's folder is above."""

    name: str
    commit: str
    size: int
    pointer: Path

    @property
    def cache(self) -> Path:
        """The model's folder in the client's cache: the pointer is snapshots/COMMIT/NAME in it, what it points to lies in blobs."""
        return self.pointer.parents[len(Path(self.name).parts) + 1]

    def half(self, digest: str) -> Path:
        """Where it lies until it is whole."""
        return self.cache / "blobs" / f"{digest}{HALF}"


def halves(missing: Iterable[Missing]) -> int:
    """Bytes of missing files that are here already."""
    return sum(half.stat().st_size for cache in {one.cache for one in missing} for half in (cache / "blobs").glob(f"*{HALF}"))


def fetch_large(model: str, missing: Iterable[Missing], bar: Callable[[int], Any]) -> int:
    """Fetch what the hub names by its SHA-256, and return how many bytes that is. bar: makes a tqdm class, from the bytes that came before.

    Raises what the hub's client does, EngineError where what came is not what the hub has.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.constants import MAX_HTTP_DOWNLOAD_SIZE

    done = 0
    for file in missing:
        address = hf_hub_url(model, file.name, revision=file.commit)
        digest = get_hf_file_metadata(address).etag or ""
        if len(digest) == HASH_DIGITS and file.size <= MAX_HTTP_DOWNLOAD_SIZE:
            _fetch(address, file, digest, bar(done))
            done += file.size
    return done


def _fetch(address: str, file: Missing, digest: str, bar: Any) -> None:
    """One file, from where its half ends."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import WeakFileLock, build_hf_headers

    half = file.half(digest)
    whole = half.with_suffix("")
    lock = file.cache.parent / ".locks" / file.cache.name / f"{digest}.lock"  # the client's own
    for folder in (half.parent, lock.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if whole.exists():  # another process was faster
            return
        with half.open("ab") as opened:
            here = opened.tell() if opened.tell() <= file.size else 0
            opened.truncate(here)
            http_get(address, opened, resume_size=here, headers=build_hf_headers(), expected_size=file.size, displayed_filename=file.name, tqdm_class=bar)
        with half.open("rb") as opened:
            arrived = hashlib.file_digest(opened, "sha256").hexdigest()
        if arrived != digest:
            half.unlink()
            raise EngineError(f"The file {file.name} did not arrive as the hub has it.", "Start the download again: this file begins anew.")
        half.replace(whole)
