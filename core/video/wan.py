"""Wan's video models as a velocity field, for a sampler of our own.

Facts from diffusers 0.42 (`pipeline_wan_i2v`, `pipeline_wan_vace`): latents are scaled by the autoencoder's mean and deviation; an
image-to-video model sees the first frame's latents and a mask beside the noisy ones (Wan 2.1, 2.2 A14B) or in their place with
a timestep of zero (Wan 2.2 5B); VACE sees a control video's latents and masks in layers of their own; Wan 2.2's A14B changes
from one transformer to another at a noise level. What a pipeline offers to prepare these is used; how they are sampled is ours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..types import UInt8

Prediction = Callable[[Any, Tensor, Tensor, Tensor], Tensor]
"""The velocity that a transformer predicts from noisy latents, a timestep and the prompt's embedding."""

NEGATIVE_PROMPT = "blurry, distorted, deformed, low quality, text, watermark, moving camera, changing background"


@dataclass(frozen=True)
class Latents:
    """Between pictures and latents of one pipeline's autoencoder."""

    autoencoder: Any
    device: torch.device

    def encode(self, frames: UInt8) -> Tensor:
        """float32[1, C, t, h, w], of unit spread, of frames uint8[T, H, W, 3] whose number and size the model accepts."""
        pictures = _video(frames).to(self.device, self.autoencoder.dtype)
        mean, deviation = self._spread()
        return (self.autoencoder.encode(pictures).latent_dist.mode().float() - mean) / deviation

    def decode(self, latents: Tensor) -> UInt8:
        """uint8[T, H, W, 3]."""
        mean, deviation = self._spread()
        pictures = self.autoencoder.decode((latents.float() * deviation + mean).to(self.autoencoder.dtype), return_dict=False)[0]
        shown = ((pictures[0].float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        return np.ascontiguousarray(shown.permute(1, 2, 3, 0).cpu().numpy())

    def _spread(self) -> tuple[Tensor, Tensor]:
        config = self.autoencoder.config
        mean, deviation = (torch.tensor(values, device=self.device).view(1, -1, 1, 1, 1) for values in (config.latents_mean, config.latents_std))
        return mean, deviation


@dataclass(frozen=True)
class WanVelocity:
    """A `sampler.Velocity` with classifier-free guidance (Ho and Salimans 2022).

    predict: how this kind of pipeline calls its transformer. timesteps: Tensor[N], of the schedule.
    prompt, negative: embeddings; negative None for no guidance.
    """

    pipeline: Any
    predict: Prediction
    timesteps: Tensor
    prompt: Tensor
    negative: Tensor | None
    guidance: float

    def __call__(self, sample: Tensor, index: int) -> Tensor:
        """The guided velocity at a step of the schedule."""
        timestep = self.timesteps[index]
        transformer = self._transformer(timestep)
        wanted = self.predict(transformer, sample, timestep, self.prompt)
        if self.negative is None:
            return wanted.float()
        unwanted = self.predict(transformer, sample, timestep, self.negative)
        return unwanted.float() + self.guidance * (wanted.float() - unwanted.float())

    def _transformer(self, timestep: Tensor) -> Any:
        """The transformer of this noise level."""
        ratio = self.pipeline.config.get("boundary_ratio")
        late = ratio is not None and float(timestep) < ratio * self.pipeline.scheduler.config.num_train_timesteps
        return self.pipeline.transformer_2 if late or self.pipeline.transformer is None else self.pipeline.transformer


Prepare = Callable[[Any, UInt8, Tensor], tuple[Prediction, Tensor | None]]
"""From a pipeline, coarse frames uint8[T, H, W, 3] and their latents to how it predicts, and to latents whose first frame the model
is given in place of the noisy ones (None where it is not)."""


def image_to_video(pipeline: Any, frames: UInt8, latents: Tensor) -> tuple[Prediction, Tensor | None]:
    """`Prepare` for image-to-video pipelines: the first frame is given."""
    height, width = frames.shape[1:3]
    image = _video(frames[:1])[:, :, 0].to(latents.device)
    prepared = pipeline.prepare_latents(image, 1, latents.shape[1], height, width, len(frames), torch.float32, latents.device, None, latents)
    seen = _image_embedding(pipeline, frames[0], latents.device)
    if pipeline.config.get("expand_timesteps"):
        _, condition, free = prepared

        def predict_in_place(transformer: Any, sample: Tensor, timestep: Tensor, prompt: Tensor) -> Tensor:
            mixed = ((1 - free) * condition + free * sample).to(transformer.dtype)
            patch = transformer.config.patch_size
            each = (free[0, 0, :, :: patch[1], :: patch[2]] * timestep).flatten()[None]
            return transformer(hidden_states=mixed, timestep=each, encoder_hidden_states=prompt, return_dict=False)[0]

        return predict_in_place, condition
    condition = prepared[1]

    def predict(transformer: Any, sample: Tensor, timestep: Tensor, prompt: Tensor) -> Tensor:
        both = torch.cat([sample, condition], 1).to(transformer.dtype)
        return transformer(
            hidden_states=both, timestep=timestep.expand(1), encoder_hidden_states=prompt, encoder_hidden_states_image=seen, return_dict=False
        )[0]

    return predict, None


def controlled(pipeline: Any, frames: UInt8, latents: Tensor) -> tuple[Prediction, Tensor | None]:
    """`Prepare` for VACE pipelines: the frames are the control video, all of which may change."""
    video = _video(frames).to(latents.device)
    mask = torch.ones_like(video)
    nothing: list[list[Tensor]] = [[]]  # pictures that the model should refer to, a list for each video
    control = pipeline.prepare_video_latents(video, mask, nothing, None, latents.device)
    control = torch.cat([control, pipeline.prepare_masks(mask, nothing, None).to(control)], 1)

    def predict(transformer: Any, sample: Tensor, timestep: Tensor, prompt: Tensor) -> Tensor:
        strength = torch.ones(len(transformer.config.vace_layers), device=sample.device, dtype=transformer.dtype)
        return transformer(
            hidden_states=sample.to(transformer.dtype),
            timestep=timestep.expand(1),
            encoder_hidden_states=prompt,
            control_hidden_states=control.to(transformer.dtype),
            control_hidden_states_scale=strength,
            return_dict=False,
        )[0]

    return predict, None


KINDS: dict[str, Prepare] = {
    "WanImageToVideoPipeline": image_to_video,
    "WanVACEPipeline": controlled,
}
"""The pipelines that can restore, by the name of their class."""


def _image_embedding(pipeline: Any, frame: UInt8, device: torch.device) -> Tensor | None:
    """What Wan 2.1's image encoder says of a frame; None for models without one."""
    transformer = pipeline.transformer if pipeline.transformer is not None else pipeline.transformer_2
    if transformer.config.image_dim is None:
        return None
    return pipeline.encode_image(frame, device).to(transformer.dtype)


def _video(frames: UInt8) -> Tensor:
    """float32[1, 3, T, H, W] in -1 to 1."""
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
