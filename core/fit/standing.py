"""What stands still in the picture stands still in space.

One view says little about depth, so a planted foot can slide along the ray of sight while the body above it moves, and nothing in the
picture objects. But that a part moves, and exactly along the rays of all its points, is unlikely. So every span of frames in which all
points of a joint's skin keep their places in the picture is found in the present estimate, and the points' depths are pulled together
over it: to those of frame 0 where the span begins there, else to their mean. A subject that comes towards the camera grows in the
picture, which moves the points of its parts, so that it is not held.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..sent_once import sent_once
from ..types import Float64
from .kinematics import Skin
from .posed import PosedSkin, skinned
from .poses import Poses
from .problem import Problem

POINTS = 6
"""Points of a joint's skin that are watched."""

STILL = 0.005
"""Fraction of the diagonal by which they may stray in the picture's plane from their mean places."""

BATCH = 16
"""Lengths of a span that are tried at once."""

SHORTEST = 6
"""Frames that a part must stand still at least: every swing has a turning point."""


@sent_once
@dataclass(frozen=True)
class Feelers:
    """Points of every joint's skin, far from each other. skin: of all; joint: int64[N], whose they are."""

    problem: Problem
    skin: Skin
    joint: np.ndarray

    @staticmethod
    def of(problem: Problem) -> "Feelers":
        """Choose them."""
        main = problem.skin.bones.gather(1, problem.skin.weights.argmax(1, keepdim=True))[:, 0].numpy()
        chosen = [_far_apart(problem.vertices, np.flatnonzero(main == joint)) for joint in np.unique(main)]
        points = torch.from_numpy(np.concatenate(chosen))
        return Feelers(problem, problem.skin[points], main[points.numpy()])

    @cached_property
    def axis(self) -> Tensor:
        """float64[3]: the direction of depth."""
        return torch.from_numpy(self.problem.camera_axis)

    def in_plane(self, points: Float64) -> Float64:
        """[T, N, 2]: places in the picture's plane, in units of the diagonal at each point's depth in frame 0."""
        matrix = self.problem.clip_matrix
        clip = points @ matrix[:, :3].T + matrix[:, 3]
        unit = np.linalg.norm(matrix[:2, :3], axis=1)
        return clip[..., :2] / clip[..., 3:] * clip[:1, :, 3:] / unit


@dataclass(frozen=True)
class Standing:
    """Depths that points are held at. target, strength: float64[T, N]; strength is 0 where a point moves."""

    feelers: Feelers
    target: Tensor
    strength: Tensor

    @staticmethod
    def of(feelers: Feelers, poses: Poses, strength: float) -> "Standing":
        """Look where the parts stand still. strength: per squared diagonal and joint."""
        points = skinned(feelers.skin.single(), *feelers.problem.transforms(poses))
        places, depth = feelers.in_plane(points.numpy()), (points @ feelers.axis).numpy()
        target, held = depth.copy(), np.zeros_like(depth)
        for joint in np.unique(feelers.joint):
            own = np.flatnonzero(feelers.joint == joint)
            for span in still_spans(places[:, own]):
                target[span, own] = depth[0, own] if span.start == 0 else depth[span, own].mean(0)
                held[span, own] = strength / len(own)
        return Standing(feelers, torch.from_numpy(target), torch.from_numpy(held))

    def pull(self, poses: Poses, frames: slice) -> tuple[Tensor, Tensor]:
        """Hessian float64[T', P, P] and gradient float64[T', P] in the unknowns along the world's axes (see `solver`)."""
        problem, part = self.feelers.problem, poses[frames]
        held = torch.nonzero(self.strength[frames].any(0))[:, 0]
        target, strength = self.target[frames][:, held], self.strength[frames][:, held]
        world, shift = problem.transforms(part)
        posed = PosedSkin(problem.skeleton, self.feelers.skin[held].single(), world, shift)
        axis = self.feelers.axis
        away = posed.points @ axis - target
        rows = axis.repeat(*away.shape, 1, 1)
        return posed.normal(rows, strength[..., None, None].contiguous(), (strength * away)[..., None], problem.movable, problem.stretching(part, world))


def still_spans(places: Float64) -> list[slice]:
    """Spans of at least `SHORTEST` frames in which all points [T, N, 2] keep within `STILL` of their mean places."""
    if len(places) < SHORTEST:
        return []
    windows = np.moveaxis(np.lib.stride_tricks.sliding_window_view(places, SHORTEST, 0), -1, 1)
    begins = np.flatnonzero(_strays(windows - windows.mean(1, keepdims=True)) <= STILL)
    spans: list[slice] = []
    while len(begins):
        begin = int(begins[0])
        end = begin + _longest(places[begin:])
        spans.append(slice(begin, end))
        begins = begins[begins >= end]
    return spans


def _longest(places: Float64) -> int:
    """With how many frames a span that begins with the first of these stands still; at least `SHORTEST`, which do."""
    count = len(places)
    for first in range(SHORTEST + 1, count + 1, BATCH):
        lengths = np.arange(first, min(first + BATCH, count + 1))
        part = places[: lengths[-1]]
        means = part.cumsum(0)[lengths - 1] / lengths[:, None, None]
        apart = part - means[:, None]
        apart[np.arange(len(part)) >= lengths[:, None]] = 0
        moves = np.flatnonzero(_strays(apart) > STILL)
        if len(moves):
            return int(lengths[moves[0]]) - 1
    return count


def _strays(apart: Float64) -> Float64:
    """float64[S]: the farthest of all points in all frames from their means, [S, T, N, 2]."""
    return np.linalg.norm(apart, axis=-1).max((1, 2))


def _far_apart(vertices: Float64, own: np.ndarray) -> np.ndarray:
    """Up to `POINTS` of the vertices `own`, each the farthest from those before."""
    chosen = [int(own[0])]
    distance = np.full(len(own), np.inf)
    while len(chosen) < min(POINTS, len(own)):
        distance = np.minimum(distance, np.linalg.norm(vertices[own] - vertices[chosen[-1]], axis=1))
        chosen.append(int(own[distance.argmax()]))
    return np.array(chosen)
