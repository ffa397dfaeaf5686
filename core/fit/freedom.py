"""Joints that leave their place in their parent, and bones that change their length: freed one by one, where the picture demands it.

A rigid skeleton is what most subjects have, and every freedom more is one in which noise and lost limbs can hide: given to all joints
at once, it makes the fit worse even of subjects that squash. So all of them stand at exactly zero at first. A score test (Rao 1948)
then tells for each what the cost would lose if it were free, everything else adapting, without fitting it. The most wanted ones are tried
on a few frames, each fitted alone, which shows what such a promise is worth. The one that saves most there is
freed, the clip is refined once more from there, and the result is kept if the pictures are explained better by a good share; and so on.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..workers import spread
from .compare import clip_error, picture_error
from .observe import Observer
from .poses import Poses
from .problem import Problem
from .refine import CHUNK
from .solver import Solver

log = logging.getLogger(__name__)

LEVEL = 0
"""Level of the blur pyramid at which the picture is asked: the coarsest takes nothing for an outlier that a bone could still reach."""

LEAST_DEMAND = 0.03
"""Share of the clip's cost that a freedom must promise to save to be tried on a few frames."""

MOST_TRIED = 2
"""Freedoms tried so: the most wanted ones."""

TRIED_FRAMES = 4
"""Frames on which they are tried, spread over the clip."""

TRIED_LEVELS = (1, 2, 3)
"""Levels of the blur pyramid through which a frame is fitted then."""

LEAST_TRIED_GAIN = 0.12
"""Share of those frames' picture error that a freedom must save there, against the same fit without it, for the clip to be refined with it."""

LEAST_GAIN = 0.15
"""Share of the clip's picture error that it must then save to be kept."""

EARLY_GAIN = LEAST_GAIN / 3
"""Share that it must have saved after the first rounds to be refined to the end."""

NEARLY = 0.9
"""Share of what the best freedom saves there from which on another is as good: which of the two the picture does not tell."""

MOST_FREED = 3
"""Freedoms given to one subject."""


@dataclass(frozen=True)
class Freedom:
    """What a joint may do besides turning. stretches: change its bone's length; else it leaves its place in its parent."""

    joint: int
    stretches: bool


@dataclass(frozen=True)
class Fitted:
    """A way to fit a clip and what came of it. small: for trying out limbs. followed: frames."""

    solver: Solver
    small: Observer
    poses: Poses
    followed: int


class Refined(Protocol):
    """Refines a clip's poses."""

    def __call__(self, solver: Solver, small: Observer, poses: Poses, promising: Callable[[Poses], bool]) -> Poses:
        """The poses refined; only in part where, asked on the way, they are not `promising`."""


def free_joints(rigid: Fitted, refined: Refined, stop: Callable[[], bool]) -> Fitted:
    """Free what the picture demands. refined: called again for each try. stop: asked before every try."""
    best, error = rigid, clip_error(rigid.solver.observer, rigid.poses)
    for _ in range(MOST_FREED):
        wanted = None if stop() else worth_refining(best.solver, best.poses)
        if wanted is None:
            break
        solver = _opened(best.solver, wanted)
        small = _seen_by(best.small, solver.problem)
        most = (1 - EARLY_GAIN) * error
        poses = refined(solver, small, _with_lengths(solver.problem, best.poses), lambda poses: clip_error(solver.observer, poses) < most)  # noqa: B023  asked within this turn
        tried_error = clip_error(solver.observer, poses)
        log.info("refined with %s the picture error is %.0f instead of %.0f", wanted, tried_error, error)
        if tried_error > (1 - LEAST_GAIN) * error:
            break
        best, error = Fitted(solver, small, poses, best.followed), tried_error
    return best


def worth_refining(solver: Solver, poses: Poses) -> Freedom | None:
    """The freedom that saves most on a few frames, if that is enough; of those that save nearly as much the one that moves the fewest joints."""
    tried = [freedom for freedom, promise in most_wanted(solver, poses)[:MOST_TRIED] if promise >= LEAST_DEMAND]
    if not tried:
        return None
    rigid = _error_of_few(solver, poses)
    saved = {freedom: 1 - _error_of_few(_opened(solver, freedom), poses) / max(rigid, 1e-12) for freedom in tried}
    log.info("saved on a few frames: %s", saved)
    most = max(saved.values())
    if most < LEAST_TRIED_GAIN:
        return None
    moved = solver.problem.skeleton.descends.sum(1)
    return min((freedom for freedom in tried if saved[freedom] >= NEARLY * most), key=lambda freedom: float(moved[freedom.joint]))


def _error_of_few(solver: Solver, poses: Poses) -> float:
    """Picture error of some frames, each fitted alone, from its pose and held to it."""
    frames = np.unique(np.linspace(1, len(poses) - 1, TRIED_FRAMES + 1).round().astype(int)[1:]).tolist()
    part = _with_lengths(solver.problem, poses)[frames]
    fitted = solver.fit(frames, part, part, TRIED_LEVELS, flow=(True,) * len(TRIED_LEVELS))
    return float(picture_error(solver.observer, frames, fitted).sum())


