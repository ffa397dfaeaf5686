"""Frame after frame: where the subject goes, from where it was.

A leg that hides behind the other may come out as either, and what is chosen wrongly in one frame is followed wrongly from there on. So
several trails are kept where the pictures leave several open, and the one that explains all frames best is taken in the end (beam
search). Where all ways to start a frame come to the same pose there is but one trail, and a trail that cannot win any more is given up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..types import Float64
from ..workers import each, spread
from .compare import picture_error
from .limbs import limb_joints, recover
from .observe import Observer
from .painting import Paint
from .poses import Poses
from .problem import Problem
from .solver import Solver, predict


@dataclass(frozen=True)
class Attempt:
    """One way to start a frame. speed: share of the last frame's motion expected again. levels, flow: see `Solver.fit`."""

    speed: float
    levels: tuple[int, ...]
    flow: tuple[bool, ...]


GOES_ON = Attempt(0.7, (0, 1, 2, 3), (True, True, True, True))
STANDS_STILL = Attempt(0.0, (1, 2, 3), (False, True, True))

POLISH = Attempt(0.0, (1, 2, 3), ())
"""Of limbs that were put elsewhere."""

TRAILS = 4
"""Trails kept at most."""

APART = 0.006
"""Poses are the same where the surface lies no further apart than this on average, in diagonals."""

TOGETHER = 2
"""Trails that start in one piece of work: two together take less time than one after the other, but pieces are shared out to the cores."""

AHEAD = 16
"""Frames of the video that are made ready at once."""

HOPELESS = 4.0
"""A trail is given up where it lies this many frames behind: times what the best one leaves unexplained in a frame, which is as much as any can gain."""

WELL_EXPLAINED = 1.1
"""No limb is looked for where a frame's error is at most this many times that of frame 0, whose pose is known."""

SWINGS_LIMBS = 3
"""Every so many frames limbs are looked for elsewhere, and where a frame is explained worse than the one before: what is lost stays lost."""


@dataclass(frozen=True)
class Trail:
    """One way through the frames so far. pose: of the last one. error: summed over the frames. before: the trail up to there; None in frame 0."""

    pose: Poses
    error: float
    before: "Trail | None"

    @property
    def own_error(self) -> float:
        """That of the last frame."""
        return self.error - self.before.error if self.before else self.error

    def poses(self, count: int) -> Poses:
        """Of the first `count` frames; those that it has not come to stay as its last."""
        found, trail = [self.pose], self.before
        while trail is not None:
            found.append(trail.pose)
            trail = trail.before
        return Poses.stack(found[::-1] + [self.pose] * (count - len(found)))


def track(solver: Solver, small: Observer, progress: Callable[[float], None], stop: Callable[[], bool] = lambda: False, seen: Callable[[int, Poses], None] = lambda frame, pose: None) -> tuple[Poses, int]:
    """Poses of all frames, each started from where the last two lead, and how many frames were followed.

    small: for trying out limbs. stop: asked before every frame whether to end here; the rest then stays as the last one.
    seen: told the pose that was found for a frame.
    """
    count = len(solver.observer.evidence)
    limbs = [Paint.of(small, joint) for joint in limb_joints(solver.problem)]
    trails = [Trail(solver.problem.rest(1), 0.0, None)]
    least = float(picture_error(solver.observer, [0], trails[0].pose)[0])
    for frame in range(1, count):
        if stop():
            return trails[0].poses(count), frame
        if frame % AHEAD == 1:
            _prepare((solver.observer, small), range(frame, min(frame + AHEAD, count)))
        trails = _best(solver.problem, _followed(solver, frame, trails, limbs, WELL_EXPLAINED * least), least)
        seen(frame, trails[0].pose)
        progress(frame / count)
    return trails[0].poses(count), count


def _prepare(observers: tuple[Observer, ...], frames: range) -> None:
    """What the frames show, made ready on all cores: within a frame all ways on into it would wait for it."""
    each(lambda one: one[0].evidence[one[1]], [(observer, frame) for observer in observers for frame in frames])


def _followed(solver: Solver, frame: int, trails: list[Trail], limbs: list[Paint], enough: float) -> list[Trail]:
    """All ways on into a frame."""
    together = [trails[first : first + TOGETHER] for first in range(0, len(trails), TOGETHER)]
    starts = [(attempt, some) for attempt in (GOES_ON, STANDS_STILL) for some in together]
    guesses = [Poses.stack([predict(trail.pose, trail.before.pose if trail.before else None, attempt.speed) for trail in some]) for attempt, some in starts]
    found = spread(partial(_fitted, solver, frame), [(guess, attempt) for guess, (attempt, _) in zip(guesses, starts, strict=True)])
    ways = [way for (_, some), (poses, errors) in zip(starts, found, strict=True) for way in _on(some, poses, errors)]
    firsts = [_first_of(ways, trail) for trail in trails]
    doubtful = [way for way in firsts if way.own_error > enough and (frame % SWINGS_LIMBS == 0 or (way.before and way.own_error > way.before.own_error))]
    swung = spread(partial(_swung, solver, limbs, frame), [way.pose for way in doubtful])
    for way, other in zip(doubtful, swung, strict=True):
        if way.before and other:
            ways += [better for better in _on([way.before], *other) if better.error < way.error]
    return ways


def _fitted(solver: Solver, frame: int, start: tuple[Poses, Attempt]) -> tuple[Poses, Float64]:
    """Poses fitted to a frame from where an attempt starts them, and their errors."""
    guesses, attempt = start
    frames = [frame] * len(guesses)
    poses = solver.fit(frames, guesses, guesses, attempt.levels, flow=attempt.flow)
    return poses, picture_error(solver.observer, frames, poses)


def _on(trails: list[Trail], poses: Poses, errors: Float64) -> list[Trail]:
    """Trails that go on, each to a pose of its own."""
    return [Trail(poses[[index]], trail.error + float(errors[index]), trail) for index, trail in enumerate(trails)]


def _first_of(ways: list[Trail], before: Trail) -> Trail:
    """The best way on from a trail."""
    return min((way for way in ways if way.before is before), key=lambda way: way.error)


def _swung(solver: Solver, limbs: list[Paint], frame: int, pose: Poses) -> tuple[Poses, Float64] | None:
    """A pose with limbs elsewhere, fitted to the frame, and its error; None where no limb is better elsewhere."""
    swung = recover(frame, pose, limbs)
    return None if swung is None else _fitted(solver, frame, (swung, POLISH))


def _best(problem: Problem, ways: list[Trail], least: float) -> list[Trail]:
    """The best trails that end in different poses, best first. least: a frame's error that no pose goes below."""
    ways = sorted(ways, key=lambda way: way.error)
    best = ways[0]
    assert best.before is not None
    behind = HOPELESS * max(best.own_error - least, 0.0)
    ways = [way for way in ways if way.error <= best.error + behind]
    surfaces = problem.skinned(*problem.transforms(Poses.stack([way.pose for way in ways])))
    kept: list[int] = []
    for index in range(len(ways)):
        if all(np.linalg.norm(surfaces[index] - surfaces[other], axis=-1).mean() > APART for other in kept):
            kept.append(index)
    return [ways[index] for index in kept[:TRAILS]]
