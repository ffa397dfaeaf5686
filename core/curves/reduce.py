"""Which frames need a key, so that Bezier curves through them stay within a tolerance of every frame."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..types import Float64, Int32
from .bezier import bezier_through, corners, evaluate

Distance = Callable[[Float64, Float64], Float64]
"""Distance float64[T] between the frames of two curves [T, C]."""


@dataclass(frozen=True)
class Track:
    """Channels that share their key frames.

    samples: float64[T, C]. groups: columns of each property that moves, a bone's rotation and its location; each becomes
        curves of its own. sharp: one bool[T] a group, its corners.
    distance: measures by how much curves miss the samples, in the tolerance's unit.
    """

    samples: Float64
    groups: tuple[slice, ...]
    sharp: tuple[NDArray[np.bool_], ...]
    distance: Distance

    @staticmethod
    def of(samples: Float64, distance: Distance, groups: tuple[slice, ...] = (slice(None),)) -> "Track":
        """A track with its corners found, and the groups left out that never change."""
        moving = tuple(group for group in groups if np.any(samples[:, group] != samples[:1, group]))
        return Track(samples, moving, tuple(corners(samples[:, group]) for group in moving), distance)

    def part(self, first: int, last: int) -> "Track":
        """The frames from `first` to `last`, that one included."""
        cut = slice(first, last + 1)
        return Track(self.samples[cut], self.groups, tuple(sharp[cut] for sharp in self.sharp), self.distance)

    def played(self, keys: Int32) -> Float64:
        """float64[T, C]: what the curves through the keys give on every frame."""
        times = np.arange(len(self.samples))
        result = np.repeat(self.samples[:1], len(times), 0)
        for group, sharp in zip(self.groups, self.sharp, strict=True):
            result[:, group] = evaluate(bezier_through(self.samples[:, group], keys, sharp), times)
        return result

    def errors(self, keys: Int32) -> Float64:
        """float64[T]: how far those are off."""
        return self.distance(self.samples, self.played(keys))

    def stands_still(self, tolerance: float) -> bool:
        """Whether no frame is further than `tolerance` from the first."""
        return bool(np.all(self.distance(self.samples, np.repeat(self.samples[:1], len(self.samples), 0)) <= tolerance))


def reduce_keys(track: Track, tolerance: float) -> Int32:
    """Few key frames, int32[n]: the extremes, then what is still missing, without what turned out not to be needed.

    tolerance: largest distance allowed at any frame. A motion that stays within it of its first frame gets the single key 0.
    """
    if track.stands_still(tolerance):
        return np.zeros(1, np.int32)
    kept = extremes(track, tolerance)
    ends = np.unique(np.r_[0, kept, len(track.samples) - 1]).astype(np.int32)
    keys = _prune(track, _insert(track, ends, tolerance), set(kept.tolist()), tolerance)
    return _insert(track, keys, tolerance)


def extremes(track: Track, tolerance: float) -> Int32:
    """Frames in which the motion turns round: peaks and valleys along its main direction that matter against the tolerance."""
    centred = track.samples - track.samples.mean(0)
    _, spread, directions = np.linalg.svd(centred, full_matrices=False)
    if spread[0] == 0:
        return np.zeros(0, np.int32)
    height = centred @ directions[0]
    found: list[int] = []
    turning = low = high = 0
    for frame in range(1, len(height)):
        low, high = (frame if height[frame] < height[low] else low), (frame if height[frame] > height[high] else high)
        if turning >= 0 and height[frame] < height[high] and _apart(track, high, frame) > 2 * tolerance:
            found, turning, low = [*found, high], -1, frame
        elif turning <= 0 and height[frame] > height[low] and _apart(track, low, frame) > 2 * tolerance:
            found, turning, high = [*found, low], 1, frame
    return np.array([frame for frame in found if 0 < frame < len(height) - 1], np.int32)


def _apart(track: Track, one: int, other: int) -> float:
    return float(track.distance(track.samples[one : one + 1], track.samples[other : other + 1])[0])


def _insert(track: Track, keys: Int32, tolerance: float) -> Int32:
    """Add a key at the worst frame without one of every segment that strays, until none does."""
    while True:
        error = track.errors(keys)
        missing = [
            first + 1 + int(np.argmax(error[first + 1 : last])) for first, last in pairwise(keys) if last - first > 1 and error[first : last + 1].max() > tolerance
        ]
        if not missing:  # only what lies between keys on neighbouring frames may still stray
            strays = np.flatnonzero(error > tolerance)
            free = np.setdiff1d(np.arange(len(error)), keys)
            if not len(strays) or not len(free):
                return keys
            missing = [int(free[np.abs(free - strays[0]).argmin()])]
        keys = np.union1d(keys, missing).astype(np.int32)


def _prune(track: Track, keys: Int32, kept: set[int], tolerance: float) -> Int32:
    """Leave out the keys whose neighbourhood does without them; extremes stay, as the handles an animator reaches for."""
    left = keys.tolist()
    index = 1
    while index < len(left) - 1:
        near = np.array(left[max(0, index - 3) : index] + left[index + 1 : index + 4], np.int32)
        if left[index] not in kept and track.part(near[0], near[-1]).errors(near - near[0]).max() <= tolerance:
            del left[index]
        else:
            index += 1
    return np.array(left, np.int32)
