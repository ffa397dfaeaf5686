"""From a pose on every frame to few keys, with a bound on what the surface loses."""

from collections.abc import Sequence

import numpy as np

from ..settings import CurveSettings
from ..types import Float64, Int32, Keys, Mesh, Motion, Progress, Rig, Tissue, no_progress
from .reduce import Track, reduce_keys
from .thin import played_motion, thinned
from .watched import WatchedSurface

STILL = 1e-5
"""A bone that moves its part of the surface by less, as a fraction of the diagonal, stands still."""
LEAST_WEIGHT = 0.05
"""A bone reaches as far as the vertices on which it weighs at least this much."""
TISSUE_SHARE = 0.2
"""Part of the tolerance that the shape keys may use up."""
FIRST_SHARE = 0.3
"""Part of the tolerance that each bone may use up before keys are left out by what the surface loses."""
ROUNDS = 6
"""Such parts tried, each half of the one before; then the bones are keyed on every frame."""


def choose_keys(mesh: Mesh, rig: Rig, motion: Motion, tissue: Tissue | None, settings: CurveSettings, progress: Progress = no_progress) -> Keys:
    """Choose each bone's key frames; the same for all channels of a bone.

    The Bezier curves through the keys (`bezier_through`) then play back the motion with every surface point within
    `settings.key_tolerance` percent of the diagonal at every frame; measured on watched vertices (see `WatchedSurface`), not estimated.
    tissue: the shape keys on top, or None. Raises nothing of its own.
    """
    levers = lever_lengths(mesh, rig)
    still = STILL * mesh.diagonal
    if settings.every_frame or len(motion.rotations) < 3:
        return _key_every_frame(motion, tissue, levers, still)
    allowed = settings.key_tolerance / 100 * mesh.diagonal
    tissue_keys, tissue_error = _tissue_keys(tissue, TISSUE_SHARE * allowed)
    tracks = [_track(motion, bone, float(lever)) for bone, lever in enumerate(levers)]
    allowed -= tissue_error
    surface = WatchedSurface(rig, motion)
    first, missed = _first_keys(tracks, surface, allowed, still)
    if missed > allowed:
        return Keys(_key_every_frame(motion, None, levers, still).frames, tissue_keys, tissue_error / mesh.diagonal)
    found, missed = thinned(tracks, first, surface, allowed, progress)
    return Keys(tuple(found), tissue_keys, (missed + tissue_error) / mesh.diagonal)


def _first_keys(tracks: Sequence[Track], surface: WatchedSurface, allowed: float, still: float) -> tuple[list[Int32], float]:
    """Keys of each bone by itself, and the most that the surface misses by them, metres.

    Errors add up along a chain of bones, by how much only the surface tells.
    """
    for step in range(ROUNDS):
        found = [reduce_keys(track, max(still, FIRST_SHARE / 2**step * allowed)) for track in tracks]
        missed = surface.missed(played_motion(surface.motion, tracks, found))
        if missed <= allowed:
            break
    return found, missed


def choose_tissue_keys(mesh: Mesh, tissue: Tissue, settings: CurveSettings, bones: int) -> Keys:
    """The key frames of shape keys on bones that have keys already: one frame, the first, stands for each of those."""
    once = np.zeros(1, np.int32)
    if settings.every_frame or len(tissue.values) < 3:
        return Keys((once,) * bones, np.arange(len(tissue.values), dtype=np.int32), 0.0)
    frames, error = _tissue_keys(tissue, TISSUE_SHARE * settings.key_tolerance / 100 * mesh.diagonal)
    return Keys((once,) * bones, frames, error / mesh.diagonal)


def reduced(motion: Motion, frames: Sequence[Int32]) -> Motion:
    """The motion that Bezier curves through the given key frames, int32[n] a bone, play back."""
    return played_motion(motion, [_track(motion, bone, 1.0) for bone in range(len(frames))], frames)


def lever_lengths(mesh: Mesh, rig: Rig) -> Float64:
    """float64[B]: how far from each joint the surface reaches that turns with it, its descendants' included, metres."""
    levers = np.linalg.norm(rig.tails - rig.heads, axis=1)
    strong = rig.weights >= LEAST_WEIGHT
    owned = [mesh.vertices[((rig.influences == bone) & strong).any(1)].astype(np.float64) for bone in range(len(levers))]
    for bone, points in enumerate(owned):
        ancestor = bone
        while ancestor >= 0:
            if len(points):
                levers[ancestor] = max(levers[ancestor], float(np.linalg.norm(points - rig.heads[ancestor], axis=1).max()))
            ancestor = int(rig.parents[ancestor])
    return levers


def _track(motion: Motion, bone: int, lever: float) -> Track:
    """A bone's channels, and the distance, metres, by which two poses of it move the surface apart."""
    samples = np.concatenate([motion.rotations[:, bone], motion.translations[:, bone], motion.scales[:, bone]], 1)

    def distance(one: Float64, other: Float64) -> Float64:
        unit, others = (turns[:, :4] / np.linalg.norm(turns[:, :4], axis=1, keepdims=True) for turns in (one, other))
        apart = ((unit - others) ** 2).sum(1)
        # The chord of an angle a is 2 sin(a / 2), the quaternions' 2 sin(a / 4).
        turned = np.sqrt(apart * np.maximum(4 - apart, 0))
        return lever * (turned + np.abs(one[:, 7:] - other[:, 7:]).max(1)) + np.linalg.norm(one[:, 4:7] - other[:, 4:7], axis=1)

    return Track.of(samples, distance, (slice(0, 4), slice(4, 7), slice(7, 10)))


def _tissue_keys(tissue: Tissue | None, allowed: float) -> tuple[Int32, float]:
    """Key frames of the shape keys and the most, in metres, that the surface strays by them."""
    if tissue is None or not len(tissue.names):
        return np.zeros(0, np.int32), 0.0
    largest = np.linalg.norm(tissue.offsets, axis=2).max(1).astype(np.float64)
    values = tissue.values.astype(np.float64)

    def distance(one: Float64, other: Float64) -> Float64:
        return np.abs(one - other) @ largest

    track = Track.of(values, distance)
    keys = reduce_keys(track, allowed)
    return keys, float(track.errors(keys).max())


def _key_every_frame(motion: Motion, tissue: Tissue | None, levers: Float64, still: float) -> Keys:
    """A key on every frame of every bone that moves."""
    every, once = np.arange(len(motion.rotations), dtype=np.int32), np.zeros(1, np.int32)
    frames = tuple(once if _track(motion, bone, float(lever)).stands_still(still) else every for bone, lever in enumerate(levers))
    return Keys(frames, np.zeros(0, np.int32) if tissue is None else every, 0.0)
