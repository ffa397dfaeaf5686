"""Bones found anew beneath a surface that moves beyond them.

The fit of the bones takes the surface for what they carry, and turns them until they carry along what cloth does on its own. Here the
handles' offsets are unknown beside the bones. They are eliminated from every frame's normal equations (Schur complement), as in bundle
adjustment; what is left is what the picture says of the bones however the surface may move, offsets being drawn from a normal
distribution about zero. How wide that is at each handle the clip itself tells: handles that were moved are held less in the next round,
others more (automatic relevance determination, MacKay 1992; Tipping 2001; the square of the variance parts cloth from body sooner than
the variance does). A firm body then decides about its bones, and loose cloth does not.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ..fit.kinematics import Moments, Skin
from ..fit.observe import Observation, Places, skin_at
from ..fit.poses import Poses
from ..fit.refine import Round, one_round
from ..fit.smoothness import Smoothness
from ..fit.solver import Solver, System
from ..settings import ResidualSettings
from ..types import Float64, Mesh
from . import layer
from .carrier import Carrier
from .evidence import Evidence, Film, blocks
from .handles import Handles
from .solve import Priors

log = logging.getLogger(__name__)

ROUNDS = tuple(Round(steps=2, level=level, rest=0.4, smooth=0.2, hinge=1.0) for level in (2, 3, 3, 3))
"""In each the bones follow the picture, and then the offsets the bones. Pulled to the pose of frame 0 more than the fit's own last rounds:
loose cloth says less."""

USUAL = 0.01
"""Offset of a handle (root mean square over the clip, diagonals) at which it is held as the layer's own priors hold it."""

LEAST = 0.003
"""Offset of that kind that is not told from none."""

NEIGHBOURS = 6.0
"""What a frame's own offset counts squared in the second differences that tie it to its neighbours, which stand still meanwhile."""


def settled(solver: Solver, poses: Poses, smoothness: Smoothness, stop: Callable[[], bool], *, mesh: Mesh, settings: ResidualSettings) -> Poses:
    """The poses of a clip, found anew beneath a surface that moves beyond its bones, see `fit.motion.Settle`; frame 0 stays.

    They are kept if a surface that moves beyond them explains the clip better than one that moves beyond the poses as they were.
    """
    look, handles = solver.observer.look, Handles.of(mesh, settings.handle_distance / 100)
    film = Film(replace(solver.observer, surface_points=layer.SURFACE_POINTS), lambda frame: look)
    priors = Priors.held(settings.bone_hold)

    def followed(poses: Poses) -> tuple[Float64, float]:
        carrier = _carrier(solver, poses)
        offsets = layer.follow(film, carrier, handles, priors)
        return offsets, Evidence.of(film, carrier, handles).error(offsets)

    offsets, error = followed(poses)
    found = poses
    for one in ROUNDS:
        if stop():
            return poses
        found, smoothness, offsets = _one_round(solver, found, smoothness, film, handles.loosened(firmness_of(offsets)), priors, offsets, one)
    _, found_error = followed(found)
    log.info("bones beneath a loose surface: the picture error is %.0f instead of %.0f", found_error, error)
    return found if found_error < error else poses


def _one_round(
    solver: Solver, poses: Poses, smoothness: Smoothness, film: Film, handles: Handles, priors: Priors, offsets: Float64, one: Round
) -> tuple[Poses, Smoothness, Float64]:
    freer = replace(solver, priors=replace(solver.priors, rest=one.rest * solver.priors.rest, hinge=one.hinge * solver.priors.hinge))
    picture = LoosePicture(Evidence.of(film, _carrier(solver, poses), handles), priors, offsets)
    poses, smoothness = one_round(freer, poses, replace(smoothness, share=one.smooth), one, picture)
    return poses, smoothness, layer.one_round(Evidence.of(film, _carrier(solver, poses), handles), priors, offsets, one.level)


def _carrier(solver: Solver, poses: Poses) -> Carrier:
    problem = solver.problem
    return Carrier.of(problem, problem.motion(poses, np.ones(problem.joints, np.float32)))


def firmness_of(offsets: Float64) -> Float64:
    """float64[K]: how much each handle is to be held, by what it does in a clip, float64[T, K, 3]."""
    spread = (offsets[1:] ** 2).sum(2).mean(0)
    return (USUAL**2 / (spread + LEAST**2)) ** 2


