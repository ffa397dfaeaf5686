"""Leaves out keys, one after the other, as long as the surface stays within the tolerance.

Bones by themselves must share the tolerance, for all frames alike, since their errors add up along a chain. The surface tells where and when
they do: the key goes whose going costs it least, until none can.
"""

import heapq
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..types import Float32, Int32, Motion, Progress, no_progress
from .reduce import Track
from .watched import PlayedSurface, Trial, WatchedSurface

SPARED = 1e-4
"""Part of the tolerance that is not used up: more than single precision loses."""


def played_motion(motion: Motion, tracks: Sequence[Track], frames: Sequence[Int32]) -> Motion:
    """The motion that tracks, one a bone, play back with keys at `frames`."""
    curves = np.stack([track.played(keys) for track, keys in zip(tracks, frames, strict=True)], 1)
    rotations = curves[..., :4] / np.linalg.norm(curves[..., :4], axis=2, keepdims=True)
    return replace(motion, rotations=rotations, translations=curves[..., 4:7], scales=curves[..., 7:])


def thinned(tracks: Sequence[Track], frames: Sequence[Int32], surface: WatchedSurface, allowed: float, progress: Progress = no_progress) -> list[Int32]:
    """The key frames of each bone that are left.

    tracks: one a bone, channels rotation, translation, scale. frames: int32[n] a bone, with which every watched vertex is off by `allowed`,
    metres, at most; that still holds for what is returned.
    """
    return _Thinning(tracks, list(frames), surface, allowed).done(progress)


class _Thinning:
    """The keys that are left, and the ones that may go, the cheapest first."""

    def __init__(self, tracks: Sequence[Track], frames: list[Int32], surface: WatchedSurface, allowed: float) -> None:
        self.tracks, self.frames, self.surface = tracks, frames, surface
        self.limit = ((1 - SPARED) * allowed) ** 2
        self.played = PlayedSurface(surface, np.stack([surface.local(bone, tracks[bone].played(keys)) for bone, keys in enumerate(frames)], 1))
        self.spent = _spent(self.played.off, self.limit)
        self.queue: list[tuple[float, int, int]] = []  # the cost when last asked, bone, frame of the key

    def done(self, progress: Progress) -> list[Int32]:
        """The keys that must stay."""
        for bone, keys in enumerate(self.frames):
            progress(0.5 * bone / len(self.frames), "choosing keys")
            for frame in keys[1:-1].tolist():
                self._offer(bone, frame)
            self._offer_stillness(bone)
        offered = len(self.queue)
        while self.queue:
            cost, bone, frame = heapq.heappop(self.queue)
            again, fewer, trial = self._cost(bone, frame)
            if not np.isfinite(again):
                continue
            if self.queue and again > max(cost, self.queue[0][0]):
                heapq.heappush(self.queue, (again, bone, frame))  # others went since: it has become dearer than the next
                continue
            self._leave(bone, fewer, trial)
            progress(1 - 0.5 * len(self.queue) / offered, "choosing keys")
        return self.frames

    def _offer(self, bone: int, frame: int) -> None:
        """Put a key into the queue, if it may go. One that may not now will not later: what is spent grows."""
        cost, *_ = self._cost(bone, frame)
        if np.isfinite(cost):
            heapq.heappush(self.queue, (cost, bone, frame))

    def _offer_stillness(self, bone: int) -> None:
        """A bone with but a key at each end may lose the last, and stand still."""
        if len(self.frames[bone]) == 2:
            self._offer(bone, int(self.frames[bone][-1]))

    def _cost(self, bone: int, frame: int) -> tuple[float, Int32, Trial]:
        """What the surface would lose without a bone's key, infinite where it would be too much; the keys left; what the bone then does."""
        keys = self.frames[bone]
        fewer = keys[keys != frame]
        trial = self.played.tried(bone, self.surface.local(bone, self.tracks[bone].played(fewer)))
        rows = self.surface.rows[bone]
        spent = _spent(trial.off, self.limit)
        if spent.max(initial=0.0) > 1:
            return np.inf, fewer, trial
        return float((spent**4).sum() - (self.spent[rows] ** 4).sum()), fewer, trial

    def _leave(self, bone: int, fewer: Int32, trial: Trial) -> None:
        self.frames[bone] = fewer
        self.played.take(trial)
        self.spent[self.surface.rows[bone]] = _spent(trial.off, self.limit)
        self._offer_stillness(bone)


def _spent(off: Float32, limit: float) -> Float32:
    """[n, T]: squared distances over the limit's, which is a square too."""
    return np.asarray(np.einsum("ntc,ntc->nt", off, off) / limit, np.float32)
