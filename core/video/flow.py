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

FINEST = 1
"""Finest scale of its pyramid that is searched: half the resolution."""


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


class Dis:
    """Dense inverse search (Kroeger et al. 2016), OpenCV's medium preset: for brightness, in milliseconds, on the processor."""

    def follow(self, one: Float32, other: Float32, points: Float32) -> Followed:
        """See `Follower`."""
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        search.setFinestScale(FINEST)
        here, there = grey(one), grey(other)
        nothing = np.zeros((*here.shape, 2), np.float32)
        onward, back = (search.calc(*pair, nothing.copy()).astype(np.float32) for pair in ((here, there), (there, here)))
        return by_dense_flow(onward, back, points)


DIS = Dis()


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
