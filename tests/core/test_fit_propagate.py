"""Lost frames won back, on a subject of one point: a pose is a place, its error the squared distance from where the frame shows it, and one more."""

from types import SimpleNamespace

import numpy as np
import pytest
from animamimic.core.fit import propagate
from animamimic.core.fit.poses import Poses
from animamimic.core.fit.propagate import won_back

REACH = 1.5
"""How far from where a frame shows the point a guess may be for the fit to find it."""


def at(places):
    poses = Poses.rest(len(places), 1)
    poses.translations[:, 0, 0] += np.array(places, float)
    return poses


def places(poses):
    return poses.translations[:, 0, 0].tolist()


@pytest.fixture
def film(monkeypatch):
    """Returns a function from where the frames show the point to a solver that fits such frames, and a list of those that it was asked for."""

    def of(shown):
        def errors(observer, frames, poses):
            return np.array([(x - shown[frame]) ** 2 + 1.0 for frame, x in zip(frames, places(poses), strict=True)])

        def fit(frames, guesses, predicted, levels, flow):
            (frame,), (guess,) = frames, places(guesses)
            asked.append(frame)
            return at([shown[frame]]) if abs(guess - shown[frame]) < REACH else guesses

        asked = []
        monkeypatch.setattr(propagate, "picture_error", errors)
        return SimpleNamespace(observer=None, fit=fit), asked

    return of


def test_what_comes_out_again_is_followed_back(film):
    """The point was lost at 2 and found at 6: from there it is followed back to where it was lost."""
    shown = [0, 1, 2, 3, 4, 5, 6, 7]
    solver, _ = film(shown)
    assert places(won_back(solver, at([0, 1, 2, 2, 2, 2, 6, 7]))) == pytest.approx(shown)


def test_what_was_left_behind_is_followed_on(film):
    """Nothing comes out again, but the frame before is right, as its neighbours have become."""
    shown = [0, 1, 2, 3, 4, 5]
    solver, _ = film(shown)
    assert places(won_back(solver, at([0, 1, 2, 0, 0, 0]))) == pytest.approx(shown)


def test_a_neighbours_motion_goes_on(film):
    """From 0 and 2, by 0.7 of that step, to 3.4: within reach of 4, as 2 is not."""
    solver, _ = film([0, 2, 4])
    assert places(won_back(solver, at([0, 2, -3]))) == pytest.approx([0, 2, 4])


def test_each_frame_takes_the_better_way(film):
    """Lost between 2 and 12, which no way crosses: the first frames are won from before, the last from behind."""
    shown = [0, 1, 2, 3, 11, 12, 13]
    solver, _ = film(shown)
    assert places(won_back(solver, at([0, 1, 2, -5, -5, 12, 13]))) == pytest.approx(shown)


def test_what_is_explained_is_left_alone(film):
    """0.7 off is an error of 1.49, less than 1.6 times that of frame 0."""
    estimate = [0, 1.7, 2.7, 3.7]
    solver, asked = film([0, 1, 2, 3])
    assert places(won_back(solver, at(estimate))) == pytest.approx(estimate)
    assert asked == []


def test_neighbours_that_are_as_lost_promise_nothing(film):
    """All frames are 3 off but for the first. Only frame 1 is tried, from frame 0; it stays out of reach, and so nobody else has reason to try."""
    estimate = [0, 7, 8, 9, 10]
    solver, asked = film([0, 4, 5, 6, 7])
    assert places(won_back(solver, at(estimate))) == pytest.approx(estimate)
    assert asked == [1]


def test_a_new_pose_is_offered_once_to_the_next_frame(film):
    """All frames but the first are 3 off, and only in frame 1 does the fit come a little nearer: not enough to be better than frame 2 by a tenth, but new."""
    solver, asked = film([0, 4, 5, 6, 7])
    found = solver.fit
    solver.fit = lambda frames, *rest, **more: found(frames, *rest, **more) if frames != [1] else (asked.append(1), at([6.85]))[1]
    won_back(solver, at([0, 7, 8, 9, 10]))
    assert asked == [1, 2]


def test_a_pose_that_saves_next_to_nothing_is_left(film):
    """The fit goes from an error of 10 to one of 9.9."""
    solver, _ = film([0, 0, 0])
    solver.fit = lambda frames, guesses, predicted, levels, flow: at([8.9**0.5])
    assert places(won_back(solver, at([0, 3, 0]))) == pytest.approx([0, 3, 0])


def test_stops_when_asked(film):
    solver, asked = film([0, 1, 2])
    assert places(won_back(solver, at([0, 0, -5]), stop=lambda: True)) == pytest.approx([0, 0, -5])
    assert asked == []


@pytest.mark.parametrize("count", [1, 2])
def test_few_frames_are_enough(film, count):
    solver, _ = film([0, 1][:count])
    assert places(won_back(solver, at([0, 9][:count]))) == pytest.approx([0, 1][:count])
