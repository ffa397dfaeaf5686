"""From a pipeline on disk to one in memory."""

from typing import Any

from ...bounds import out_of_memory
from ...errors import InputError
from .hub import first_line
from .memory import QUANTIZATIONS, MemoryPlan
from .models import present
from .source import Source, diffusers


def load_pipeline(source: Source, plan: MemoryPlan, pipeline_class: str) -> Any:
    """Load the pipeline as the plan says: type, quantisation, place, offloading, tiling.

    pipeline_class: of diffusers; another one than it is stored as may take the same parts. Returns the pipeline, its own progress bar off.
    Raises InputError where a part cannot be read.
    """
    library = diffusers()
    options: dict[str, Any] = {"local_files_only": True, "dtype": plan.torch_dtype}
    if plan.quantize in {"INT8", "NF4"}:
        options["quantization_config"] = _bitsandbytes(plan, source)
    try:
        pipeline = getattr(library, pipeline_class).from_pretrained(source.folder, **options)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        if out_of_memory(error):
            raise
        raise InputError(f"The model in {source.folder} cannot be loaded ({first_line(error)}).", "Download it again, or choose another.") from error
    pipeline.set_progress_bar_config(disable=True)
    plan.apply(pipeline)
    return pipeline


def free(pipeline: Any) -> None:
    """Give the device's memory back as far as the pipeline can while it is kept."""
    import torch

    pipeline.maybe_free_model_hooks()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _bitsandbytes(plan: MemoryPlan, source: Source) -> Any:
    """What diffusers wants for weights of 8 or 4 bits. Raises InputError where they cannot be had."""
    if plan.device != "cuda":
        raise InputError("Weights of 8 or 4 bits by bitsandbytes need a CUDA GPU.", "Choose 8 bits as float8, which run anywhere.")
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise InputError("Weights of 8 or 4 bits need bitsandbytes, which is not installed.", "Run: python -m pip install bitsandbytes, or choose 8 bits as float8.") from error
    import torch
    from diffusers import PipelineQuantizationConfig

    parts = [name for name in QUANTIZATIONS[plan.quantize].parts if present(source.index.get(name))]
    if plan.quantize == "INT8":
        return PipelineQuantizationConfig(quant_backend="bitsandbytes_8bit", quant_kwargs={"load_in_8bit": True}, components_to_quantize=parts)
    four: dict[str, Any] = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": torch.bfloat16}
    return PipelineQuantizationConfig(quant_backend="bitsandbytes_4bit", quant_kwargs=four, components_to_quantize=parts)
