"""Where a model's pipeline lies on this machine, and whether it is whole. Nothing here touches the network."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError
from .models import MODELS, VideoModel, named, present, row_of

INDEX_FILE = "model_index.json"
WEIGHT_SUFFIXES = (".safetensors", ".bin")
REMEDY = "Give the folder of a diffusers pipeline, or its name on the hub, for example " + MODELS[0].id + "."
INSTALL = "Install it into the engine's Python: python -m pip install diffusers transformers accelerate huggingface_hub sentencepiece ftfy"

PIPELINE_FILES: dict[str, Any] = {
    "allow_patterns": [INDEX_FILE, "*/*.json", "*/*.safetensors", "*/*.model", "*/*.txt", "*/*.jinja"],
    "ignore_patterns": ["*.fp16.*", "*.bf16.*", "*.non_ema.*"],
}
"""What a pipeline is made of: not pictures, single-file checkpoints, and the same weights once more at another precision. The hub's client
takes a model to be whole that has these, if it is asked by the same patterns."""

Kind = Callable[[Mapping[str, Any], str], Any]
"""Raises InputError where a pipeline is not of the kind that is wanted. Given its model_index.json and the model's name, for the sentence."""

Fetch = Callable[[str, Kind], Path]
"""Downloads the model of that name, if it is of a kind, and returns its folder; see `hub.fetcher`."""


@dataclass(frozen=True)
class Source:
    """A whole pipeline on disk. folder: where. index: its model_index.json."""

    folder: Path
    index: Mapping[str, Any]


def find_pipeline(model: str, kind: Kind, fetch: Fetch | None = None) -> Source:
    """The pipeline of that name: a folder, or a hub id that lies in the hub's cache or, with `fetch`, may be downloaded into it.

    Raises InputError, a sentence each, for a folder that is missing, no pipeline or incomplete, for one that is not of this kind, and
    for a model that would have to be downloaded without leave; what `fetch` raises where that fails.
    """
    folder = _folder(model, kind, fetch)
    index = read_index(folder / INDEX_FILE, model)
    kind(index, model)
    missing = _missing(folder, index)
    if missing:
        raise InputError(f"The model {model} is incomplete: {missing}.", "Download it again: what is there is kept.")
    return Source(folder, index)


def video_model(index: Mapping[str, Any], model: str) -> VideoModel:
    """What is known of a pipeline as one that makes a video from a picture, a `Kind`."""
    row = row_of(index, diffusers())
    if row is None:
        raise InputError(f"The model {model} ({index['_class_name']}) makes no video from a picture.", f"Choose an image-to-video model, for example {MODELS[0].id}.")
    return row


def weight_bytes(source: Source) -> dict[str, int]:
    """Size of each part's weights in memory at 16 bits a value; read from the files' heads."""
    return {name: sum(_values(path) for path in _weights(source.folder / name)) * 2 for name in _parts(source.index) if _weights(source.folder / name)}


def read_index(file: Path, model: str) -> dict[str, Any]:
    """A pipeline's model_index.json. Raises InputError where it is none; model: for the sentence."""
    try:
        index = json.loads(file.read_text(encoding="utf-8"))
        index["_class_name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{model} is no diffusers pipeline: it has no readable {INDEX_FILE}.", REMEDY) from error
    return dict(index)


def diffusers() -> Any:
    """The library. Raises InputError where it is not installed."""
    try:
        import diffusers
    except ImportError as error:
        raise InputError(f"Generating a video needs diffusers, which is not installed ({error}).", INSTALL) from error
    return diffusers


def _folder(model: str, kind: Kind, fetch: Fetch | None) -> Path:
    path = Path(model).expanduser()
    if model and path.is_dir():
        return path.resolve()
    if not model or path.is_absolute() or model.count("/") != 1 or "\\" in model or model[0] in ".~":
        raise InputError(f"There is no folder {model!r} with a model.", REMEDY)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        cached = Path(snapshot_download(model, local_files_only=True, **PIPELINE_FILES))
    except HFValidationError as error:
        raise InputError(f"{model!r} is no name of a model.", REMEDY) from error
    except LocalEntryNotFoundError as error:
        if fetch is None:
            raise InputError(f"The model {model} is not on this machine{_terms(model)}.", "Allow its download, or give a folder that holds it.") from error
        return fetch(model, kind)
    return fetch(model, kind) if fetch is not None and not _is_whole(cached) else cached


def _is_whole(folder: Path) -> bool:
    """Whether all of a pipeline is there; a download that was stopped early has not even its index."""
    return (folder / INDEX_FILE).is_file() and not _missing(folder, read_index(folder / INDEX_FILE, str(folder)))


def _terms(model: str) -> str:
    row = named(model)
    return f" (licence: {row.licence})" if row is not None else ""


def _missing(folder: Path, index: Mapping[str, Any]) -> str:
    """What a pipeline's folder lacks, '' for nothing."""
    for name in _parts(index):
        part = folder / name
        if not part.is_dir() or not any(part.glob("*.json")):
            return f"its part {name} is missing"
        if (part / "config.json").is_file() and not _weights(part):
            return f"its part {name} has no weights"
        for shards in part.glob("*.index.json"):
            wanted = set(json.loads(shards.read_text(encoding="utf-8"))["weight_map"].values())
            absent = sorted(one for one in wanted if not (part / one).is_file())
            if absent:
                return f"its part {name} lacks {absent[0]}"
        for file in _weights(part):
            if not _whole(file):
                return f"{name}/{file.name} is cut off"
    return ""


def _parts(index: Mapping[str, Any]) -> list[str]:
    return [name for name, entry in index.items() if isinstance(entry, list) and len(entry) == 2 and present(entry)]


def _weights(part: Path) -> list[Path]:
    return sorted(one for one in part.glob("*") if one.suffix in WEIGHT_SUFFIXES)


def _head(file: Path) -> dict[str, Any] | None:
    """The head of a safetensors file; None where it cannot be read."""
    try:
        with file.open("rb") as opened:
            return dict(json.loads(opened.read(int.from_bytes(opened.read(8), "little"))))
    except (OSError, ValueError, MemoryError, OverflowError):
        return None


def _whole(file: Path) -> bool:
    """Whether a weights file is as long as its head says; of another format than safetensors nothing is known."""
    if file.suffix != ".safetensors":
        return file.stat().st_size > 0
    head = _head(file)
    if head is None:
        return False
    with file.open("rb") as opened:
        start = 8 + int.from_bytes(opened.read(8), "little")
    return file.stat().st_size >= start + max((one["data_offsets"][1] for name, one in head.items() if name != "__metadata__"), default=0)


def _values(file: Path) -> int:
    """How many values a weights file holds."""
    head = _head(file) if file.suffix == ".safetensors" else None
    if head is None:
        return file.stat().st_size // 2
    total = 0
    for name, one in head.items():
        if name != "__metadata__":
            count = 1
            for side in one["shape"]:
                count *= side
            total += count
    return total
