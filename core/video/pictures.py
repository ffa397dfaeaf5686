"""Brightness of a picture, and its colours between the pixels' centres. Positions are (x, y) in pixels, centres at +0.5."""

import cv2
import numpy as np

from ..types import Float32, UInt8

REMAP_ROW = 4096
"""Samples are taken in rows of this many: OpenCV's remap makes no picture longer than 32767 in either direction."""


def grey(image: Float32) -> UInt8:
    """uint8[H, W] brightness of an image in [0, 1]."""
    return np.clip(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) * 255 + 0.5, 0, 255).astype(np.uint8)


def sample(image: Float32, positions: Float32) -> Float32:
    """Bilinear samples [n, C] (or [n]) of an image [H, W, C] (or [H, W]) at positions [n, 2]; beyond the border, the border."""
    count = len(positions)
    if count == 0:
        return np.zeros((0, *image.shape[2:]), np.float32)
    rows = -(-count // REMAP_ROW)
    place = np.zeros((rows * min(count, REMAP_ROW), 2), np.float32)
    place[:count] = positions
    place = place.reshape(rows, -1, 2) - 0.5
    values = cv2.remap(image, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.reshape(-1, *image.shape[2:])[:count].astype(np.float32, copy=False)
