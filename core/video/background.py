"""The plain background behind the subject: a smooth colour field, estimated over the whole clip.

The field is a quadratic over the picture for each channel, enough for an off-white wall with a slight vignette or gradient.
It is fitted to the picture's border first and then, once it is known roughly, to everything that looks like it. Robust: the
subject may cross the border, as long as most of the border shows the background.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import Float32, Float64, UInt8
from .letterbox import resize

SAMPLE_SIDE = 128
"""Longer side, in pixels, of the pictures the field is fitted to; averaging down to it removes most noise."""
BORDER = 0.05
"""Width of the border band, fraction of the shorter side."""
PLAIN_SPREAD = 8.0
"""A background is plain if it strays from a smooth field by no more than this (standard deviation, levels of 255)."""
PLAIN_SHARE = 0.5
"""Least share of the border that must show the background."""


@dataclass(frozen=True)
class Background:
    """A smooth colour field.

    coefficients: float64[6, 3], quadratic in picture coordinates -1 to 1, levels of 255.
    spread: robust standard deviation of the border about it, levels. share: part of the border that agrees with it.
    contrast: largest difference from it anywhere in the samples, levels.
    """

    coefficients: Float64
    spread: float
    share: float
    contrast: float

    @property
    def plain(self) -> bool:
        """Whether a subject can be told from it."""
        return self.spread <= PLAIN_SPREAD and self.share >= PLAIN_SHARE

    @property
    def colour(self) -> Float64:
        """float64[3]: its mean colour along the border."""
        return (_quadratics(16, 16)[border_band(16, 16)] @ self.coefficients).mean(0).clip(0, 255)

    def picture(self, height: int, width: int) -> Float32:
        """float32[height, width, 3]: the field as a picture."""
        return (_quadratics(height, width) @ self.coefficients).astype(np.float32)


def fit_background(samples: Sequence[UInt8]) -> Background:
    """Fit the field to pictures spread over the clip, each uint8[H, W, 3] of one size (see `shrink`)."""
    pixels = np.stack(samples).astype(np.float64)
    terms = _quadratics(*pixels.shape[1:3])
    band = border_band(*pixels.shape[1:3])
    field = np.zeros((6, 3))
    field[0] = np.median(pixels[:, band].reshape(-1, 3), 0)
    spread = PLAIN_SPREAD
    for step in range(8):
        away = np.abs(pixels - terms @ field).max(-1)
        spread = 1.4826 * float(np.median(away[:, band]))
        # Wide at first, so that a vignette is followed; later the whole picture counts, not the border alone.
        near = (away < max(3 * spread, 12 if step < 3 else 3)) & (band if step < 4 else True)
        where = np.broadcast_to(terms, (*pixels.shape[:3], 6))[near]
        field = np.linalg.lstsq(where, pixels[near], rcond=None)[0]
    away = np.abs(pixels - terms @ field).max(-1)
    share = float((away[:, band] < max(3 * spread, 6)).mean())
    return Background(field, spread, share, float(away.max()))


def shrink(picture: UInt8) -> UInt8:
    """The picture with its longer side at most `SAMPLE_SIDE`, for `fit_background`."""
    height, width = picture.shape[:2]
    scale = min(1.0, SAMPLE_SIDE / max(height, width))
    return resize(picture, max(4, round(width * scale)), max(4, round(height * scale)))


def border_band(height: int, width: int) -> NDArray[np.bool_]:
    """bool[height, width]: the band along the picture's border."""
    thick = max(1, round(BORDER * min(height, width)))
    band = np.ones((height, width), bool)
    band[thick:-thick, thick:-thick] = False
    return band


def perceived(difference: Float32) -> Float32:
    """Bring colour differences [..., 3] into a space where their length counts brightness fully and colour a little.

    Video stores colour at half the resolution, so that it spills over edges; brightness stays sharp. |result|^2 =
    luma^2 + 0.1 |difference|^2.
    """
    luma = np.array([0.299, 0.587, 0.114])
    metric = np.outer(luma, luma) + 0.1 * np.eye(3)
    return difference @ np.linalg.cholesky(metric).astype(np.float32)


def _quadratics(height: int, width: int) -> Float64:
    """float64[height, width, 6]: 1, u, v, u^2, uv, v^2 at the pixel centres."""
    v, u = np.meshgrid((np.arange(height) + 0.5) / height * 2 - 1, (np.arange(width) + 0.5) / width * 2 - 1, indexing="ij")
    return np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], -1)
