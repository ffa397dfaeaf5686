"""Trails through the frames, on a subject of one point that goes where its joint does: a pose is a place."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from animamimic.core.fit import track as tracking
from animamimic.core.fit.poses import Poses
from animamimic.core.fit.track import APART, HOPELESS, SWINGS_LIMBS, TRAILS, Trail, track


def place(x):
    pose = Poses.rest(1, 1)
    pose.translations[0, 0, 0] = x
    return pose


def places(poses):
    return poses.translations[:, 0, 0].tolist()


POINT = SimpleNamespace(
    rest=lambda count: Poses.rest(count, 1),
    transforms=lambda poses: (poses.rotations, poses.translations),
    skinned=lambda world, shift: shift.numpy(),
    skeleton=SimpleNamespace(descends=torch.ones(1, 1)),
)


def solver_of(frames):
    return SimpleNamespace(observer=observer_of(frames), problem=POINT)


def observer_of(frames):
    return SimpleNamespace(evidence=np.zeros(frames))


@pytest.fixture
def followed(monkeypatch):
    """Let every frame offer places by `ways`: (frame, place before) -> [(place, error), ...]; returns how many trails each frame began with."""
    monkeypatch.setattr(tracking, "limb_joints", lambda problem: [])
    monkeypatch.setattr(tracking, "picture_error", lambda observer, frames, poses: np.zeros(len(poses)))
    begun = []

    def offer(ways):
        def step(solver, frame, trails, limbs, enough):
            begun.append(len(trails))
            return [Trail(place(x), trail.error + error, trail) for trail in trails for x, error in ways(frame, places(trail.pose)[0])]

        monkeypatch.setattr(tracking, "_followed", step)
        return begun

    return offer


def test_what_explains_one_frame_best_gives_way_to_what_explains_all(followed):
    """At 1 the error is 1 and later 5; at 2 it is 2 and later 1."""
    followed(lambda frame, x: [(1.0, 1.0), (2.0, 2.0)] if frame == 1 else [(x, 5.0 if x == 1 else 1.0)])
    poses, count = track(solver_of(4), observer_of(4), lambda fraction: None)
    assert (places(poses), count) == ([0, 2, 2, 2], 4)


def test_ways_to_the_same_pose_are_one_trail(followed):
    begun = followed(lambda frame, x: [(x + 0.1, 1.0), (x + 0.1 + 0.9 * APART, 0.5)])
    poses, _ = track(solver_of(4), observer_of(4), lambda fraction: None)
    assert begun == [1, 1, 1]
    assert places(poses)[3] == pytest.approx(0.3 + 2.7 * APART)


def test_no_more_trails_are_kept_than_are_affordable(followed):
    begun = followed(lambda frame, x: [(x + step, 9.0 + 0.1 * step) for step in range(TRAILS + 2)])
    track(solver_of(4), observer_of(4), lambda fraction: None)
    assert begun == [1, TRAILS, TRAILS]


def test_a_trail_too_far_behind_to_win_is_given_up(followed):
    """The best one leaves 1 unexplained in a frame, so that no other gains more than that on it in any."""
    for behind, kept in ((HOPELESS - 0.1, 2), (HOPELESS + 0.1, 1)):
        begun = followed(lambda frame, x, behind=behind: [(x, 1.0), (x + 1, 1.0 + behind)] if frame == 1 else [(x, 1.0)])
        track(solver_of(3), observer_of(3), lambda fraction: None)
        assert begun[-2:] == [1, kept]


def test_a_stopped_trail_stays_where_it_is(followed):
    followed(lambda frame, x: [(x + 1, 1.0)])
    asked = iter([False, False, True])
    poses, count = track(solver_of(5), observer_of(5), lambda fraction: None, stop=lambda: next(asked))
    assert (places(poses), count) == ([0, 1, 2, 2, 2], 3)


def trail_to(frame, error):
    """One that has come to a frame, a place further and with this error in each."""
    trail = Trail(place(0), 0.0, None)
    for x in range(1, frame + 1):
        trail = Trail(place(x), x * error, trail)
    return trail


@pytest.mark.parametrize(("frame", "error", "looked"), [(SWINGS_LIMBS, 1.0, True), (SWINGS_LIMBS + 1, 1.0, False), (SWINGS_LIMBS + 1, 1.1, True)])
def test_limbs_are_looked_for_where_a_frame_is_explained_worse_and_now_and_then(monkeypatch, frame, error, looked):
    monkeypatch.setattr(tracking, "picture_error", lambda observer, frames, poses: np.full(len(poses), error))
    asked = []
    monkeypatch.setattr(tracking, "_swung", lambda solver, limbs, frame, pose: asked.append(pose))
    solver = SimpleNamespace(observer=None, fit=lambda frames, poses, predicted, levels, flow: poses)
    assert len(tracking._followed(solver, frame, [trail_to(frame - 1, 1.0)], [], 0.0)) == 2
    assert bool(asked) == looked
