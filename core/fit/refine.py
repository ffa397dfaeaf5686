"""All frames together: what the picture says of every frame, tied by smooth motion.

The normal equations of a whole clip are block banded (a third difference ties a frame to three on either side), so that one
round costs time and memory linear in the clip's length.

Turns about axes that the clip's joints do not use are held back (see `hinge`), at the end only: early, they would hold on to axes that
are not known yet. Smoothness and the pull to the pose of frame 0 are strong at first and loosen from round to round (graduated non-convexity): weak, they
would let the first rounds go astray; strong to the end, they would cut the extremes of fast limbs and flatten their depth.

What the priors take from the clip itself (hinges, standing parts, how calm a joint is) is estimated anew at every step. What follows from
that spreads slowly, from joint to joint and from frame to frame, so that every step begins where the last two lead (Nesterov 1983).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..workers import spread
from .hinge import Hinges
from .kinematics import exponential, logarithm
from .observe import Observation
from .poses import Poses
from .problem import Problem
from .smoothness import ORDER, Smoothness, smoothed
from .solver import Solver, System, block_diagonal, predict
from .standing import Feelers, Standing

CHUNK = 8
"""Frames drawn and compared at once."""

MOMENTUM = 0.7
"""Share of a step that is taken once more before the next."""


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
        poses, smoothness = one_round(replace(solver, priors=priors), poses, replace(smoothness, share=held.smooth), held)
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


def one_round(solver: Solver, poses: Poses, smoothness: Smoothness, one: Round, picture: Picture | None = None) -> tuple[Poses, Smoothness]:
    """Draw all frames, and take a few steps. picture: what is compared with the frames; by default the surface that the bones carry.
    Also returns the smoothness with what was learnt of the joints on the way."""
    picture = picture or PlainPicture(solver)
    chunks = [list(range(first, min(first + CHUNK, len(poses)))) for first in range(1, len(poses), CHUNK)]
    observations = spread(partial(_seen, picture, one.level), [(frames, poses[frames]) for frames in chunks])
    feelers = Feelers.of(solver.problem)
    before, present = None, poses
    for _ in range(one.steps):
        start = predict(present, before, MOMENTUM)
        hinges, standing = Hinges.of(start).scaled(solver.priors.hinge), Standing.of(feelers, start, solver.priors.standing)
        systems = spread(partial(_system, solver, picture, start, hinges, standing), zip(chunks, observations, strict=True))
        before = present
        present, smoothness = _step(solver.problem, start, systems, smoothness)
    return present, smoothness


def _seen(picture: Picture, level: int, chunk: tuple[list[int], Poses]) -> Observation:
    """What to compare in some frames."""
    frames, poses = chunk
    return picture.look_at(frames, poses, level)


def _system(solver: Solver, picture: Picture, poses: Poses, hinges: Hinges, standing: Standing, chunk: tuple[list[int], Observation]) -> System:
    """What the pictures say of a chunk of frames, with the priors of every frame alone. Unknowns are told in the parents' frames, where
    smoothness is simple. poses: of all frames."""
    problem, (frames, seen) = solver.problem, chunk
    part = poses[frames]
    whole = solver.with_priors(picture.system(frames, part, seen), part, None)
    held, slope = standing.pull(poses, slice(frames[0], frames[-1] + 1))
    above = solver.above(part, whole.above)
    above = torch.cat([above, above[:, problem.movable]], 1)
    hessian = _turned(_turned(whole.hessian + held, above).transpose(1, 2), above)
    gradient = _turned((whole.gradient + slope)[..., None], above)[..., 0]
    turns = problem.parts[0]
    shape, pull = hinges.pull(part)
    hessian[:, turns, turns] += block_diagonal(shape)
    gradient[:, turns] += pull.flatten(1)
    return System(hessian, gradient, whole.cost)


def _turned(rows: Tensor, above: Tensor) -> Tensor:
    """[T, P, C]: rows [T, P, C] for unknowns along the world's axes, for unknowns in the parents' frames. above: [T, N, 3, 3], the parents' turns,
    for the turns and shifts that the unknowns begin with; what follows has no axes."""
    size = 3 * above.shape[1]
    turned = above.transpose(-1, -2) @ rows[:, :size].unflatten(1, (-1, 3))
    return torch.cat([turned.flatten(1, 2), rows[:, size:]], 1)


def _step(problem: Problem, poses: Poses, systems: list[System], smoothness: Smoothness) -> tuple[Poses, Smoothness]:
    """One Gauss-Newton step of frames 1 to the last, and what it tells of their smoothness. systems: of all of them, see `_system`."""
    hessian, gradient = (torch.cat([getattr(system, part) for system in systems]).numpy() for part in ("hessian", "gradient"))
    (turns, shifts), movable = problem.parts, problem.movable
    speed = [logarithm(poses.rotations[1:] @ poses.rotations[:-1].transpose(-1, -2)), (poses.translations[1:] - poses.translations[:-1])[:, movable]]
    if poses.stretches is not None:
        speed.append((poses.stretches[1:] - poses.stretches[:-1])[:, problem.stretchy])
    changes = np.diff(torch.cat([part.flatten(1) for part in speed], 1).numpy(), ORDER - 1, axis=0)
    joints, shifted = problem.joints, int(movable.sum())
    change, determined = smoothed(hessian, gradient, smoothness.strengths(changes, joints, shifted), changes)
    smoothness = smoothness.learning(determined, len(changes), joints, shifted)
    local = torch.from_numpy(change)
    rotations, translations = poses.rotations.clone(), poses.translations.clone()
    rotations[1:] = exponential(local[:, turns].reshape(len(local), -1, 3)) @ rotations[1:]
    translations[1:, movable] += local[:, shifts].reshape(len(local), -1, 3)
    fixed = torch.zeros_like(local[:1, shifts.stop :])
    return Poses(rotations, translations, problem.stretched(poses, torch.cat([fixed, local[:, shifts.stop :]]))), smoothness
