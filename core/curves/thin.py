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
        self.queue: list[tuple[float, int, bytes, bytes]] = []

    def done(self, progress: Progress) -> list[Int32]:
        keys = sum(len(one) for one in self.frames)
        for bone in range(len(self.frames)):
            progress(0.5 * bone / len(self.frames), "choosing keys")
            self._offer(bone)
        while self.queue:
            cost, bone, before, fewer = heapq.heappop(self.queue)
            if before != self.frames[bone].tobytes():
                continue
            again, trial = self._cost(bone, np.frombuffer(fewer, np.int32))
            if self.queue and np.isfinite(again) and again > max(cost, self.queue[0][0]):
                heapq.heappush(self.queue, (again, bone, before, fewer))  # others went since: it has become dearer than the next
            elif np.isfinite(again):
                self._leave(bone, np.frombuffer(fewer, np.int32), trial)
                progress(1 - 0.5 * sum(len(one) for one in self.frames) / keys, "choosing keys")
        return self.frames

    def _offer(self, bone: int) -> None:
        """Put what the bone may leave out into the queue."""
        keys = self.frames[bone]
        choices = [keys[:1]] if len(keys) == 2 else [np.delete(keys, index) for index in range(1, len(keys) - 1)]
        for fewer in choices:
            cost, _ = self._cost(bone, fewer)
            if np.isfinite(cost):
                heapq.heappush(self.queue, (cost, bone, keys.tobytes(), fewer.tobytes()))

    def _cost(self, bone: int, fewer: Int32) -> tuple[float, Trial]:
        """What the surface would lose, infinite where it would be too much."""
        trial = self.played.tried(bone, self.surface.local(bone, self.tracks[bone].played(fewer)))
        rows = self.surface.rows[bone]
        spent = _spent(trial.off, self.limit)
        if spent.max(initial=0.0) > 1:
            return np.inf, trial
        return float((spent**4).sum() - (self.spent[rows] ** 4).sum()), trial

    def _leave(self, bone: int, fewer: Int32, trial: Trial) -> None:
        self.frames[bone] = fewer.copy()
        self.played.take(trial)
        self.spent[self.surface.rows[bone]] = _spent(trial.off, self.limit)
        self._offer(bone)


def _spent(off: Float32, limit: float) -> Float32:
    """[n, T]: squared distances over the limit's, which is a square too."""
    return np.asarray(np.einsum("ntc,ntc->nt", off, off) / limit, np.float32)
