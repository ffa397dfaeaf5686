"""From a pose on every frame to few keys, with a bound on what the surface loses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..settings import CurveSettings
from ..types import Float32, Float64, Int32, Keys, Mesh, Motion, Progress, Rig, Tissue, no_progress
from .reduce import Track, reduce_keys

Skin = Callable[[Motion], Float32 | Float64]
"""Surface points [T, S, 3] of a motion, metres; a sample of the vertices is enough."""

STILL = 1e-5
"""A bone that moves its part of the surface by less, as a fraction of the diagonal, stands still."""
LEAST_WEIGHT = 0.05
"""A bone reaches as far as the vertices on which it weighs at least this much."""
TISSUE_SHARE = 0.2
"""Part of the tolerance that the shape keys may use up."""
ROUNDS = 7
"""Tolerances tried for the bones."""
LOOSER = (4.0, 2.0, 1.4)
"""Tolerances tried for single bones, of the one that all can have."""


def choose_keys(
    mesh: Mesh, rig: Rig, motion: Motion, tissue: Tissue | None, settings: CurveSettings, skin: Skin, progress: Progress = no_progress
) -> Keys:
    """Choose each bone's key frames; the same for all channels of a bone.

    The Bezier curves through the keys (`bezier_through`) then play back the motion with every surface point within
    `settings.key_tolerance` percent of the diagonal at every frame; measured on what `skin` returns, not estimated.
    tissue: the shape keys on top, or None. skin: see `Skin`; called a few times. Raises nothing of its own.
    """
    count = len(motion.rotations)
    levers = lever_lengths(mesh, rig)
    still = STILL * mesh.diagonal
    if settings.every_frame or count < 3:
        return _key_every_frame(motion, tissue, levers, still)
    allowed = settings.key_tolerance / 100 * mesh.diagonal
    tissue_keys, tissue_error = _tissue_keys(tissue, TISSUE_SHARE * allowed)
    full = np.asarray(skin(motion), np.float64)
    tracks = [_track(motion, bone, float(lever)) for bone, lever in enumerate(levers)]
    allowed -= tissue_error
    playback = Playback(motion, tracks)

    def missed_by(tried: Sequence[Int32]) -> float:
        return float(np.linalg.norm(np.asarray(skin(playback.through(tried)), np.float64) - full, axis=-1).max())

    found, error = list(_key_every_frame(motion, None, levers, still).frames), 0.0
    # Errors add up along a chain of bones, by how much only the surface tells: bisect for the loosest tolerance that holds.
    loose, tight = 1.0, 0.0
    for step in range(ROUNDS):
        progress(step / ROUNDS, "choosing keys")
        share = loose if step == 0 else (loose + tight) / 2 if tight > 0 else loose / 2
        tried = [reduce_keys(track, max(still, share * allowed)) for track in tracks]
        missed = missed_by(tried)
        if missed <= allowed:
            found, error, tight = tried, missed, share
            if step == 0:
                break
        else:
            loose = share
    for bone in sorted(range(len(tracks)), key=lambda bone: -len(found[bone])):
        for factor in LOOSER:
            tried = [*found[:bone], reduce_keys(tracks[bone], factor * tight * allowed), *found[bone + 1 :]]
            if len(tried[bone]) < len(found[bone]) and (missed := missed_by(tried)) <= allowed:
                found, error = tried, missed
                break
    return Keys(tuple(found), tissue_keys, (error + tissue_error) / mesh.diagonal)


def choose_tissue_keys(mesh: Mesh, tissue: Tissue, settings: CurveSettings, bones: int) -> Keys:
    """The key frames of shape keys on bones that have keys already: one frame, the first, stands for each of those."""
    once = np.zeros(1, np.int32)
    if settings.every_frame or len(tissue.values) < 3:
        return Keys((once,) * bones, np.arange(len(tissue.values), dtype=np.int32), 0.0)
    frames, error = _tissue_keys(tissue, TISSUE_SHARE * settings.key_tolerance / 100 * mesh.diagonal)
    return Keys((once,) * bones, frames, error / mesh.diagonal)


@dataclass(frozen=True)
class Playback:
    """Plays a motion through few keys; what a bone plays is worked out once for each choice of its keys.

    tracks: one a bone, with its channels in the order of `_track`.
    """

    motion: Motion
    tracks: Sequence[Track]
    _played: dict[tuple[int, bytes], Float64] = field(default_factory=dict)

    def through(self, frames: Sequence[Int32]) -> Motion:
        """The motion that Bezier curves through the given key frames, int32[n] a bone, play back."""
        curves = np.stack([self._curves(bone, keys) for bone, keys in enumerate(frames)], 1)
        rotations = curves[..., :4] / np.linalg.norm(curves[..., :4], axis=2, keepdims=True)
        return replace(self.motion, rotations=rotations, translations=curves[..., 4:7], scales=curves[..., 7:])

    def _curves(self, bone: int, keys: Int32) -> Float64:
        choice = bone, keys.tobytes()
        if choice not in self._played:
            self._played[choice] = self.tracks[bone].played(keys)
        return self._played[choice]


def reduced(motion: Motion, frames: Sequence[Int32]) -> Motion:
    """The motion that Bezier curves through the given key frames, int32[n] a bone, play back."""
    return Playback(motion, [_track(motion, bone, 1.0) for bone in range(len(frames))]).through(frames)


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
        norms = np.linalg.norm(one[:, :4], axis=1) * np.linalg.norm(other[:, :4], axis=1)
        cosine = np.clip((one[:, :4] * other[:, :4]).sum(1) / norms, -1, 1)
        # The chord of an angle a is 2 sin(a / 2), and the quaternions' cosine is cos(a / 2).
        turned = 2 * np.sqrt(1 - cosine * cosine)
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
