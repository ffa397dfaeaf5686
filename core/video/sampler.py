"""Self-guided stochastic sampling (Ani3DHuman, arXiv 2602.19089): bring a coarse video to what a video model knows as real.

For flow matching: a sample at noise level sigma is x = (1 - sigma) x0 + sigma e, and the model tells its velocity e - x0
(Lipman et al. 2023). Each step takes the clean estimate x0 = x - sigma v, pulls it towards the reference where identity must be
kept, and noises it again to the next level. What noise that is makes the sampler:

- FRESH, the paper's: all of it is new. An estimate that lies outside of what the model knows is forgotten quickly, which is what
  coarse renderings need. The price, which has a closed form for a Gaussian model: the mean is the model's, the spread is less,
  since an estimate is an average of what may be meant. Over many steps half of the variance is left.
- ANCESTRAL: as much new noise as the exact reverse process has (Song et al. 2021, eta of 1, for these noise levels): over many
  steps the model's own distribution.
- NONE: the deterministic ODE's Euler step, for comparison. It keeps what the start had, flaws included.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

Velocity = Callable[[Tensor, int], Tensor]
"""The model: velocity of a sample at the noise level of a given index into the schedule."""

StepDone = Callable[[int, int, Tensor], None]
"""Told after every step: how many are done, of how many, and the clean estimate."""


class Renoise(StrEnum):
    """The noise between two steps, see above."""

    FRESH = "FRESH"
    ANCESTRAL = "ANCESTRAL"
    NONE = "NONE"


@dataclass(frozen=True)
class SelfGuidance:
    """The pull towards a reference.

    reference: the coarse video's latents, of the samples' shape. mask: 0 to 1, where it counts; broadcasts to the same shape.
    scale: strength; the pull of a step is (1 - sigma) * scale * mask, at most 1, which gives the reference back.
    """

    reference: Tensor
    mask: Tensor
    scale: float

    def pulled(self, clean: Tensor, sigma: float) -> Tensor:
        """The clean estimate at noise level sigma, nearer to the reference."""
        share = ((1 - sigma) * self.scale * self.mask).clamp(max=1.0)
        return clean + share * (self.reference - clean)


def sample(
    velocity: Velocity,
    sigmas: Sequence[float],
    guidance: SelfGuidance,
    *,
    strength: float,
    generator: torch.Generator,
    renoise: Renoise = Renoise.FRESH,
    step_done: StepDone = lambda done, count, clean: None,
) -> Tensor:
    """Sample, starting from the reference with noise on it.

    sigmas: the whole schedule, descending from about 1, its last the clean 0. strength: the share of the schedule that is run,
    1 for all of it (see `start_of`). generator: all noise comes from it, so a seed gives a result.
    Returns the last clean estimate, of the reference's shape and dtype.
    """
    start = start_of(len(sigmas) - 1, strength)
    reference = guidance.reference
    x = (1 - sigmas[start]) * reference + sigmas[start] * _noise(reference, generator)
    for index in range(start, len(sigmas) - 1):
        sigma, following = sigmas[index], sigmas[index + 1]
        predicted = velocity(x, index)
        noise = x + (1 - sigma) * predicted
        clean = guidance.pulled(x - sigma * predicted, sigma)
        fresh = _fresh_share(sigma, following, renoise)
        kept = max(following**2 - fresh**2, 0.0) ** 0.5
        x = (1 - following) * clean + kept * noise
        if fresh > 0:
            x = x + fresh * _noise(x, generator)
        step_done(index - start + 1, len(sigmas) - 1 - start, clean)
    return x


def start_of(steps: int, strength: float) -> int:
    """The first step that is run: of a schedule of `steps`, the last share `strength`, at least one."""
    return steps - max(1, min(steps, round(steps * strength)))


def to_latent_mask(masks: Tensor, frames: int, height: int, width: int) -> Tensor:
    """Masks float[T, H, W] at the resolution of latents [frames, height, width]: the mean over what each latent covers.

    Video latents of causal autoencoders hold frame 0 alone, then equally many frames each.
    """
    small = torch.nn.functional.adaptive_avg_pool2d(masks[:, None], (height, width))[:, 0]
    stride = (len(masks) - 1) // max(frames - 1, 1)
    rest = small[1:].reshape(frames - 1, stride, height, width).mean(1)
    return torch.cat([small[:1], rest])


def _fresh_share(sigma: float, following: float, renoise: Renoise) -> float:
    """Standard deviation of the new noise in a step between two noise levels; the next level's whole noise has `following`."""
    if renoise is Renoise.FRESH:
        return following
    if renoise is Renoise.NONE or following == 0:
        return 0.0
    kept = ((1 - sigma) * following / ((1 - following) * sigma)) ** 2
    return following * float(max(1 - kept, 0.0)) ** 0.5


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise, made on the CPU so that a seed means the same on every device."""
    return torch.randn(like.shape, generator=generator, dtype=torch.float32).to(like.device, like.dtype)
