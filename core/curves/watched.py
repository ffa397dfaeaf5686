"""How far the surface strays where bones play curves instead of the motion; measured on vertices that are watched.

A vertex is linear in the bones' matrices (linear blend skinning), and what hangs below a bone moves along with it as one. So the
effect of another curve on one bone is one matrix product over the vertices below it.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..bone_scale import bone_axes
from ..pose import local_motion, world_motion
from ..types import Float32, Float64, Int64, Motion, Rig

WATCHED = 3000
"""About as many vertices are watched, and the outermost ones: moving all of a large mesh so often would take long."""

OUTWARD = np.array([(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if (x, y, z) != (0, 0, 0)], np.float64)
"""Directions in which the outermost vertices are looked for."""


class WatchedSurface:
    """Watched vertices of a rig under a motion.

    motion: what should be played. order: int64[B], bones with all that hangs below one right behind it. spans: for each bone, its place in
    that order and the place behind the last bone below it. rows: for each bone, int64[n], the watched vertices that it and the bones below it
    move. touching: for each bone, int64[m], the bones with some of the same rows. weights: float32[S, B, 4], in that order: weight times (where the bone puts the vertex in frame 0, 1).
    """

    def __init__(self, rig: Rig, motion: Motion) -> None:
        watched = _watched(rig)
        self.rig = replace(rig, influences=rig.influences[watched], weights=rig.weights[watched], rest=rig.rest[watched])
        self.motion = motion
        self.axes = bone_axes(rig)
        self.order, self.spans = _depth_first(rig.parents.tolist())
        self.centre = rig.rest.astype(np.float64).mean(0)  # keeps single precision good for subjects far from the world's origin
        self.weights = self._weights()
        moved = (self.weights[..., 3] != 0).cumsum(1)
        self.rows = [np.flatnonzero(moved[:, end - 1] > (moved[:, start - 1] if start else 0)) for start, end in self.spans]
        self.true = world_motion(rig, motion)[:, self.order]
        self.touching = self._touching()

    def local(self, bone: int, channels: Float64) -> Float64:
        """float64[T, 4, 4]: what a bone does in its parent, of channels [T, 10]: rotation (of any length), translation, scale."""
        turn = channels[:, :4] / np.linalg.norm(channels[:, :4], axis=1, keepdims=True)
        return local_motion(turn, channels[:, 4:7], channels[:, 7:], self.rig.heads[bone], self.axes[bone])

    def missed(self, played: Motion) -> float:
        """The farthest that a watched vertex is off, metres, at any frame."""
        return float(np.sqrt(self.strayed(world_motion(self.rig, played)[:, self.order] - self.true).max(initial=0.0)))

    def strayed(self, change: Float64) -> Float64:
        """float64[S, T]: squared distances by which changes [T, B, 4, 4] of the bones' matrices (in `order`) move the vertices."""
        moved = self.moved(np.arange(len(self.weights)), (0, len(self.order)), change)
        return (moved.astype(np.float64) ** 2).sum(1)

    def moved(self, rows: Int64, span: tuple[int, int], change: Float64) -> Float32:
        """float32[n, 3, T]: by what changes [T, D, 4, 4] of the matrices of the bones in a span of the order move some vertices."""
        return self.carried(rows, span, self.centred(change)[:, :3].reshape(len(change), 3, -1))

    def centred(self, matrices: Float64) -> Float64:
        """float64[T, 4, D, 4], row by row: matrices [T, D, 4, 4] for points that are told from the centre."""
        matrices = matrices.swapaxes(1, 2).copy()
        matrices[..., 3] += matrices[..., :3] @ self.centre
        return matrices

    def carried(self, rows: Int64, span: tuple[int, int], change: Float64) -> Float32:
        """float32[n, 3, T]: the same as `moved`, by what `centred` gives, float64[T, 3, 4 D]."""
        columns = change.transpose(2, 1, 0).reshape(-1 if change.size else 4 * (span[1] - span[0]), 3 * len(change)).astype(np.float32)
        weights = self.weights[rows, span[0] : span[1]].reshape(len(rows), len(columns))
        return (weights @ columns).reshape(len(rows), 3, len(change))

    @property
    def frame_count(self) -> int:
        """T."""
        return len(self.true)

    def _touching(self) -> list[Int64]:
        mine = np.zeros((len(self.rows), len(self.weights)), np.float32)
        for bone, rows in enumerate(self.rows):
            mine[bone, rows] = 1.0
        return [np.flatnonzero(shared) for shared in mine @ mine.T]

    def _weights(self) -> Float32:
        rig = self.rig
        result = np.zeros((len(rig.rest), len(rig.parents), 4))
        vertices, rest = np.arange(len(rig.rest)), rig.rest.astype(np.float64)
        for bones, weights in zip(rig.influences.T, rig.weights.T, strict=True):
            starts = (rig.bind[bones, :, :3] @ rest[:, :, None])[..., 0] + rig.bind[bones, :, 3] - self.centre
            result[vertices, bones] += weights[:, None] * np.concatenate([starts, np.ones((len(rest), 1))], 1)
        return result[:, self.order].astype(np.float32)


