"""Where the masks come from: the film's own alpha, a mask video, or the plain background."""

from collections.abc import Sequence

import cv2
import numpy as np

from ..errors import InputError
from ..types import UInt8
from .background import Background
from .letterbox import resize
from .matte import matte

MASK_REMEDY = "Give a video with a plain background, one with transparency, or a mask video (white where the subject is)."
FAINTEST_LEVELS = (0.0, 8.0, 16.0, 32.0)
"""Tried for the faintest difference that counts as subject: low keeps nearly white parts, high leaves soft shadows out."""
CLEARLY_BETTER = 0.01
"""By how much (IoU) a higher level must agree better with the still before it is taken."""
OPAQUE_SHARE = 0.001
"""An alpha channel that is opaque but for this share of its pixels says nothing about the subject."""
ONE_COLOUR_CONTRAST = 8.0
"""Levels of 255 by which something must stand out at least."""


def uses_alpha(alphas: Sequence[UInt8]) -> bool:
    """Whether alpha channels of some frames tell the subject from the rest."""
    return bool(alphas) and any(float((alpha < 128).mean()) > OPAQUE_SHARE for alpha in alphas)


def check_background(background: Background, name: str) -> None:
    """Raises InputError where the film is one colour, or where its background is not plain."""
    if background.plain and background.contrast < ONE_COLOUR_CONTRAST:
        raise InputError(f"The video {name} is wholly one colour: no subject stands out.", MASK_REMEDY)
    if not background.plain:
        raise InputError(
            f"The background of {name} is not plain: along the border it varies by {background.spread:.0f} levels of 255.", MASK_REMEDY
        )


def faintest_level(first: UInt8, background: Background, still_alpha: UInt8 | None) -> float:
    """The faintest difference that may count as subject, levels of 255: that with which frame 0's mask agrees best with the still.

    first: uint8[H, W, 3]. still_alpha: uint8[h, w], the subject's true coverage, or None; then the most sensitive is taken.
    """
    if still_alpha is None:
        return FAINTEST_LEVELS[0]
    height, width = first.shape[:2]
    truth = resize(still_alpha, width, height)
    field = background.picture(height, width)
    agreement = [soft_iou(matte(first, field, level), truth) for level in FAINTEST_LEVELS]
    best = int(np.argmax(agreement))
    return FAINTEST_LEVELS[best if agreement[best] > agreement[0] + CLEARLY_BETTER else 0]


def soft_iou(one: UInt8, other: UInt8) -> float:
    """Intersection over union of two soft masks, uint8[H, W]; 0 where both are empty."""
    union = float(np.maximum(one, other).sum(dtype=np.float64))
    return float(np.minimum(one, other).sum(dtype=np.float64)) / union if union else 0.0


def grey_levels(samples: Sequence[UInt8], name: str) -> tuple[float, float]:
    """What is black and what is white in a mask video, levels of 255 (compression and limited range move them).

    samples: pictures of it, uint8[H, W, 3]. Raises InputError where nothing is white or nothing black.
    """
    grey = np.concatenate([luma(sample).ravel() for sample in samples])
    low, high = (float(value) for value in np.percentile(grey, (0.5, 99.5)))
    if high - low < 64:
        raise InputError(f"The mask video {name} is wholly one colour.", "It must be white where the subject is and black elsewhere.")
    return low, high


def from_grey(picture: UInt8, levels: tuple[float, float]) -> UInt8:
    """A frame of a mask video, uint8[H, W, 3], as coverage uint8[H, W]."""
    low, high = levels
    # A margin at both ends, since codecs ripple there.
    share = (luma(picture).astype(np.float32) - low) / (high - low)
    return np.round(np.clip((share - 0.05) / 0.9, 0, 1) * 255).astype(np.uint8)


def luma(picture: UInt8) -> UInt8:
    """uint8[H, W] of uint8[H, W, 3]."""
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)


def over_white(rgb: UInt8, alpha: UInt8) -> UInt8:
    """A transparent picture on white; what lies under full transparency is arbitrary in many files."""
    share = alpha[..., None].astype(np.float32) / 255
    return np.round(rgb * share + 255 * (1 - share)).astype(np.uint8)
