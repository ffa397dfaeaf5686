"""One call of a pipeline: arguments by what it accepts, progress a step, a preview, an end between two steps."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...bounds import out_of_memory
from ...errors import CancelledError, EngineError
from ...types import UInt8
from ...workers import wide_torch
from .latent_preview import preview
from .loading import free
from .models import VideoModel
from .picture import Shape

STILL_MOTION = 127
"""Stable Video Diffusion's middle amount of motion, its default."""


@dataclass(frozen=True)
class Wish:
    """What to make.

    prompt, negative: whole. start: uint8[h, w, 3], of the shape's size. steps, guidance: 0 for the model's own.
    """

    prompt: str
    negative: str
    start: UInt8
    shape: Shape
    steps: int = 0
    guidance: float = 0.0
    seed: int = 0


Step = Callable[[int, int, UInt8 | None], None]
"""Called after each step with its number, how many there are, and a preview, uint8[h, w, 3], or None. May raise CancelledError."""


def sample(pipeline: Any, row: VideoModel, wish: Wish, on_step: Step) -> list[UInt8]:
    """Frames uint8[h, w, 3] each. Raises CancelledError from `on_step`, EngineError where memory runs out."""
    try:
        with wide_torch():
            made = pipeline(**call_arguments(pipeline, row, wish, on_step))
    except CancelledError:
        raise
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        free(pipeline)
        shape = wish.shape
        raise EngineError(
            f"Memory ran out for {shape.frames} frames of {shape.width} x {shape.height} with {row.name}.",
            "Ask for fewer frames or a smaller size, choose quantised weights or a smaller model, or close other programs that use the GPU.",
        ) from error
    return [np.round(255 * np.clip(frame, 0.0, 1.0)).astype(np.uint8) for frame in np.asarray(made.frames[0])]


def call_arguments(pipeline: Any, row: VideoModel, wish: Wish, on_step: Step) -> dict[str, Any]:
    """What the pipeline's own call takes of our wish: calls differ in what they accept and in what they call it."""
    import torch
    from PIL import Image

    steps = wish.steps or row.steps
    names = row.call_names
    given: dict[str, Any] = {
        "image": Image.fromarray(wish.start),
        "prompt": wish.prompt,
        "negative_prompt": wish.negative,
        "width": wish.shape.width,
        "height": wish.shape.height,
        "num_frames": wish.shape.frames,
        "num_inference_steps": steps,
        names.get("guidance", ""): wish.guidance or row.guidance,
        names.get("fps", ""): round(row.fps),
        "motion_bucket_id": STILL_MOTION,
        "generator": torch.Generator().manual_seed(wish.seed),
        "output_type": "np",
        "callback_on_step_end": lambda _, step, __, tensors: _stepped(pipeline, wish, steps, step, tensors, on_step),
    }
    accepted = inspect.signature(pipeline.__call__).parameters
    return {name: value for name, value in given.items() if name in accepted}


def _stepped(pipeline: Any, wish: Wish, steps: int, step: int, tensors: dict[str, Any], on_step: Step) -> dict[str, Any]:
    on_step(step + 1, steps, preview(pipeline, tensors["latents"], wish.shape, wish.start))
    return tensors
