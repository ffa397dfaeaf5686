"""From a model's name to a pipeline in memory: the folder that holds it, whether that is whole, and loading it.

Nothing here touches the network but `download`, which is called only where the user allowed it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import EngineError, InputError
from ...types import Progress, no_progress
from .memory import MemoryPlan
from .models import MODELS, VideoModel, named, present, row_of

INDEX_FILE = "model_index.json"
WEIGHT_SUFFIXES = (".safetensors", ".bin")
REMEDY = "Give the folder of a diffusers pipeline, or its name on the hub, for example " + MODELS[0].id + "."
INSTALL = "Install it into the engine's Python: python -m pip install diffusers transformers accelerate huggingface_hub sentencepiece ftfy"

FILES = (INDEX_FILE, "*/*.json", "*/*.safetensors", "*/*.model", "*/*.txt", "*/*.jinja")
"""What a pipeline is made of; other files of a repository (pictures, single-file checkpoints) are not downloaded."""
NOT_FILES = ("*.fp16.*", "*.bf16.*", "*.non_ema.*")
"""The same weights once more at another precision."""


@dataclass(frozen=True)
class Source:
    """A pipeline on disk. folder: where. index: its model_index.json. row: what is known of the model."""

    folder: Path
    index: Mapping[str, Any]
    row: VideoModel


def find_model(model: str, allow_download: bool = False, progress: Progress = no_progress) -> Source:
    """The pipeline of that name: a folder, or a hub id that lies in the hub's cache or may be downloaded into it.

    Raises InputError, a sentence each, for a folder that is missing, no pipeline or incomplete, for a model that cannot start from
    a picture, and for one that would have to be downloaded without leave; EngineError where the download fails.
    """
    folder = _folder(model, allow_download, progress)
    index = _index(folder, model)
    row = row_of(index, _diffusers())
    if row is None:
        raise InputError(
            f"The model {model} ({index['_class_name']}) makes no video from a picture.", f"Choose an image-to-video model, for example {MODELS[0].id}."
        )
    _check_parts(folder, index, model)
    return Source(folder, index, row)


def load_pipeline(source: Source, plan: MemoryPlan, pipeline_class: Any = None) -> Any:
    """Load the pipeline as the plan says: type, quantisation, place, offloading, tiling.

    pipeline_class: another class of diffusers than the row's, for the same parts. Returns the pipeline, its own progress bar off.
    Raises InputError where a part cannot be read.
    """
    diffusers = _diffusers()
    chosen = pipeline_class or getattr(diffusers, source.row.pipeline)
    options: dict[str, Any] = {"local_files_only": True, "dtype": plan.torch_dtype}
    if plan.quantize != "OFF":
        options["quantization_config"] = _quantization(plan.quantize, source)
    try:
        pipeline = chosen.from_pretrained(source.folder, **options)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"The model in {source.folder} cannot be loaded ({_first_line(error)}).", "Download it again, or choose another.") from error
    pipeline.set_progress_bar_config(disable=True)
    plan.apply(pipeline)
    return pipeline


def weight_bytes(source: Source) -> dict[str, int]:
    """Size of each part's weights in memory at 16 bits a value; read from the files' heads."""
    return {name: sum(_values(path) for path in _weights(source.folder / name)) * 2 for name in _parts(source.index) if _weights(source.folder / name)}


def download(model: str, progress: Progress = no_progress) -> Path:
    """Fetch a model into the hub's cache, going on where an earlier download stopped; returns its folder.

    The token is the hub's own: the environment's HF_TOKEN, or that of `hf auth login`. Raises EngineError where it fails.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HTTPError, RepositoryNotFoundError

    wanted: dict[str, Any] = {"allow_patterns": list(FILES), "ignore_patterns": list(NOT_FILES)}
    try:
        return Path(snapshot_download(model, tqdm_class=_told_to(progress, model), **wanted))
    except GatedRepoError as error:
        raise EngineError(f"The model {model} may not be downloaded by everyone.", "Accept its terms on its page, and log in with 'hf auth login'.") from error
    except RepositoryNotFoundError as error:
        raise InputError(f"There is no model {model} on the hub.", REMEDY) from error
    except (HfHubHTTPError, HTTPError, OSError) as error:
        raise EngineError(f"The download of {model} stopped ({_first_line(error)}).", "Start it again: it goes on where it stopped.") from error


