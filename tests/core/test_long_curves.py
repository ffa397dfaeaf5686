"""Long clips: what is worked out near a key is what the whole curve does, and the work grows with the clip, no faster."""

from dataclasses import replace

import numpy as np
import pytest
from animamimic.core.curves import bezier_through, choose_keys, evaluate, reduced, thin
from animamimic.core.curves.banded import BLOCK, solve_forms
from animamimic.core.curves.choose import _track
from animamimic.core.curves.played import PlayedTrack
from animamimic.core.curves.reduce import Track
from animamimic.core.curves.thin import _Thinning, thinned
from animamimic.core.curves.watched import PlayedSurface, WatchedSurface
from animamimic.core.settings import CurveSettings
from animamimic.core.types import no_progress

from .test_curves import chain, distance, smooth_motion, swing, walking


@pytest.mark.parametrize("size", [5, 2 * BLOCK, 2 * BLOCK + 1, 3 * BLOCK, 200])
def test_banded_equations_are_solved_as_full_ones(size):
    random = np.random.default_rng(size)
    columns = np.arange(size - 4)[:, None] + np.array([0, 2, 4, 1])
    half = random.normal(size=(len(columns), 4, 4))
    forms, diagonal, right = half @ half.swapaxes(1, 2), random.uniform(0.1, 1, size), random.normal(size=(size, 3))
    full = np.diag(diagonal)
    for where, form in zip(columns, forms, strict=True):
        full[np.ix_(where, where)] += form
    np.testing.assert_allclose(solve_forms(columns, forms, right, diagonal), np.linalg.solve(full, right), rtol=1e-7, atol=1e-9)


def test_a_curve_of_many_keys_is_the_best_one():
    """More unknowns than a block: at the least squares every small change of a value or a slope costs, to either side alike."""
    samples = smooth_motion(1, channels=1, frames=400)
    frames = np.arange(0, 400, 7, dtype=np.int32)
    samples = samples[: frames[-1] + 1]
    keys = bezier_through(samples, frames)
    times = np.arange(len(samples))
    best = np.sum((evaluate(keys, times) - samples) ** 2)
    for at in (1, 30, len(frames) - 1):
        moved = []
        for change in (-0.01, 0.01):
            parts = [part.copy() for part in (keys.values, keys.left[..., 1], keys.right[..., 1])]
            for part in parts:
                part[at] += change
            left, right = np.stack([keys.left[..., 0], parts[1]], -1), np.stack([keys.right[..., 0], parts[2]], -1)
            moved.append(np.sum((evaluate(replace(keys, values=parts[0], left=left, right=right), times) - samples) ** 2) - best)
        assert min(moved) > 0
        assert moved[0] == pytest.approx(moved[1], rel=0.05)  # but for the little that bending weighs


@pytest.fixture
def long_track():
    samples = smooth_motion(2, channels=3, frames=600)
    samples[300:] += 3.0 * np.arange(300)[:, None]  # a corner at frame 300
    return Track.of(samples, distance), np.arange(0, 600, 12, dtype=np.int32)


@pytest.mark.parametrize("frame", [12, 288, 300, 576])
def test_what_a_key_does_is_found_near_it(long_track, frame):
    """As far as it makes a difference, and there as the whole curve without the key has it."""
    track, keys = long_track
    keys = np.append(keys, 599).astype(np.int32)
    assert track.sharp[0][300]
    played = PlayedTrack(track, keys)
    np.testing.assert_allclose(played.channels, track.played(keys), atol=1e-9)
    change = played.without(frame, 1e-6)
    whole = track.played(np.setdiff1d(keys, [frame]))
    found = slice(change.first, change.first + len(change.channels))
    np.testing.assert_allclose(change.channels, whole[found], atol=1e-6)
    differs = np.flatnonzero(distance(whole, played.channels) > 2e-6)
    assert found.start <= differs[0] and differs[-1] < found.stop
    assert len(change.channels) < 300
    if abs(frame - 300) > 12:  # what a corner's key does is a million times the least difference
        assert change.around.stop - change.around.start < 30


def test_the_frames_between_the_keys_beside_one_always_count(long_track):
    track, keys = long_track
    change = PlayedTrack(track, np.append(keys, 599).astype(np.int32)).without(120, 1e6)
    assert change.first == 109 and len(change.channels) == 23


def test_many_keys_gone_leave_the_best_curve(long_track):
    track, keys = long_track
    played = PlayedTrack(track, np.append(keys, 599).astype(np.int32))
    for frame in np.random.default_rng(0).permutation(keys[1:])[:30]:
        played.take(played.without(int(frame), 1e-6))
    assert len(played.keys) == len(keys) + 1 - 30
    np.testing.assert_allclose(played.channels, track.played(played.keys), atol=1e-5)


