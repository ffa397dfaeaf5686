"""All frames together: what the picture says of every frame, tied by smooth motion.

The normal equations of a whole clip are block banded (a second difference ties a frame to two on either side), so that one
round costs time and memory linear in the clip's length.

Turns about axes that the clip's joints do not use are held back (see `hinge`), at the end only: early, they would hold on to axes that
are not known yet. Smoothness and the pull to the pose of frame 0 are strong at first and loosen from round to round (graduated non-convexity): weak, they
would let the first rounds go astray; strong to the end, they would cut the extremes of fast limbs and flatten their depth.

What the priors take from the clip itself (hinges, standing parts, how calm a joint is) is estimated anew at every step. What follows from
that spreads slowly, from joint to joint and from frame to frame, so that every step begins where the last two lead (Nesterov 1983).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from scipy.linalg import solveh_banded
from torch import Tensor

from ..types import Float64
from ..workers import each
from .hinge import Hinges
from .kinematics import exponential, logarithm
from .observe import Observation
from .poses import Poses
from .problem import Problem
from .solver import Solver, System, block_diagonal, predict
from .standing import Feelers, Standing

CHUNK = 8
"""Frames drawn and compared at once."""

MOMENTUM = 0.7
"""Share of a step that is taken once more before the next."""

CALM = 3.0
"""A joint is calm where the variance of its change of motion is so many times smaller than usual."""


@dataclass(frozen=True)
class Round:
    """One round. steps: Gauss-Newton steps between two drawings. level: of the blur pyramid. rest: share of the pull to the pose of frame 0.
    smooth: share of the smoothness that wild joints keep. hinge: share of the pull to the axes that joints use."""

    steps: int
    level: int
    rest: float
    smooth: float
    hinge: float


FIRST_ROUNDS = (Round(4, 2, 0.25, 1.0, 0.0), Round(4, 3, 0.15, 0.5, 0.3), Round(4, 3, 0.1, 0.3, 1.0))
LAST_ROUNDS = (Round(6, 2, 0.1, 0.3, 1.0), Round(6, 3, 0.05, 0.2, 1.0), Round(6, 3, 0.05, 0.2, 1.0))
"""Before and after limbs are reconsidered: what was moved then has still to settle."""

ROUNDS = FIRST_ROUNDS + LAST_ROUNDS


@dataclass(frozen=True)
class Smoothness:
    """The pull towards constant velocity.

    turn, shift: strength per squared radian and squared diagonal of the change of motion between two frames, for a joint whose
    motion usually changes by `usual_turn` radians or `usual_shift` diagonals. A joint that is calmer than that is held
    tighter, a wilder one looser: the variance of every joint's change of motion is estimated from the clip itself
    (empirical Bayes), within the factors `loosest` and `tightest`. share: of the strength that wild joints keep; calm ones keep
    nearly all, since what is left of their change of motion is mostly noise.
    """

    turn: float = 1500.0
    shift: float = 6000.0
    usual_turn: float = 0.03
    usual_shift: float = 0.004
    loosest: float = 0.3
    tightest: float = 100.0
    share: float = 1.0

    def strengths(self, bends: Float64, joints: int, shifted: int) -> Float64:
        """float64[P] for present second differences [T - 1, P] of turns (three a joint), then of shifts (three of each of the joints
        that are `shifted`), then of the logarithms of lengths, which count as turns do."""
        groups = [slice(first, first + 3) for first in range(0, 3 * (joints + shifted), 3)]
        groups += [slice(one, one + 1) for one in range(3 * (joints + shifted), bends.shape[1])]
        # two frames have no second difference
        variance = np.array([(bends[:, group] ** 2).sum() / max(len(bends), 1) for group in groups])
        shift = (np.arange(len(groups)) >= joints) & (np.arange(len(groups)) < joints + shifted)
        usual, base = np.where(shift, self.usual_shift, self.usual_turn), np.where(shift, self.shift, self.turn)
        factor = np.clip(usual**2 / np.maximum(variance, 1e-12), self.loosest, self.tightest)
        return np.repeat(base * factor * self.share ** np.minimum(CALM / factor, 1), [group.stop - group.start for group in groups])


def refine(
    solver: Solver,
    poses: Poses,
    smoothness: Smoothness,
    progress: Callable[[float], None],
    stop: Callable[[], bool] = lambda: False,
    seen: Callable[[int, Poses], None] = lambda frame, pose: None,
    between: Callable[[Poses], Poses] = lambda poses: poses,
    promising: Callable[[Poses], bool] = lambda poses: True,
) -> Poses:
    """Improve the poses of all frames together; frame 0 stays. stop: asked before every round whether to end here.
    promising: asked after the first rounds whether to go on. between: what else is done to the poses before the last rounds.
    seen: told one frame's new pose after every round, each time a later frame's.
    """
    for index, one in enumerate(ROUNDS):
        if stop():
            break
        if index == len(FIRST_ROUNDS):
            if not promising(poses):
                break
            poses = between(poses)
        held = one if solver.priors.loosens else replace(ROUNDS[0], steps=one.steps, level=one.level, hinge=one.hinge)
        priors = replace(solver.priors, rest=held.rest * solver.priors.rest, hinge=held.hinge * solver.priors.hinge)
        poses = one_round(replace(solver, priors=priors), poses, replace(smoothness, share=held.smooth), held)
        frame = (len(poses) - 1) * (index + 1) // len(ROUNDS)
        seen(frame, poses[frame : frame + 1])
        progress((index + 1) / len(ROUNDS))
    return poses


class Picture(Protocol):
    """What the frames say about poses."""

    def look_at(self, frames: list[int], poses: Poses, level: int) -> Observation:
        """Draw the poses of some frames, and choose what to compare. level: of the blur pyramid."""

    def system(self, frames: list[int], poses: Poses, seen: Observation) -> System:
        """Normal equations of what the picture says."""


@dataclass(frozen=True)
class PlainPicture:
    """The surface goes where its bones put it."""

    solver: Solver

    def look_at(self, frames: list[int], poses: Poses, level: int) -> Observation:
        """See `Picture.look_at`."""
        drawings = self.solver.observer.look.draw(*self.solver.problem.transforms(poses))
        return self.solver.observer.observe(frames, drawings, level, flow=True)

    def system(self, frames: list[int], poses: Poses, seen: Observation) -> System:
        """See `Picture.system`."""
        return self.solver.picture_system(poses, seen)


def one_round(solver: Solver, poses: Poses, smoothness: Smoothness, one: Round, picture: Picture | None = None) -> Poses:
    """Draw all frames, and take a few steps. picture: what is compared with the frames; by default the surface that the bones carry."""
    picture = picture or PlainPicture(solver)
    chunks = [list(range(first, min(first + CHUNK, len(poses)))) for first in range(1, len(poses), CHUNK)]

    def observed(frames: list[int]) -> Observation:
        return picture.look_at(frames, poses[frames], one.level)

    observations = each(observed, chunks)
    feelers = Feelers.of(solver.problem)
    before, present = None, poses
    for _ in range(one.steps):
        start = predict(present, before, MOMENTUM)
        hinges, standing = Hinges.of(start).scaled(solver.priors.hinge), Standing.of(feelers, start, solver.priors.standing)
        systems = _systems(solver, picture, start, list(zip(chunks, observations, strict=True)), hinges, standing)
        before, present = present, _step(solver.problem, start, systems, smoothness)
    return present


def _systems(solver: Solver, picture: Picture, poses: Poses, chunks: list[tuple[list[int], Observation]], hinges: Hinges, standing: Standing) -> list[System]:
    """What the pictures say of every chunk of frames, with the priors of every frame alone. Unknowns are told in the parents' frames, where
    smoothness is simple."""
    problem = solver.problem

    def system(chunk: tuple[list[int], Observation]) -> System:
        frames, seen = chunk
        part = poses[frames]
        whole = solver.with_priors(picture.system(frames, part, seen), part, None)
        held, slope = standing.pull(poses, slice(frames[0], frames[-1] + 1))
        above = problem.parent_turns(part, problem.transforms(part)[0])
        above = torch.cat([above, above[:, problem.movable]], 1)
        hessian = _turned(_turned(whole.hessian + held, above).transpose(1, 2), above)
        gradient = _turned((whole.gradient + slope)[..., None], above)[..., 0]
        turns = problem.parts[0]
        shape, pull = hinges.pull(part)
        hessian[:, turns, turns] += block_diagonal(shape)
        gradient[:, turns] += pull.flatten(1)
        return System(hessian, gradient, whole.cost)

    return each(system, chunks)


def _turned(rows: Tensor, above: Tensor) -> Tensor:
    """[T, P, C]: rows [T, P, C] for unknowns along the world's axes, for unknowns in the parents' frames. above: [T, N, 3, 3], the parents' turns,
    for the turns and shifts that the unknowns begin with; what follows has no axes."""
    size = 3 * above.shape[1]
    turned = above.transpose(-1, -2) @ rows[:, :size].unflatten(1, (-1, 3))
    return torch.cat([turned.flatten(1, 2), rows[:, size:]], 1)


def _step(problem: Problem, poses: Poses, systems: list[System], smoothness: Smoothness) -> Poses:
    """One Gauss-Newton step of frames 1 to the last. systems: of all of them, see `_systems`."""
    hessian, gradient = (torch.cat([getattr(system, part) for system in systems]).numpy() for part in ("hessian", "gradient"))
    (turns, shifts), movable = problem.parts, problem.movable
    speed = [logarithm(poses.rotations[1:] @ poses.rotations[:-1].transpose(-1, -2)), (poses.translations[1:] - poses.translations[:-1])[:, movable]]
    if poses.stretches is not None:
        speed.append((poses.stretches[1:] - poses.stretches[:-1])[:, problem.stretchy])
    bends = np.diff(torch.cat([part.flatten(1) for part in speed], 1).numpy(), axis=0)
    change = _solve(hessian, gradient, smoothness.strengths(bends, problem.joints, int(movable.sum())), bends)
    local = torch.from_numpy(change)
    rotations, translations = poses.rotations.clone(), poses.translations.clone()
    rotations[1:] = exponential(local[:, turns].reshape(len(local), -1, 3)) @ rotations[1:]
    translations[1:, movable] += local[:, shifts].reshape(len(local), -1, 3)
    fixed = torch.zeros_like(local[:1, shifts.stop :])
    return Poses(rotations, translations, problem.stretched(poses, torch.cat([fixed, local[:, shifts.stop :]])))


def _solve(hessian: Float64, gradient: Float64, weights: Float64, bends: Float64) -> Float64:
    """Changes [T, P] that minimise the pictures' models plus weights * |second difference|^2 / 2.

    hessian: [T, P, P]. gradient: [T, P]. bends: [T - 1, P], present second differences around frames 0 (fixed), 1 .. T - 1 of the
    free frames: bends[k] ties free frames k - 2 (where it is not the fixed one), k - 1 and k.
    """
    count, size = gradient.shape
    difference = np.zeros((count - 1, count))
    for row in range(count - 1):
        for column, factor in ((row - 1, 1.0), (row, -2.0), (row + 1, 1.0)):
            if column >= 0:
                difference[row, column] = factor
    tie = difference.T @ difference
    banded = np.zeros((3 * size, count * size))
    lower = np.tril_indices(size)
    for frame in range(count):
        block = hessian[frame] + np.diag(weights * tie[frame, frame])
        banded[lower[0] - lower[1], frame * size + lower[1]] = block[lower]
        for apart in (1, 2):
            if frame + apart < count:
                banded[apart * size, frame * size : (frame + 1) * size] = weights * tie[frame + apart, frame]
    right = gradient + weights * (difference.T @ bends)
    return -solveh_banded(banded, right.ravel(), lower=True, overwrite_ab=True, check_finite=False).reshape(count, size)