def _opened(solver: Solver, *freedoms: Freedom) -> Solver:
    """The same solver of the same subject with more freedom."""
    return replace(solver, observer=_seen_by(solver.observer, freed(solver.problem, *freedoms)))


def freed(problem: Problem, *freedoms: Freedom) -> Problem:
    """The same problem with more freedom."""
    movable, stretchy = problem.movable.clone(), problem.stretchy.clone()
    for one in freedoms:
        (stretchy if one.stretches else movable)[one.joint] = True
    return replace(problem, movable=movable, stretchy=stretchy)


def freed_joints(problem: Problem) -> list[int]:
    """Joints that may do more than turn, roots aside."""
    roots = torch.tensor([parent < 0 for parent in problem.skeleton.parents])
    return [int(joint) for joint in torch.nonzero(problem.stretchy | problem.movable & ~roots)[:, 0]]


def possible(problem: Problem) -> tuple[Freedom, ...]:
    """What could be freed still."""
    slides = [Freedom(joint, False) for joint in range(problem.joints) if problem.loose[joint] and not problem.movable[joint]]
    return (*slides, *(Freedom(joint, True) for joint in range(problem.joints) if problem.elastic[joint] and not problem.stretchy[joint]))


def most_wanted(solver: Solver, poses: Poses) -> list[tuple[Freedom, float]]:
    """What could be freed, and the share of the clip's cost that each promises to save; the largest first."""
    freedoms = possible(solver.problem)
    if not freedoms or len(poses) < 2:
        return []
    opened = _opened(solver, *freedoms)
    problem = opened.problem
    poses = _with_lengths(problem, poses)
    columns = [_columns(problem, one) for one in freedoms]
    fixed = torch.ones(problem.unknowns, dtype=torch.bool)
    fixed[torch.cat(columns)] = False
    chunks = [list(range(first, min(first + CHUNK, len(poses)))) for first in range(1, len(poses), CHUNK)]
    found = spread(partial(_saved_and_cost, opened, torch.nonzero(fixed)[:, 0], columns), [(frames, poses[frames]) for frames in chunks])
    *saved, cost = torch.stack(found).sum(0).tolist()
    promises = [(freedom, one / max(cost, 1e-12)) for freedom, one in zip(freedoms, saved, strict=True)]
    return sorted(promises, key=lambda promise: -promise[1])


def _saved_and_cost(opened: Solver, base: Tensor, columns: list[Tensor], chunk: tuple[list[int], Poses]) -> Tensor:
    """float64[G + 1]: of some frames, what each freedom promises to save, and the cost. opened: with all of them."""
    frames, poses = chunk
    drawings = opened.observer.look.draw(*opened.problem.transforms(poses))
    observation = opened.observer.observe(frames, drawings, LEVEL, flow=True)
    system = opened.with_priors(opened.picture_system(poses, observation), poses, None)
    return torch.cat([promised(system.hessian, system.gradient, base, columns), system.cost.sum()[None]])


def promised(hessian: Tensor, gradient: Tensor, base: Tensor, groups: list[Tensor]) -> Tensor:
    """float64[G]: what quadratic costs lose at their minimum when a group of unknowns joins those of `base`, summed over the items.

    hessian: [I, P, P]. gradient: [I, P]. base, groups: indices into the unknowns.
    """
    factor = torch.linalg.cholesky(hessian[:, base[:, None], base])
    settled = torch.cholesky_solve(gradient[:, base, None], factor)
    found = []
    for group in groups:
        across = hessian[:, group[:, None], base]
        curvature = hessian[:, group[:, None], group] - across @ torch.cholesky_solve(across.transpose(1, 2), factor)
        slope = gradient[:, group, None] - across @ settled
        found.append(0.5 * (slope * torch.linalg.solve(curvature, slope)).sum())
    return torch.stack(found)


def _columns(problem: Problem, freedom: Freedom) -> Tensor:
    """Where the unknowns of a freed joint stand."""
    shifts = problem.parts[1]
    if freedom.stretches:
        return torch.tensor([shifts.stop + int(problem.stretchy[: freedom.joint].sum())])
    return shifts.start + 3 * int(problem.movable[: freedom.joint].sum()) + torch.arange(3)


def _with_lengths(problem: Problem, poses: Poses) -> Poses:
    """The same poses, with a length for every joint where some of the problem's may stretch."""
    return poses if poses.stretches is not None else replace(poses, stretches=problem.rest(len(poses)).stretches)


def _seen_by(observer: Observer, problem: Problem) -> Observer:
    """The same observer of the same subject with more freedom."""
    return replace(observer, problem=problem, look=replace(observer.look, problem=problem))
