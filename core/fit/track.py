"""Frame after frame: where the subject goes, from where it was.

A leg that hides behind the other may come out as either, and what is chosen wrongly in one frame is followed wrongly from there on. So
several trails are kept where the pictures leave several open, and the one that explains all frames best is taken in the end (beam
search). Where all ways to start a frame come to the same pose there is but one trail.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..workers import each
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


ATTEMPTS = (
    Attempt(0.7, (0, 1, 2, 3), (True, True, True, True)),
    Attempt(0.0, (1, 2, 3), (False, True, True)),
)

POLISH = (1, 2, 3)

TRAILS = 3
"""Trails kept at most."""

APART = 0.006
"""Poses are the same where the surface lies no further apart than this on average, in diagonals."""

WELL_EXPLAINED = 1.1
"""No limb is looked for where a frame's error is at most this many times that of frame 0, whose pose is known."""


@dataclass(frozen=True)
class Trail:
    """One way through the frames so far. pose: of the last one. error: summed over the frames. before: the trail up to there; None in frame 0."""

    pose: Poses
    error: float
    before: "Trail | None"

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
    enough = WELL_EXPLAINED * picture_error(solver.observer, [0], trails[0].pose)[0]
    for frame in range(1, count):
        if stop():
            return trails[0].poses(count), frame
        trails = _best(solver.problem, _followed(solver, frame, trails, limbs, enough))
        seen(frame, trails[0].pose)
        progress(frame / count)
    return trails[0].poses(count), count


def _followed(solver: Solver, frame: int, trails: list[Trail], limbs: list[Paint], enough: float) -> list[Trail]:
    """All ways on into a frame."""
    tried = [(trail, attempt) for trail in trails for attempt in ATTEMPTS]

    def pose(start: tuple[Trail, Attempt]) -> Poses:
        trail, attempt = start
        guess = predict(trail.pose, trail.before.pose if trail.before else None, attempt.speed)
        return solver.fit([frame], guess, guess, attempt.levels, flow=attempt.flow)

    poses = each(pose, tried)
    errors = picture_error(solver.observer, [frame] * len(poses), Poses.stack(poses))
    ways = [Trail(pose, before.error + float(error), before) for pose, error, (before, _) in zip(poses, errors, tried, strict=True)]
    return ways + [swung for trail in trails if (swung := _swung(solver, frame, _first_of(ways, trail), limbs, enough))]


def _first_of(ways: list[Trail], before: Trail) -> Trail:
    """The best way on from a trail."""
    return min((way for way in ways if way.before is before), key=lambda way: way.error)


def _swung(solver: Solver, frame: int, way: Trail, limbs: list[Paint], enough: float) -> Trail | None:
    """A better way with limbs elsewhere, if there is one."""
    assert way.before is not None
    error = way.error - way.before.error
    swung = recover(frame, way.pose, limbs) if error > enough else None
    if swung is None:
        return None
    swung = solver.fit([frame], swung, swung, POLISH)
    swung_error = float(picture_error(solver.observer, [frame], swung)[0])
    return Trail(swung, way.before.error + swung_error, way.before) if swung_error < error else None


def _best(problem: Problem, ways: list[Trail]) -> list[Trail]:
    """The best trails that end in different poses, best first."""
    ways = sorted(ways, key=lambda way: way.error)
    surfaces = problem.skinned(*problem.transforms(Poses.stack([way.pose for way in ways])))
    kept: list[int] = []
    for index in range(len(ways)):
        if all(np.linalg.norm(surfaces[index] - surfaces[other], axis=-1).mean() > APART for other in kept):
            kept.append(index)
    return [ways[index] for index in kept[:TRAILS]]
