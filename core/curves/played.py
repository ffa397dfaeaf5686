"""A track's curves while keys are left out of them, one at a time.

The best curve without a key differs from the best one with it everywhere, yet less with each key further away, by a factor of about
five. So it is found near the key alone, as far as it makes a difference, and time does not depend on how long the track is.
"""

from dataclasses import dataclass

import numpy as np

from ..types import Float64, Int32
from .pieces import Held, Pieces, best_pieces
from .reduce import Track

NEAR = 6
"""Keys on either side of one left out that are moved at first; twice as many where that does not suffice."""
FURTHER = 2
"""Pieces at the ends of what is moved in which no difference may be left."""


@dataclass(frozen=True)
class Change:
    """What a track does without one of its keys.

    keys: int32[n], those left, of the whole track. first: the first frame that is different. channels: float64[F, C], from there on.
    around: slice of `keys` that were found anew, with `pieces` between them, one entry a group of channels.
    """

    keys: Int32
    first: int
    channels: Float64
    around: slice
    pieces: tuple[Pieces, ...]


class PlayedTrack:
    """The best curves through a track's keys.

    keys: int32[n]. channels: float64[T, C], what is played; each frame is off by less than the smallest difference that was asked for.
    """

    def __init__(self, track: Track, keys: Int32) -> None:
        self.track = track
        self.keys = keys
        self.channels = track.samples[:1].repeat(len(track.samples), 0)
        shape = track.samples.shape
        # Values and slopes on both sides, on the frames of the keys.
        self._values, self._into, self._out = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        if len(keys) > 1:
            pieces = self._found(keys, whole=(True, True))
            self.channels = self._channels(keys, pieces)
            self._keep(slice(0, len(keys)), pieces)

    def without(self, frame: int, least: float) -> Change:
        """What follows where the key at a frame is left out: all frames on which the track then differs by more than `least`, its distance's unit.

        Of two keys left the last may go: the track then stands still.
        """
        at = int(np.searchsorted(self.keys, frame))
        left = np.delete(self.keys, at)
        if len(left) == 1:
            return self._changed(left, slice(0, 1), (), np.repeat(self.track.samples[:1], len(self.channels), 0), (0, len(self.channels)), least)
        near = NEAR
        while True:
            around = slice(max(0, at - near), min(len(left), at + near))
            whole = (around.start == 0, around.stop == len(left))
            pieces = self._found(left[around], whole)
            change = self._changed(left, around, pieces, self._channels(left[around], pieces), (int(left[at - 1]), int(left[at])), least)
            if self._ends_calm(change, whole):
                return change
            near *= 2

    def take(self, change: Change) -> None:
        """Go on with a change."""
        self.keys = change.keys
        self.channels[change.first : change.first + len(change.channels)] = change.channels
        if change.pieces:
            self._keep(change.around, change.pieces)

    def _found(self, keys: Int32, whole: tuple[bool, bool]) -> tuple[Pieces, ...]:
        """The best pieces between some keys. whole: at begin and end, whether the track ends there; if not, the curve goes on as it is."""
        track, frames = self.track, slice(keys[0], keys[-1] + 1)
        which = np.zeros((len(keys), 2), bool)
        which[0], which[-1] = (True, not whole[0]), not whole[1]
        found = []
        for group, sharp in zip(track.groups, track.sharp, strict=True):
            samples = track.samples[frames, group]
            known = np.zeros((len(keys), 2, samples.shape[1]))
            known[0, 0] = track.samples[0, group] if whole[0] else self._values[keys[0], group]
            if not whole[0]:
                known[0, 1] = self._out[keys[0], group]
            if not whole[1]:
                known[-1] = self._values[keys[-1], group], self._into[keys[-1], group]
            corner = sharp[keys]
            corner[[0, -1]] = False
            found.append(best_pieces(samples, keys, corner, Held(which, known)))
        return tuple(found)

    def _channels(self, keys: Int32, pieces: tuple[Pieces, ...]) -> Float64:
        """float64[F, C] from the first of the keys to the last."""
        result = self.track.samples[:1].repeat(keys[-1] + 1 - keys[0], 0)
        for group, piece in zip(self.track.groups, pieces, strict=True):
            result[:, group] = piece.played
        return result

    def _changed(self, left: Int32, around: slice, pieces: tuple[Pieces, ...], channels: Float64, beside: tuple[int, int], least: float) -> Change:
        """The change, of frames that differ by more than `least`, and of those between the keys `beside` the one left out."""
        start = int(left[around.start])
        differs = self.track.distance(channels, self.channels[start : start + len(channels)]) > least
        differs[beside[0] + 1 - start : beside[1] - start] = True
        first, stop = int(differs.argmax()), len(differs) - int(differs[::-1].argmax())
        return Change(left, start + first, channels[first:stop], around, pieces)

    def _ends_calm(self, change: Change, whole: tuple[bool, bool]) -> bool:
        """Whether nothing differs near the ends of what was found anew, but where the track ends."""
        keys = change.keys[change.around]
        stop = change.first + len(change.channels)
        return bool((whole[0] or change.first >= keys[FURTHER]) and (whole[1] or stop <= keys[-1 - FURTHER] + 1))

    def _keep(self, around: slice, pieces: tuple[Pieces, ...]) -> None:
        keys = self.keys[around]
        for group, piece in zip(self.track.groups, pieces, strict=True):
            self._values[keys, group] = piece.values
            self._into[keys[1:], group] = piece.slope_in[1:]
            self._out[keys[:-1], group] = piece.slope_out[:-1]
