"""Fetching a model from the hub into its own cache: only where the user allowed it, and only after size and licence were told."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...errors import AnimaMimicError, EngineError, InputError
from ...types import Progress, no_progress
from .resuming import Missing, fetch_large, halves
from .source import INDEX_FILE, PIPELINE_FILES, REMEDY, Fetch, Kind, read_index

GIGABYTE = 1e9


def fetcher(tell: Callable[[str], None], progress: Progress = no_progress) -> Fetch:
    """What downloads a model. tell: told its size and licence, in a sentence, before any of its weights come."""

    def fetch(model: str, kind: Kind) -> Path:
        try:
            kind(fetched_index(model), model)
            missing, licence = missing_files(model)
            to_come = sum(one.size for one in missing) - halves(missing)
            _check_disk(model, to_come)
            tell(f"Downloading {model}: {to_come / GIGABYTE:.3g} GB, licence {licence}.")
            return download(model, missing, progress)
        except Exception as error:
            failure = _failure(model, error)
            if failure is None:
                raise
            raise failure from error

    return fetch


def fetched_index(model: str) -> dict[str, Any]:
    """The model's model_index.json, fetched alone. Raises InputError where it has none, else what the hub's client does."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        return read_index(Path(hf_hub_download(model, INDEX_FILE)), model)
    except LocalEntryNotFoundError:  # the hub cannot be reached
        raise
    except EntryNotFoundError as error:
        raise InputError(f"{model} is no diffusers pipeline: it has no {INDEX_FILE}.", REMEDY) from error


def download(model: str, missing: Sequence[Missing], progress: Progress = no_progress) -> Path:
    """Fetch a model into the hub's cache, going on where an earlier download stopped; returns its folder.

    missing: see `missing_files`. The token is the hub's own: the environment's HF_TOKEN, or that of `hf auth login`.
    Raises what the hub's client does, EngineError where a file does not arrive as the hub has it.
    """
    from huggingface_hub import snapshot_download

    size = sum(one.size for one in missing)
    large = fetch_large(model, missing, lambda before: _told_to(progress, model, size, before))
    return Path(snapshot_download(model, **PIPELINE_FILES, tqdm_class=_told_to(progress, model, size, large)))


def missing_files(model: str) -> tuple[list[Missing], str]:
    """What a download would fetch now, and the licence's name. Asks the hub; raises what its client does."""
    from huggingface_hub import model_info, snapshot_download

    found = snapshot_download(model, **PIPELINE_FILES, dry_run=True)
    card = model_info(model).card_data
    licence = (card.get("license_name") or card.get("license")) if card is not None else None
    missing = [Missing(one.filename, one.commit_hash, one.file_size or 0, Path(one.local_path)) for one in found if one.will_download]
    return sorted(missing, key=lambda one: one.name), licence or "not stated"


def _check_disk(model: str, size: int) -> None:
    from huggingface_hub.constants import HF_HUB_CACHE

    place = Path(HF_HUB_CACHE)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < size:
        raise InputError(
            f"The model {model} takes {size / GIGABYTE:.3g} GB, and the disk of {HF_HUB_CACHE} has {free / GIGABYTE:.3g} GB left.",
            "Free some space, or name another place in the environment variable HF_HOME.",
        )


def _failure(model: str, error: Exception) -> AnimaMimicError | None:
    """The sentence for what went wrong; None for what is no failure of the download."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HTTPError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        return EngineError(f"The model {model} may not be downloaded by everyone.", "Accept its terms on its page, and log in with 'hf auth login'.")
    if isinstance(error, RepositoryNotFoundError):
        return InputError(f"There is no model {model} on the hub.", REMEDY)
    if isinstance(error, HfHubHTTPError | HTTPError | OSError):
        return EngineError(f"The download of {model} stopped ({first_line(error)}).", "Start it again: what came is kept.")
    return None


def _told_to(progress: Progress, model: str, size: int, before: int) -> Any:
    """A tqdm class that tells bytes of `size`, of which some came before, to `progress` and prints nothing."""
    from tqdm import tqdm

    class Told(tqdm):  # type: ignore[type-arg]
        """One of the hub's bars."""

        def __init__(self, *given: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*given, **options | {"disable": False, "file": _Silence()})

        def update(self, n: float | None = 1) -> bool | None:
            done = super().update(n)
            if self.unit == "B":
                here = before + self.n
                progress(min(1.0, here / max(size, 1)), f"downloading {model}: {here / GIGABYTE:.3g} of {size / GIGABYTE:.3g} GB")
            return done

    return Told


class _Silence:
    """A stream that nobody reads."""

    def write(self, text: str) -> None:
        """Drop it."""

    def flush(self) -> None:
        """Nothing to do."""


def first_line(error: Exception) -> str:
    """Of an error's text, for a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
