"""Where points of one picture lie in another: optical flow, dense or of the points alone, there and back.

The fit asks this of the drawing of its estimate and the video's frame (`core.fit.observe`), many times and from several threads.
Pictures are float32[H, W, 3] in [0, 1]; positions are (x, y) in pixels, centres at +0.5.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from ..errors import InputError
from ..types import Float32
from .pictures import grey, sample

MARGIN = 0.125
"""Share of the picture's longer side by which what is searched is wider than the points that are followed."""

LEAST_WINDOW = 0.75, 0.5
"""The longer and the shorter side of what is searched are at least these shares of the picture's longer side: the pyramid of a smaller one has fewer
scales, which reach less far."""


@dataclass(frozen=True)
class Followed:
    """What became of n points.

    moved: float32[n, 2], pixels, from the first picture to the second. missed: float32[n], pixels from where the way back ends to
    where the way there began. shown: float32[n], 0 to 1, how surely the point is seen in the second picture; 1 where nothing is said.
    """

    moved: Float32
    missed: Float32
    shown: Float32


class Follower(Protocol):
    """A way to follow points."""

    def follow(self, one: Float32, other: Float32, points: Float32) -> Followed:
        """Follow points float32[n, 2] of the picture `one` to the picture `other`, of the same size."""


@dataclass(frozen=True)
class Dis:
    """Dense inverse search (Kroeger et al. 2016), OpenCV's: for brightness, in milliseconds, on the processor.

    finest: scale of its pyramid down to which it searches; 1 for half the resolution. stride: pixels of a scale from one of its patches of 8 x 8 to the
    next. steps: most of a patch at a scale. smoothing: rounds of the variational refinement there, without which textureless surface goes astray.
    """

    finest: int = 1
    stride: int = 3
    steps: int = 25
    smoothing: int = 5

    def follow(self, one: Float32, other: Float32, points: Float32) -> Followed:
        """See `Follower`."""
        search = self._search()
        rows, columns = window(points, one.shape)
        here, there = grey(one[rows, columns]), grey(other[rows, columns])
        nothing = np.zeros((*here.shape, 2), np.float32)
        onward, back = (search.calc(*pair, nothing.copy()).astype(np.float32) for pair in ((here, there), (there, here)))
        return by_dense_flow(onward, back, points - np.array([columns.start, rows.start], np.float32))

    def _search(self) -> cv2.DISOpticalFlow:
        """OpenCV's, whose medium preset has what is not set here."""
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        search.setFinestScale(self.finest)
        search.setPatchStride(self.stride)
        search.setGradientDescentIterations(self.steps)
        search.setVariationalRefinementIterations(self.smoothing)
        return search


DIS = Dis()
"""OpenCV's medium preset."""

QUICK_DIS = Dis(stride=6, steps=12, smoothing=3)
"""Takes half the time of `DIS`, and is as near to the truth where it agrees both ways."""

COARSE_DIS = Dis(finest=2, stride=4, steps=16)
"""OpenCV's fast preset, in a quarter of the time: no nearer to its target than that needs."""


def window(points: Float32, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a picture [H, W, ..] around points: flow takes time for every pixel."""
    if len(points) == 0:
        return slice(0, shape[0]), slice(0, shape[1])
    margin = MARGIN * max(shape[:2])
    low, high = points.min(0) - margin, points.max(0) + margin
    longer = int(high[0] - low[0] < high[1] - low[1])
    columns, rows = (_span(low[axis], high[axis], LEAST_WINDOW[axis != longer] * max(shape[:2]), shape[1 - axis]) for axis in (0, 1))
    return rows, columns


def _span(low: float, high: float, least: float, side: int) -> slice:
    """From low to high, at least so long where the side has so many pixels."""
    length = min(max(high - low, least), side)
    first = int(np.clip((low + high - length) / 2, 0, side - length))
    return slice(first, min(first + int(length) + 1, side))


def by_dense_flow(onward: Float32, back: Float32, points: Float32) -> Followed:
    """Follow points by flow at every pixel, float32[H, W, 2] (x, y), from the first picture to the second and from the second to the first."""
    moved = sample(onward, points)
    missed = np.linalg.norm(moved + sample(back, points + moved), axis=1).astype(np.float32)
    return Followed(moved, missed, np.ones(len(points), np.float32))


def follower(name: str, weights: str = "") -> Follower:
    """The follower of that name: "DIS", or by networks "RAFT" and "COTRACKER".

    weights: file with a network's weights; '' for where torch keeps those that it has fetched. Nothing is ever fetched here.
    Raises InputError where a network's package or weights are missing or do not fit.
    """
    return DIS if name == "DIS" else _network(name).of(weights)


def file_with_weights(name: str, weights: str = "") -> Path:
    """The file that a network's follower of that name is filled from; arguments and errors as for `follower`."""
    return _network(name).file(weights)


class _Network(Protocol):
    """A follower's class, whose network is filled from a file."""

    @staticmethod
    def of(weights: str = "") -> Follower:
        """Made from weights on this machine."""

    @staticmethod
    def file(weights: str = "") -> Path:
        """The file that it is filled from."""


def _network(name: str) -> type[_Network]:
    if name == "RAFT":
        from .raft import Raft

        return Raft
    if name == "COTRACKER":
        from .cotracker import CoTracker

        return CoTracker
    raise InputError(f"There is no optical flow called {name!r}.", "Use DIS, RAFT or COTRACKER.")