def download_size(model: str) -> tuple[int, str]:
    """Bytes that a download would fetch now, and the licence's name. Asks the hub: only where the user allowed the download."""
    from huggingface_hub import model_info, snapshot_download

    found = snapshot_download(model, allow_patterns=list(FILES), ignore_patterns=list(NOT_FILES), dry_run=True)
    card = model_info(model).card_data
    licence = (card.get("license_name") or card.get("license")) if card is not None else None
    return sum(one.file_size or 0 for one in found if one.will_download), licence or "not stated"


def _folder(model: str, allow_download: bool, progress: Progress) -> Path:
    path = Path(model).expanduser()
    if model and path.is_dir():
        return path.resolve()
    if not model or path.is_absolute() or model.count("/") != 1 or "\\" in model or model[0] in ".~":
        raise InputError(f"There is no folder {model!r} with a model.", REMEDY)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        cached = Path(snapshot_download(model, local_files_only=True))
    except HFValidationError as error:
        raise InputError(f"{model!r} is no name of a model.", REMEDY) from error
    except LocalEntryNotFoundError as error:
        if not allow_download:
            raise InputError(f"The model {model} is not on this machine{_terms(model)}.", "Allow its download, or give a folder that holds it.") from error
        cached = download(model, progress)
    if allow_download and _missing(cached, _index(cached, model)):
        cached = download(model, progress)
    return cached


def _terms(model: str) -> str:
    row = named(model)
    return f" (licence: {row.licence})" if row is not None else ""


def _index(folder: Path, model: str) -> dict[str, Any]:
    try:
        index = json.loads((folder / INDEX_FILE).read_text(encoding="utf-8"))
        index["_class_name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{model} is no diffusers pipeline: it has no readable {INDEX_FILE}.", REMEDY) from error
    return dict(index)


def _check_parts(folder: Path, index: Mapping[str, Any], model: str) -> None:
    missing = _missing(folder, index)
    if missing:
        raise InputError(f"The model {model} is incomplete: {missing}.", "Download it again: what is there is kept.")


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


def _quantization(quantize: str, source: Source) -> Any:
    """What diffusers wants for weights of 8 or 4 bits: bitsandbytes, on CUDA."""
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise InputError("Quantised weights need bitsandbytes, which is not installed.", "Run: python -m pip install bitsandbytes, or load the weights as they are.") from error
    import torch
    from diffusers import PipelineQuantizationConfig

    big = [name for name in ("transformer", "transformer_2", "text_encoder", "unet") if present(source.index.get(name))]
    if quantize == "INT8":
        return PipelineQuantizationConfig(quant_backend="bitsandbytes_8bit", quant_kwargs={"load_in_8bit": True}, components_to_quantize=big)
    four: dict[str, Any] = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": torch.bfloat16}
    return PipelineQuantizationConfig(quant_backend="bitsandbytes_4bit", quant_kwargs=four, components_to_quantize=big)


def _diffusers() -> Any:
    try:
        import diffusers
    except ImportError as error:
        raise InputError(f"Generating a video needs diffusers, which is not installed ({error}).", INSTALL) from error
    return diffusers


def _told_to(progress: Progress, model: str) -> Any:
    """A tqdm class that tells bytes to `progress` and prints nothing."""
    from tqdm import tqdm

    class Told(tqdm):  # type: ignore[type-arg]
        """The hub's bar over all bytes of a download."""

        def __init__(self, *given: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*given, **options | {"disable": False, "file": _Silence()})

        def update(self, n: float | None = 1) -> bool | None:
            done = super().update(n)
            if self.unit == "B" and self.total:
                progress(min(1.0, self.n / self.total), f"downloading {model}: {self.n / 1e9:.1f} of {self.total / 1e9:.1f} GB")
            return done

    return Told


class _Silence:
    """A stream that nobody reads."""

    def write(self, text: str) -> None:
        """Drop it."""

    def flush(self) -> None:
        """Nothing to do."""


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
