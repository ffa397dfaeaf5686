"""Gauss-Newton on poses.

Unknowns of an item: a turn of every joint (a small rotation along the world's axes, applied in the parent's frame) and a
shift of every movable joint. A step gathers the objectives' quadratic models in the picture's plane, carries them through
projection and skinning to the unknowns, adds the priors and solves one small dense system for every item.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .kinematics import exponential, logarithm
from .observe import Observation, Observer
from .posed import PosedSkin
from .poses import Poses
from .problem import Problem

MOST_TURN = 1.0
"""Most radians that a joint turns in one step: the linearisation holds no farther."""

MOST_STRETCH = 0.3
"""Most that the logarithm of a joint's length changes in one step."""


@dataclass(frozen=True)
class Priors:
    """Strength of what is believed without looking, against a cost of about 200 for one pixel of misfit everywhere.

    rest: towards the pose of frame 0, per squared radian. swing, aside: shares of it for joints that are built as hinges, for turns about
    their axis and about others. turn, shift: towards the predicted pose, per squared radian and
    squared diagonal. depth: of movable joints towards their depth in frame 0, per squared diagonal.
    bulk: of the whole surface towards its depth in frame 0, per squared diagonal and as a mean over the surface. One view says
        little about depth, and a chain of bones can lean far out of the picture by small turns that `rest` hardly feels.
    slide: of joints that hang on another and may leave their place in it towards that place, per squared diagonal. stretch: of
    joints that may change their length towards that of frame 0, per squared logarithm. damping: towards where the step starts.
    hinge: in the joint refinement, of joints towards turns about the axes that they and their like use, see `hinge`.
    standing: in the joint refinement, of parts that stand still in the picture towards their depth, per squared diagonal and joint, see `standing`.
    loosens: whether the joint refinement gives up rest and smoothness step by step, see `refine`.
    frees: whether joints may leave their place or stretch where the picture demands it, see `freedom`.
    """

    rest: float = 40.0
    swing: float = 0.03
    aside: float = 3.0
    turn: float = 15.0
    shift: float = 60.0
    depth: float = 20.0
    bulk: float = 0.0
    slide: float = 40.0
    stretch: float = 40.0
    damping: float = 1.0
    hinge: float = 5.0
    standing: float = 100000.0
    loosens: bool = True
    frees: bool = True


OWN_RIG = Priors()
"""For a rig that somebody made for this subject."""

AUTOMATIC_RIG = Priors(rest=160.0, bulk=20000.0, loosens=False, frees=False)
"""For a rig that nobody made for this subject: its bones can do more than the body does, so less is left to the picture alone."""


@dataclass(frozen=True)
class System:
    """Normal equations of a batch: hessian float64[I, P, P], gradient float64[I, P], cost float64[I].

    above: float64[I, J, 3, 3], the turns of the joints' parents in the poses that they hold for; None where nobody has asked yet.
    """

    hessian: Tensor
    gradient: Tensor
    cost: Tensor
    above: Tensor | None = None