def test_a_track_that_loses_its_last_key_stands_still():
    track = Track.of(smooth_motion(0, frames=50), distance)
    played = PlayedTrack(track, np.array([0, 49], np.int32))
    played.take(played.without(49, 1e-6))
    assert played.keys.tolist() == [0]
    np.testing.assert_array_equal(played.channels, np.repeat(track.samples[:1], 50, 0))


def test_the_surface_of_a_long_clip_stays_within_the_tolerance():
    mesh, rig, skin = chain(4)
    motion = walking(rig, frames=200)
    keys = choose_keys(mesh, rig, motion, None, CurveSettings())
    missed = np.linalg.norm(skin(reduced(motion, keys.frames)) - skin(motion), axis=-1).max()
    assert 0.8 * 0.0025 * mesh.diagonal < missed <= 0.0025 * mesh.diagonal
    assert keys.surface_error == pytest.approx(missed / mesh.diagonal)
    assert np.mean([len(frames) for frames in keys.frames]) / 200 < 0.25


def test_the_work_grows_with_the_clip_and_no_faster(monkeypatch):
    """Counted, not timed: the frames of the surface that trials look at."""
    looked = []
    tried = PlayedSurface.tried

    def counted(self, bone, first, local, every=1):
        looked.append(len(local))
        return tried(self, bone, first, local, every)

    monkeypatch.setattr(PlayedSurface, "tried", counted)
    mesh, rig, _ = chain(2)
    work = {}
    for frames in (120, 240):
        looked.clear()
        choose_keys(mesh, rig, walking(rig, frames=frames), None, CurveSettings())
        work[frames] = sum(looked)
    assert work[240] < 2.4 * work[120]


def test_what_was_asked_before_is_asked_again_only_where_something_changed(monkeypatch):
    """The keys are those of asking every time."""
    mesh, rig, _ = chain(4)
    motion = walking(rig, frames=90)
    for bone in range(4):  # no two steps are alike
        axis = np.random.default_rng(bone).normal(size=3)
        motion.rotations[:, bone] = swing(0.2 * smooth_motion(bone, channels=1, frames=90)[:, 0], axis / np.linalg.norm(axis))
    remembered = choose_keys(mesh, rig, motion, None, CurveSettings())
    monkeypatch.setattr(_Thinning, "_changed", lambda *_: True)
    asked = choose_keys(mesh, rig, motion, None, CurveSettings())
    assert [frames.tolist() for frames in remembered.frames] == [frames.tolist() for frames in asked.frames]


def test_keys_go_back_where_too_much_was_overlooked(monkeypatch):
    """Trials that are blind to most of what they do let too many keys go; the bound holds all the same."""
    mesh, rig, _ = chain(3)
    motion = walking(rig, frames=80)
    surface, allowed = WatchedSurface(rig, motion), 0.0025 * mesh.diagonal
    tracks = [_track(motion, bone, 1.0) for bone in range(3)]
    every = [np.arange(0, 80, dtype=np.int32)] * 3
    monkeypatch.setattr(thin, "TOLD", 100.0)
    monkeypatch.setattr(thin, "NOTICED", 100.0)
    found, missed = thinned(tracks, every, surface, allowed)
    assert missed <= allowed
    assert missed == surface.missed(thin.played_motion(motion, tracks, found))
    assert sum(map(len, found)) < 240


@pytest.mark.parametrize("counted", [300, 1])
def test_trials_know_the_surface_but_for_traces(counted, monkeypatch):
    """What is kept up to date frame by frame is what the best curves over the whole clip play, and within the bound by itself; also where
    few vertices tell what a key is worth."""
    monkeypatch.setattr(thin, "COUNTED", counted)
    mesh, rig, _ = chain(3)
    motion = walking(rig, frames=100)
    surface, allowed = WatchedSurface(rig, motion), 0.0025 * mesh.diagonal
    tracks = [_track(motion, bone, 1.0) for bone in range(3)]
    thinning = _Thinning(tracks, [np.arange(0, 100, dtype=np.int32)] * 3, surface, allowed)
    thinning.run(no_progress)
    missed = surface.missed(thin.played_motion(motion, tracks, [track.keys for track in thinning.tracks]))
    assert len(thinning.gone) > 100
    assert missed <= allowed
    assert missed == pytest.approx(np.linalg.norm(thinning.played.off, axis=1).max(), abs=1e-4 * allowed)
