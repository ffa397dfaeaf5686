"""Leaves out keys, one after the other, as long as the surface stays within the tolerance.

Bones by themselves must share the tolerance, for all frames alike, since their errors add up along a chain. The surface tells where and when
they do: the key goes whose going costs it least, until none can.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..types import Float32, Int32, Int64, Motion, Progress, no_progress
from .played import Change, PlayedTrack
from .reduce import Track
from .watched import PlayedSurface, Trial, WatchedSurface

SPARED = 1e-4
"""Part of the tolerance that is not used up: more than single precision loses."""
NOTICED = 1e-3
"""Difference, as a part of the tolerance, from which on frames count for what a key is worth."""
COUNTED = 300
"""So many or more of the watched vertices that a key moves tell what it is worth; before it goes, all of them are looked at."""
TOLD = 1e-5
"""Difference from which on frames are brought up to date when a key goes: what many such leave out is well below `SPARED`."""


def played_motion(motion: Motion, tracks: Sequence[Track], frames: Sequence[Int32]) -> Motion:
    """The motion that tracks, one a bone, play back with keys at `frames`."""
    curves = np.stack([track.played(keys) for track, keys in zip(tracks, frames, strict=True)], 1)
    rotations = curves[..., :4] / np.linalg.norm(curves[..., :4], axis=2, keepdims=True)
    return replace(motion, rotations=rotations, translations=curves[..., 4:7], scales=curves[..., 7:])


def thinned(
    tracks: Sequence[Track], frames: Sequence[Int32], surface: WatchedSurface, allowed: float, progress: Progress = no_progress
) -> tuple[list[Int32], float]:
    """The key frames of each bone that are left, and the farthest that a watched vertex is off by them, metres.

    tracks: one a bone, channels rotation, translation, scale. frames: int32[n] a bone, with which every watched vertex is off by `allowed`,
    metres, at most; that still holds for what is returned. The time that it takes is linear in the number of frames.
    """
    thinning = _Thinning(tracks, frames, surface, allowed)
    thinning.run(progress)
    return _within(allowed, surface, tracks, [track.keys for track in thinning.tracks], thinning.gone)


def _within(
    allowed: float, surface: WatchedSurface, tracks: Sequence[Track], frames: list[Int32], gone: list[tuple[int, int]]
) -> tuple[list[Int32], float]:
    """The key frames, and what is missed by them: by the best curves over all frames, of which thinning knew all but traces.

    Should those be too much, keys go back in, the last ones that went first.
    """
    back = 1
    while True:
        missed = surface.missed(played_motion(surface.motion, tracks, frames))
        if missed <= allowed or not gone:
            return frames, missed
        for bone, frame in gone[-back:]:
            frames[bone] = np.union1d(frames[bone], [frame]).astype(np.int32)
        gone = gone[:-back]
        back *= 2


@dataclass(frozen=True)
class _Asked:
    """What leaving out a key came to when last asked. cost: infinite where it was too much. moment: how many keys had gone by then."""

    change: Change
    cost: float
    moment: int

    @property
    def frames(self) -> slice:
        """On which it makes a difference."""
        return slice(self.change.first, self.change.first + len(self.change.channels))


class _Thinning:
    """The keys that are left, and the ones that may go, the cheapest first."""

    def __init__(self, tracks: Sequence[Track], frames: Sequence[Int32], surface: WatchedSurface, allowed: float) -> None:
        self.surface, self.allowed = surface, allowed
        self.limit = ((1 - SPARED) * allowed) ** 2
        self.tracks = [PlayedTrack(track, keys) for track, keys in zip(tracks, frames, strict=True)]
        self.played = PlayedSurface(surface, np.stack([surface.local(bone, track.channels) for bone, track in enumerate(self.tracks)], 1))
        # float32[S, T]
        self.costs = _costs(_spent(self.played.off, self.limit))
        self.queue: list[tuple[float, int, int]] = []  # the cost when last asked, bone, frame of the key
        self.asked: dict[tuple[int, int], _Asked] = {}
        self.gone: list[tuple[int, int]] = []  # bone, frame
        # How many keys had gone when a bone's curve, and what its rows are off, last changed on each frame.
        self.curve_changed, self.rows_changed = np.zeros((2, len(tracks), surface.frame_count), np.int64)

    def run(self, progress: Progress) -> None:
        """Until none can go."""
        for bone, track in enumerate(self.tracks):
            progress(0.5 * bone / len(self.tracks), "choosing keys")
            for frame in track.keys[1:-1].tolist():
                self._offer(bone, frame)
            self._offer_stillness(bone)
        offered = len(self.queue)
        while self.queue:
            cost, bone, frame = heapq.heappop(self.queue)
            again = self._cost(bone, frame)
            if not np.isfinite(again):
                continue
            if self.queue and again > max(cost, self.queue[0][0]):
                heapq.heappush(self.queue, (again, bone, frame))  # others went since: it has become dearer than the next
                continue
            self._leave(bone, frame)
            progress(1 - 0.5 * len(self.queue) / offered, "choosing keys")

    def _offer(self, bone: int, frame: int) -> None:
        """Put a key into the queue, if it may go. One that may not now will not later: what is spent grows."""
        cost = self._cost(bone, frame)
        if np.isfinite(cost):
            heapq.heappush(self.queue, (cost, bone, frame))

    def _offer_stillness(self, bone: int) -> None:
        """A bone with but a key at each end may lose the last, and stand still."""
        if len(self.tracks[bone].keys) == 2:
            self._offer(bone, int(self.tracks[bone].keys[-1]))

    def _cost(self, bone: int, frame: int) -> float:
        """What the surface would lose without a bone's key, infinite where it would be too much."""
        last = self.asked.get((bone, frame))
        if last is not None and not self._changed(self.rows_changed, bone, last):
            return last.cost
        if last is None or self._changed(self.curve_changed, bone, last):
            change = self.tracks[bone].without(frame, NOTICED * self.allowed)
        else:
            change = last.change
        every = max(1, len(self.surface.rows[bone]) // COUNTED)
        trial, spent = self._tried(bone, change, every)
        cost = np.inf
        if spent.max(initial=0.0) <= 1:
            cost = every * float(_costs(spent).sum() - self.costs[trial.rows, trial.frames].sum())
        self.asked[bone, frame] = _Asked(change, cost, len(self.gone))
        return cost

    def _changed(self, moments: Int64, bone: int, last: _Asked) -> bool:
        """Whether what it looked at has changed since."""
        return bool(moments[bone, last.frames].max(initial=0) > last.moment)

    def _leave(self, bone: int, frame: int) -> None:
        """Leave a key out, unless that is too much after all for frames further away."""
        change = self.tracks[bone].without(frame, TOLD * self.allowed)
        trial, spent = self._tried(bone, change)
        if spent.max(initial=0.0) > 1:
            return
        self.gone.append((bone, frame))
        self.curve_changed[bone, trial.frames] = len(self.gone)
        self.rows_changed[self.surface.touching[bone], trial.frames] = len(self.gone)
        self.tracks[bone].take(change)
        self.played.take(trial)
        self.costs[trial.rows, trial.frames] = _costs(spent)
        self._offer_stillness(bone)

    def _tried(self, bone: int, change: Change, every: int = 1) -> tuple[Trial, Float32]:
        """What the surface does, and float32[n, F], what its rows then spend."""
        trial = self.played.tried(bone, change.first, self.surface.local(bone, change.channels), every)
        return trial, _spent(trial.off, self.limit)


def _spent(off: Float32, limit: float) -> Float32:
    """float32[n, F], of off [n, 3, F]: squared distances over the limit's, which is a square too."""
    squares = np.square(off)
    return np.asarray((squares[:, 0] + squares[:, 1] + squares[:, 2]) / np.float32(limit), np.float32)


def _costs(spent: Float32) -> Float32:
    """The 8th power of the error: what comes near the limit counts, and all of it together."""
    return np.square(np.square(spent))