@dataclass(frozen=True)
class LoosePicture:
    """What the frames say about poses, whatever the surface does beyond them, see `fit.refine.Picture`.

    offsets: float64[T, K, 3], what it does as far as is known.
    """

    evidence: Evidence
    priors: Priors
    offsets: Float64

    def look_at(self, frames: list[int], poses: Poses, level: int) -> Observation:
        """See `Picture.look_at`; the poses are those of the evidence."""
        return self.evidence.look_at(frames, self.offsets[frames], level).observation

    def system(self, frames: list[int], poses: Poses, seen: Observation) -> System:
        """See `Picture.system`."""
        both = self._both(frames, poses, seen)
        held = self._held()
        pull = both.pull + torch.from_numpy(self.offsets[frames].reshape(len(frames), -1) @ held)
        inertia = NEIGHBOURS * self.priors.time * np.repeat(self.evidence.handles.shares, 3)
        factor = torch.linalg.cholesky(both.offsets + torch.from_numpy(held + np.diag(inertia)))
        follows = torch.cholesky_solve(both.mixed.transpose(1, 2), factor)
        return System(
            both.bones.hessian - both.mixed @ follows,
            both.bones.gradient - (follows.transpose(1, 2) @ pull[..., None])[..., 0],
            both.bones.cost,
        )

    def _held(self) -> Float64:
        """float64[3 K, 3 K]: the pull of offsets to zero and to each other."""
        handles = self.evidence.handles
        return np.kron(self.priors.rest * np.diag(handles.shares) + self.priors.space * handles.laplacian, np.eye(3))

    def _both(self, frames: list[int], poses: Poses, seen: Observation) -> "Both":
        problem = self.evidence.carrier.problem
        total = Both.zero(len(frames), problem.unknowns, 3 * len(self.evidence.handles))
        world, shift = problem.transforms(poses)
        for places, objectives in ((seen.surface, seen.surface_objectives), (seen.rim, seen.rim_objectives)):
            skin = self._skin(frames, places)
            moments = Moments.of(problem.skeleton, skin, world, shift)
            positions, rows = self.evidence.film.looks(0).project(moments.points)
            models = [objective.quadratic(positions) for objective in objectives]
            total.bones.cost.add_(torch.from_numpy(sum(model.cost for model in models)))
            information = torch.from_numpy(sum(model.information for model in models))
            gradient = torch.from_numpy(sum(model.gradient for model in models))
            jacobian = moments.jacobian(rows, problem.movable, problem.stretching(poses, world)).double()
            slopes = rows.double() @ self._carried(skin, world)
            for item in range(len(frames)):
                total.add(item, information[item], gradient[item], jacobian[item], slopes[item], self.evidence.mixture(places, item))
        return total

    def _binds(self) -> Tensor:
        """float64[J, 3, 3]: what each joint's bone makes of an offset at rest, in frame 0."""
        problem = self.evidence.carrier.problem
        return torch.from_numpy(problem.rig.bind[list(problem.bone_of_joint), :, :3].astype(np.float64))

    def _skin(self, frames: list[int], places: Places) -> Skin:
        """The chosen points, moved at rest by the offsets of their frames."""
        problem, weights = self.evidence.carrier.problem, self.evidence.weights
        skin = skin_at(problem.skin, places)
        at_rest = [torch.from_numpy(weights @ self.offsets[frame])[corners] for frame, corners in zip(frames, places.corners, strict=True)]
        slots = problem.skin.bones.shape[1]
        moved = torch.stack(at_rest)[..., None, :].expand(-1, -1, -1, slots, -1).flatten(2, 3)
        return Skin(skin.bones, skin.weights, skin.starts + (self._binds()[skin.bones] @ moved[..., None])[..., 0].float())

    def _carried(self, skin: Skin, world: Tensor) -> Tensor:
        """float64[T, N, 3, 3]: how an offset at rest moves each of the points."""
        turned = world @ self._binds()
        batch = torch.arange(len(world))[:, None, None]
        return (turned[batch, skin.bones] * skin.weights.double()[..., None, None]).sum(2)


@dataclass(frozen=True)
class Both:
    """Normal equations of bones and offsets together, for T frames, filled in frame by frame.

    bones: over the P unknowns of a pose. mixed: float64[T, P, 3 K]. offsets: float64[T, 3 K, 3 K]. pull: float64[T, 3 K], the gradient by the offsets.
    """

    bones: System
    mixed: Tensor
    offsets: Tensor
    pull: Tensor

    @staticmethod
    def zero(count: int, unknowns: int, size: int) -> "Both":
        """Of no evidence."""

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(count, *shape, dtype=torch.float64)

        return Both(System(zeros(unknowns, unknowns), zeros(unknowns), zeros()), zeros(unknowns, size), zeros(size, size), zeros(size))

    def add(self, item: int, information: Tensor, gradient: Tensor, jacobian: Tensor, slopes: Tensor, mixture: sparse.csr_matrix) -> None:
        """Add points: their quadratic models in the picture [N, 2, 2] and [N, 2], how they move there with the pose [N, 2, P] and with an
        offset at rest [N, 2, 3], and with which handles, sparse [N, K]."""
        flat = jacobian.flatten(0, 1)
        weighted = information @ jacobian
        self.bones.hessian[item] += weighted.flatten(0, 1).T @ flat
        self.bones.gradient[item] += flat.T @ gradient.flatten()
        carried = (weighted.transpose(1, 2) @ slopes).flatten(1).numpy()
        unknowns = jacobian.shape[2]
        self.mixed[item] += torch.from_numpy(mixture.T @ carried).reshape(-1, unknowns, 3).transpose(0, 1).flatten(1)
        self.offsets[item] += torch.from_numpy(blocks(mixture, (slopes.transpose(1, 2) @ information @ slopes).numpy()))
        pulled = (slopes.transpose(1, 2) @ gradient[..., None])[..., 0].numpy()
        self.pull[item] += torch.from_numpy((mixture.T @ pulled).ravel())
