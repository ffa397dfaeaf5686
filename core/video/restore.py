"""Restore a coarse video with a video model: what moves beyond the bones, imagined by who has seen many videos."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import EngineError, InputError
from ..settings import RestoreSettings
from ..types import Clip, Progress, UInt8, no_progress
from ..workers import wide_torch
from .generate.kept import Models
from .generate.models import row_of
from .generate.source import Fetch, diffusers, find_pipeline
from .letterbox import resize
from .sampler import Renoise, SelfGuidance, sample, to_latent_mask
from .wan import KINDS, NEGATIVE_PROMPT, Latents, WanVelocity

log = logging.getLogger(__name__)

PROMPT_TOKENS = 512
"""Length to which prompts are padded: the models were trained with it."""

CHOOSE_REMEDY = "Name a folder or a downloaded hub id of a Wan image-to-video or Wan VACE model in the format of diffusers."


def load_restorer(model: str, quantize: str = "OFF", fetch: Fetch | None = None) -> Any:
    """The diffusers pipeline of a model that can restore, by the same way as one that generates; see `generate.source`.

    Raises InputError where there is none, where it is of a kind that cannot restore, or where parts of it are missing.
    """
    if not model.strip():
        raise InputError("No model is chosen that could restore the video.", CHOOSE_REMEDY)
    source = find_pipeline(model, restoring_class, fetch)
    return Models().loaded(source, restoring_class(source.index, model), quantize).pipeline


def restoring_class(index: Mapping[str, Any], model: str) -> str:
    """The class of diffusers by which a pipeline restores, a `generate.source.Kind`."""
    row, stored = row_of(index, diffusers()), str(index["_class_name"])
    name = row.pipeline if row is not None else stored
    if name not in KINDS:
        raise InputError(f"The model {model} is a {stored}, which cannot restore a video.", CHOOSE_REMEDY)
    return name


def restore_video(pipeline: Any, coarse: Clip, settings: RestoreSettings, seed: int, progress: Progress = no_progress) -> UInt8:
    """Restore the frames of a coarse clip; its masks say where the subject's identity is kept.

    Returns uint8[T, H, W, 3], as many frames of the same size as the clip's. Raises EngineError where memory does not suffice.
    """
    try:
        with torch.inference_mode(), wide_torch():
            return _restored(pipeline, coarse, settings, seed, progress)
    except torch.OutOfMemoryError as error:
        raise EngineError("The video model ran out of memory.", "Lower Restored Size, restore fewer frames, or choose a smaller model.") from error


def _restored(pipeline: Any, coarse: Clip, settings: RestoreSettings, seed: int, progress: Progress) -> UInt8:
    progress(0.0, "encoding the coarse video")
    device = pipeline._execution_device
    frames, masks = _fitted(pipeline, coarse, settings.restore_size)
    latents = Latents(pipeline.vae, device)
    reference = latents.encode(frames)
    velocity, given = velocity_of(pipeline, frames, reference, settings)
    kept = to_latent_mask(torch.from_numpy(masks).float() / 255, *reference.shape[2:])[None, None].to(device)
    restored = sample(
        velocity,
        _sigmas(pipeline.scheduler),
        SelfGuidance(reference, kept, settings.restore_identity),
        strength=settings.restore_strength,
        generator=torch.Generator().manual_seed(seed),
        renoise=Renoise(settings.restore_noise),
        step_done=lambda done, count, _: progress(0.1 + 0.8 * done / count, f"restoring, step {done} of {count}"),
    )
    if given is not None:  # a model that takes the first frame as given has learnt nothing about changing it
        restored[:, :, 0] = given[:, :, 0]
    progress(0.9, "decoding the restored video")
    height, width = coarse.frames.shape[1:3]
    return np.stack([resize(frame, width, height) for frame in latents.decode(restored)[: len(coarse.frames)]])


def velocity_of(pipeline: Any, frames: UInt8, reference: Tensor, settings: RestoreSettings) -> tuple[WanVelocity, Tensor | None]:
    """A pipeline's velocity field over the steps that the settings ask for, given coarse frames and their latents.

    The second is what `wan.Prepare` returns: latents whose first frame the model is given, or None.
    """
    device, guidance = reference.device, settings.restore_guidance
    prompt, negative = pipeline.encode_prompt(
        settings.restore_prompt, NEGATIVE_PROMPT, do_classifier_free_guidance=guidance > 1.0, max_sequence_length=PROMPT_TOKENS, device=device
    )
    predict, given = KINDS[type(pipeline).__name__](pipeline, frames, reference)
    pipeline.scheduler.set_timesteps(settings.restore_steps, device=device)
    return WanVelocity(pipeline, predict, pipeline.scheduler.timesteps, prompt, negative, guidance), given


def _fitted(pipeline: Any, coarse: Clip, longer_side: int) -> tuple[UInt8, UInt8]:
    """Frames and masks in a number and size that the model accepts: the last one repeated, sides rounded to whole patches."""
    transformer = pipeline.transformer if pipeline.transformer is not None else pipeline.transformer_2
    stride, patch = pipeline.vae_scale_factor_temporal, transformer.config.patch_size
    count, height, width = coarse.masks.shape
    scale = longer_side / max(height, width)
    rows, columns = (pipeline.vae_scale_factor_spatial * side for side in patch[1:])
    height, width = max(1, round(height * scale / rows)) * rows, max(1, round(width * scale / columns)) * columns
    order = np.minimum(np.arange(-(-(count - 1) // stride) * stride + 1), count - 1)
    frames, masks = (np.stack([resize(pictures[frame], width, height) for frame in order]) for pictures in (coarse.frames, coarse.masks))
    return frames, masks


def _sigmas(scheduler: Any) -> list[float]:
    """The schedule's noise levels, descending to the clean 0. Raises InputError where the scheduler is none of flow matching."""
    sigmas = [float(sigma) for sigma in scheduler.sigmas]
    if not (0 < sigmas[0] <= 1 and sigmas[-1] == 0):
        raise InputError(f"The model's scheduler {type(scheduler).__name__} is not set up for flow matching.", CHOOSE_REMEDY)
    return sigmas
