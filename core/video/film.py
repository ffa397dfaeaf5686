"""Writing films: the demo's side-by-side comparison, and test clips."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from ..errors import InputError
from ..types import UInt8
from .letterbox import onto_canvas, place

QUALITY = 18
"""x264's constant rate factor: visually lossless."""

REPEATABLE = "mbtree=0"
"""x264's choice of quality by what later pictures take over differs from run to run, by up to 20 levels in noisy pictures; without it the
same pictures give the same file."""


def write_film(path: Path, frames: Iterable[UInt8], fps: float, quality: int = QUALITY) -> int:
    """Write an mp4: H.264 where the libraries hold an encoder for it, else MPEG-4.

    frames: uint8[H, W, 3] each, all of one size; odd sizes are padded with white to even ones, as the format wants.
    quality: x264's constant rate factor; more is coarser.
    Returns how many were written. Raises InputError where there are none; OSError where the file cannot be written.
    """
    source = iter(frames)
    first = next(source, None)
    if first is None:
        raise InputError(f"There are no frames to write to {path.name}.")
    height, width = (side + side % 2 for side in first.shape[:2])
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    options = {"crf": str(quality), "x264-params": REPEATABLE} if codec == "libx264" else {"qscale": "3"}
    count = 0
    with av.open(str(path), "w", format="mp4") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in _with_first(first, source):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_padded(picture, height, width), format="rgb24")))
            count += 1
        container.mux(stream.encode())
    return count


def side_by_side(panels: Sequence[UInt8], height: int, gap: int = 8) -> UInt8:
    """Pictures uint8[h, w, 3] of any size in one row, each `height` pixels high, on white; uint8[height, W, 3]."""
    row: list[UInt8] = []
    for panel in panels:
        width = max(1, round(panel.shape[1] * height / panel.shape[0]))
        row += [np.full((height, gap, 3), 255, np.uint8)] if row else []
        row.append(onto_canvas(panel, place(panel.shape[1], panel.shape[0], 1.0, width, height), 255.0))
    return np.concatenate(row, 1)


def _with_first(first: UInt8, rest: Iterator[UInt8]) -> Iterator[UInt8]:
    yield first
    yield from rest


def _padded(picture: UInt8, height: int, width: int) -> UInt8:
    rows, columns = height - picture.shape[0], width - picture.shape[1]
    return np.ascontiguousarray(np.pad(picture, ((0, rows), (0, columns), (0, 0)), constant_values=255) if rows or columns else picture)
