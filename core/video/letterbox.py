"""Fitting a picture of any size and aspect onto the camera's picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from ..types import Float64, UInt8

ASPECT_TOLERANCE = 0.01
"""Aspects that differ by less are taken for the same: the picture is stretched by that much rather than padded."""


@dataclass(frozen=True)
class Placement:
    """Where the whole video picture lies on the canvas, in pixels of the canvas.

    canvas_width, canvas_height: the camera's picture. left, top, width, height: the video's part of it; the rest is padding.
    """

    canvas_width: int
    canvas_height: int
    left: int
    top: int
    width: int
    height: int

    def describe(self) -> str:
        """What was done, for the log."""
        if (self.width, self.height) == (self.canvas_width, self.canvas_height):
            return f"scaled to {self.width} x {self.height}"
        return f"scaled to {self.width} x {self.height} and padded to {self.canvas_width} x {self.canvas_height}"


def place(source_width: int, source_height: int, pixel_aspect: float, canvas_width: int, canvas_height: int) -> Placement:
    """Fit a whole source picture into the canvas, centred; fill the canvas where the aspects agree within 1 %."""
    source = source_width * pixel_aspect / source_height
    canvas = canvas_width / canvas_height
    if abs(source / canvas - 1) <= ASPECT_TOLERANCE:
        return Placement(canvas_width, canvas_height, 0, 0, canvas_width, canvas_height)
    width = canvas_width if source > canvas else max(1, round(canvas_height * source))
    height = canvas_height if source < canvas else max(1, round(canvas_width / source))
    return Placement(canvas_width, canvas_height, (canvas_width - width) // 2, (canvas_height - height) // 2, width, height)


def resize(picture: UInt8, width: int, height: int) -> UInt8:
    """Scale a picture, uint8[H, W] or [H, W, C]: averaging pixels on the way down, linear on the way up."""
    if picture.shape[:2] == (height, width):
        return picture
    smaller = width * height < picture.shape[0] * picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def onto_canvas(picture: UInt8, placement: Placement, padding: Float64 | float) -> UInt8:
    """The picture, uint8[h, w] or [h, w, C], on its place of a canvas filled with `padding` (a number or one per channel)."""
    shape = (placement.canvas_height, placement.canvas_width, *picture.shape[2:])
    canvas = np.broadcast_to(np.asarray(np.round(padding), np.uint8), shape).copy()
    rows = slice(placement.top, placement.top + placement.height)
    canvas[rows, placement.left : placement.left + placement.width] = resize(picture, placement.width, placement.height)
    return canvas