@dataclass(frozen=True)
class Trial:
    """What another curve on one bone does on some frames. local: float64[F, 4, 4]. world: float64[F, 4, 4 D], of the bones in its span, as
    in `PlayedSurface`. off: float32[n, 3, F], of its rows."""

    bone: int
    frames: slice
    rows: Int64
    local: Float64
    world: Float64
    off: Float32


class PlayedSurface:
    """The surface while bones play curves; one bone's curve is changed at a time.

    local: float64[T, B, 4, 4], what each bone does in its parent. world: float64[T, 4, 4 B], what it does to points that are told from the
    centre (see `WatchedSurface.centred`), in the surface's order. off: float32[S, 3, T], by what each watched vertex is off, metres.
    """

    def __init__(self, surface: WatchedSurface, local: Float64) -> None:
        """local: see above."""
        self.surface = surface
        self.local = local.copy()
        parents = surface.rig.parents.tolist()
        world = local.copy()
        for bone, parent in enumerate(parents):
            if parent >= 0:
                world[:, bone] = world[:, parent] @ local[:, bone]
        world = world[:, surface.order]
        self.world = surface.centred(world).reshape(len(world), 4, -1)
        self.off = surface.moved(np.arange(len(surface.weights)), (0, len(parents)), world - surface.true)

    def tried(self, bone: int, first: int, local: Float64, every: int = 1) -> Trial:
        """What follows where a bone does `local` [F, 4, 4] in its parent, from the frame `first` on; looked at on every so-many-th of its rows."""
        frames = slice(first, first + len(local))
        start, end = span = self.surface.spans[bone]
        before = self.world[frames, :, 4 * start : 4 * end]
        own = before[..., :4].copy()
        own[..., 3] -= own[..., :3] @ self.surface.centre
        # What hangs below the bone moves as one: by what the bone did, undone, and what it does now.
        moved = own @ np.linalg.inv(self.local[frames, bone]) @ local @ np.linalg.inv(own)
        change = (moved - np.eye(4)) @ before
        rows = self.surface.rows[bone][::every]
        off = self.off[rows, :, frames] + self.surface.carried(rows, span, change[:, :3])
        return Trial(bone, frames, rows, local, before + change, off)

    def take(self, trial: Trial) -> None:
        """Go on with what was tried."""
        start, end = self.surface.spans[trial.bone]
        self.local[trial.frames, trial.bone] = trial.local
        self.world[trial.frames, :, 4 * start : 4 * end] = trial.world
        self.off[trial.rows, :, trial.frames] = trial.off


def _watched(rig: Rig) -> Int64:
    """int64[S], the vertices to be watched: all of a small mesh; of a large one every so-many-th, and of each bone's own the outermost ones.

    What a bone carries alone strays farthest at a corner of its convex hull, for how far a point strays is a convex function of its place.
    """
    step = len(rig.rest) // WATCHED
    if step <= 1:
        return np.arange(len(rig.rest))
    owner = rig.influences[np.arange(len(rig.rest)), rig.weights.argmax(1)]
    outermost = [np.arange(0, len(rig.rest), step)]
    for bone in np.unique(owner):
        own = np.flatnonzero(owner == bone)
        outermost.append(own[(rig.rest[own] @ OUTWARD.T).argmax(0)])
    return np.unique(np.concatenate(outermost))


def _depth_first(parents: list[int]) -> tuple[Int64, list[tuple[int, int]]]:
    """See `WatchedSurface.order` and `spans`."""
    counts = np.ones(len(parents), np.int64)
    for bone in reversed(range(len(parents))):
        if parents[bone] >= 0:
            counts[parents[bone]] += counts[bone]
    place: NDArray[np.int64] = np.zeros(len(parents), np.int64)
    used = counts * 0 + 1  # of a bone's span, itself and the children so far
    roots = 0
    for bone, parent in enumerate(parents):
        if parent < 0:
            place[bone], roots = roots, roots + counts[bone]
        else:
            place[bone] = place[parent] + used[parent]
            used[parent] += counts[bone]
    return np.argsort(place), [(int(start), int(start + count)) for start, count in zip(place, counts, strict=True)]
