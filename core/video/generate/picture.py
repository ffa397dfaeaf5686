"""The start picture and the frames: from the camera's picture to a size that the model accepts, and exactly back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...types import UInt8
from ..letterbox import Placement, onto_canvas, place, resize
from ..masks import over_white
from .models import VideoModel


@dataclass(frozen=True)
class Shape:
    """What the model is asked for. width, height: pixels. frames: how many. placement: where the camera's picture lies in it."""

    width: int
    height: int
    frames: int
    placement: Placement


def shape_for(row: VideoModel, width: int, height: int, *, longer_side: int = 0, frames: int = 0) -> Shape:
    """The size nearest in aspect to the camera's picture, of about the area that the model was trained at, and a frame count.

    width, height: of the camera's picture. longer_side: pixels wanted of the longer side, 0 for the model's own area.
    frames: wanted, 0 for the model's own number. Sizes are multiples of the row's; frames are rounded up to its rule, and down to
    what it was trained for.
    """
    scale = longer_side / max(width, height) if longer_side else math.sqrt(row.area / (width * height))
    own_width, own_height = (max(row.size_multiple, row.size_multiple * round(side * scale / row.size_multiple)) for side in (width, height))
    step = row.frames_step
    wanted = frames or row.frames
    most = (row.most_frames - 1) // step * step + 1
    count = min(most, max(2, math.ceil((wanted - 1) / step) * step + 1))
    return Shape(own_width, own_height, max(count, step + 1), place(width, height, 1.0, own_width, own_height))


def start_picture(render: UInt8, shape: Shape) -> UInt8:
    """A render of the camera's picture, uint8[H, W, 4], on white, letterboxed onto the model's size; uint8[h, w, 3]."""
    return onto_canvas(over_white(render[..., :3], render[..., 3]), shape.placement, 255.0)


def brought_back(frames: Sequence[UInt8], shape: Shape, width: int, height: int) -> list[UInt8]:
    """Frames of the model's size, uint8[h, w, 3] each, back on the camera's picture: the letterbox cut off, the rest scaled.

    A frame of another size than was asked for (hosted models choose their own) is taken to show the same picture, scaled.
    """
    found = []
    for frame in frames:
        placed = shape.placement
        across, down = frame.shape[1] / shape.width, frame.shape[0] / shape.height
        rows = slice(round(placed.top * down), round((placed.top + placed.height) * down))
        columns = slice(round(placed.left * across), round((placed.left + placed.width) * across))
        found.append(np.ascontiguousarray(resize(frame[rows, columns], width, height)))
    return found