@dataclass(frozen=True)
class Solver:
    """Fits poses to frames."""

    observer: Observer
    priors: Priors = Priors()

    @property
    def problem(self) -> Problem:
        """The subject that is posed."""
        return self.observer.problem

    def fit(
        self, frames: Sequence[int], poses: Poses, predicted: Poses | None, levels: Sequence[int], steps: int = 2, flow: Sequence[bool] = ()
    ) -> Poses:
        """Improve poses, each against its frame: for every level draw, choose points, and take a few steps.

        predicted: what the temporal prior pulls to; None for no such pull.
        """
        poses = poses.clone()
        for index, level in enumerate(levels):
            world, shift = self.problem.transforms(poses)
            observation = self.observer.observe(frames, self.observer.look.draw(world, shift), level, index < len(flow) and flow[index])
            for _ in range(steps):
                system = self.picture_system(poses, observation)
                poses = self.step(poses, self.with_priors(system, poses, predicted))
        return poses

    def picture_system(self, poses: Poses, observation: Observation) -> System:
        """Normal equations of what the picture says."""
        world, shift = self.problem.transforms(poses)
        posed = PosedSkin(self.problem.skeleton, observation.skin, world, shift)
        positions, rows = self.observer.look.project(posed.points)
        information, gradient, cost = np.zeros((*positions.shape, 2)), np.zeros(positions.shape), np.zeros(len(poses))
        for part, objectives in observation.parts:
            for objective in objectives:
                model = objective.quadratic(positions[:, part])
                information[:, part] += model.information
                gradient[:, part] += model.gradient
                cost += model.cost
        stretching = self.problem.stretching(poses, world)
        normal = posed.normal(rows, torch.from_numpy(information), torch.from_numpy(gradient), self.problem.movable, stretching)
        return System(*normal, torch.from_numpy(cost), self.problem.parent_turns(poses, world))

    def with_priors(self, system: System, poses: Poses, predicted: Poses | None) -> System:
        """Add the pull to the pose of frame 0 and to the predicted pose."""
        above = self.above(poses, system.above)
        priors, movable = self.priors, self.problem.movable
        turns, shifts = self.problem.parts
        diagonal = torch.full((self.problem.unknowns,), priors.damping, dtype=torch.float64)
        diagonal[turns] += priors.rest
        diagonal[shifts.stop :] += priors.stretch
        gradient, away = system.gradient.clone(), priors.rest * logarithm(poses.rotations)
        gradient[:, shifts.stop :] += priors.stretch * self._lengths(poses)
        if predicted is not None:
            diagonal[turns] += priors.turn
            diagonal[shifts] += priors.shift
            diagonal[shifts.stop :] += priors.turn
            away += priors.turn * logarithm(poses.rotations @ predicted.rotations.transpose(-1, -2))
            apart = rotated(above[:, movable], (poses.translations - predicted.translations)[:, movable])
            gradient[:, shifts] += priors.shift * apart.flatten(1)
            gradient[:, shifts.stop :] += priors.turn * (self._lengths(poses) - self._lengths(predicted))
        gradient[:, turns] += rotated(above, away).flatten(1)
        hessian = system.hessian.clone()
        hessian.diagonal(dim1=1, dim2=2).add_(diagonal)
        axis = torch.from_numpy(self.problem.camera_axis)
        for index, joint in enumerate(torch.nonzero(movable)[:, 0].tolist()):
            part = slice(shifts.start + 3 * index, shifts.start + 3 * index + 3)
            root = self.problem.skeleton.parents[joint] < 0
            shape = priors.depth * axis[:, None] * axis if root else priors.slide * torch.eye(3, dtype=torch.float64)
            hessian[:, part, part] += shape
            gradient[:, part] += rotated(above[:, joint], poses.translations[:, joint]) @ shape
        if self.problem.rig.hinged.any():
            self._add_hinges(hessian, gradient, poses, above)
        if priors.bulk == 0:
            return System(hessian, gradient, system.cost, above)
        held = self.held_depth(poses, *self.problem.transforms(poses))
        return System(hessian + held.hessian, gradient + held.gradient, system.cost, above)

    def above(self, poses: Poses, known: Tensor | None = None) -> Tensor:
        """float64[I, J, 3, 3]: the turns of the joints' parents, where they are not known already."""
        return self.problem.parent_turns(poses, self.problem.transforms(poses)[0]) if known is None else known

    def _add_hinges(self, hessian: Tensor, gradient: Tensor, poses: Poses, above: Tensor) -> None:
        """What the pull to the pose of frame 0 is more, or less, where joints are built as hinges. above: float64[I, J, 3, 3], the parents' turns."""
        axes, priors = self.problem.hinge_axes, self.priors
        hinged = axes.norm(dim=1)[:, None, None]
        along = axes[:, :, None] * axes[:, None]
        shape = priors.rest * ((priors.aside - 1) * hinged * torch.eye(3, dtype=axes.dtype) + (priors.swing - priors.aside) * along)
        turns = self.problem.parts[0]
        hessian[:, turns, turns] += block_diagonal(above @ shape @ above.transpose(-1, -2))
        gradient[:, turns] += rotated(above @ shape, logarithm(poses.rotations)).flatten(1)

    def _lengths(self, poses: Poses) -> Tensor:
        """float64[I, S]: logarithms of the lengths that may change."""
        return poses.translations[:, :0, 0] if poses.stretches is None else poses.stretches[:, self.problem.stretchy]

    def held_depth(self, poses: Poses, world: Tensor, shift: Tensor) -> System:
        """The pull of the whole surface towards its depth in frame 0; see `Priors.bulk`."""
        skin, rest = self.problem.bulk
        axis = torch.from_numpy(self.problem.camera_axis)
        posed = PosedSkin(self.problem.skeleton, skin.single(), world, shift)
        away = (posed.points - rest) @ axis
        strength = self.priors.bulk / len(rest)
        rows = axis.repeat(*away.shape, 1, 1)
        information, gradient = torch.full((*away.shape, 1, 1), strength, dtype=axis.dtype), strength * away[..., None]
        hessian, slope = posed.normal(rows, information, gradient, self.problem.movable, self.problem.stretching(poses, world))
        return System(hessian, slope, 0.5 * strength * (away**2).sum(1))

    def step(self, poses: Poses, system: System) -> Poses:
        """Solve and move."""
        factor = torch.linalg.cholesky(system.hessian)
        change = -torch.cholesky_solve(system.gradient[..., None], factor)[..., 0]
        return self.moved(poses, change, system.above)

    def moved(self, poses: Poses, change: Tensor, above: Tensor | None = None) -> Poses:
        """Poses after a change [I, P] of the unknowns. above: see `System.above`."""
        back = self.above(poses, above).transpose(-1, -2)
        turns, shifts = self.problem.parts
        turn = rotated(back, change[:, turns].reshape(len(poses), -1, 3))
        turn = turn * (MOST_TURN / torch.linalg.norm(turn, dim=-1, keepdim=True).clamp(min=MOST_TURN))
        translations = poses.translations.clone()
        movable = self.problem.movable
        translations[:, movable] += rotated(back[:, movable], change[:, shifts].reshape(len(poses), -1, 3))
        return Poses(exponential(turn) @ poses.rotations, translations, self.problem.stretched(poses, change[:, shifts.stop :].clamp(-MOST_STRETCH, MOST_STRETCH)))


def predict(last: Poses, before: Poses | None, share: float) -> Poses:
    """The pose after `last` at `share` of the speed between `before` and `last`."""
    if before is None or share == 0:
        return last.clone()
    turn = logarithm(last.rotations @ before.rotations.transpose(-1, -2))
    stretches = None if last.stretches is None or before.stretches is None else last.stretches + share * (last.stretches - before.stretches)
    return Poses(exponential(share * turn) @ last.rotations, last.translations + share * (last.translations - before.translations), stretches)


def block_diagonal(blocks: Tensor) -> Tensor:
    """[T, 3 N, 3 N] with blocks [T, N, 3, 3] along the diagonal."""
    count, size = blocks.shape[:2]
    result = torch.zeros(count, size, 3, size, 3, dtype=blocks.dtype)
    index = torch.arange(size)
    result[:, index, :, index] = blocks.transpose(0, 1)
    return result.reshape(count, 3 * size, 3 * size)


def rotated(rotations: Tensor, vectors: Tensor) -> Tensor:
    """Rotations [..., 3, 3] applied to vectors [..., 3]."""
    return (rotations @ vectors[..., None])[..., 0]
