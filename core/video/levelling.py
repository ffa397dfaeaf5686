"""Brightness and tint that drift over a film, as generated ones do, brought back to the first frame's by the plain background's border."""

import numpy as np

from ..types import Float64, UInt8
from .background import border_band, shrink

LEAST_DRIFT = 3.0
"""Levels of 255 by which the border must have changed; less is compression's doing, and left as it is."""
DARKEST = 48.0
"""Levels; a channel whose border is darker says too little about how bright the rest is."""
MOST_GAIN = 1.6
"""Farthest that a channel is scaled, up or down: beyond, it is another background."""


def border_colour(picture: UInt8) -> Float64:
    """float64[3]: the median colour along the border of a picture uint8[H, W, 3], levels; the subject may cover less than half of it."""
    small = shrink(picture)
    return np.median(small[border_band(*small.shape[:2])], axis=0).astype(np.float64)


def levelled(picture: UInt8, wanted: Float64) -> UInt8:
    """The picture uint8[H, W, 3], each channel scaled so that its border has the colour float64[3] wanted, where the two differ clearly."""
    found = border_colour(picture)
    if np.abs(found - wanted).max() < LEAST_DRIFT:
        return picture
    gain = np.where(np.minimum(found, wanted) < DARKEST, 1.0, wanted / np.maximum(found, 1.0)).clip(1 / MOST_GAIN, MOST_GAIN)
    return np.clip(picture * gain.astype(np.float32) + 0.5, 0, 255).astype(np.uint8)
