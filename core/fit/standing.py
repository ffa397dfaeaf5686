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

from ..types import Float64
from .kinematics import Moments, Skin
from .poses import Poses
from .problem import Problem

POINTS = 6
"""Points of a joint's skin that are watched."""

STILL = 0.005
"""Fraction of the diagonal by which they may stray in the picture's plane from their mean places."""

SHORTEST = 6
"""Frames that a part must stand still at least: every swing has a turning point."""


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
        skin = Skin(problem.skin.bones[points], problem.skin.weights[points], problem.skin.starts[points])
        return Feelers(problem, skin, main[points.numpy()])

    @cached_property
    def axis(self) -> Tensor:
        """float64[3]: the direction of depth."""
        return torch.from_numpy(self.problem.camera_axis)

    def moments(self, poses: Poses) -> Moments:
        """Where the points are."""
        return Moments.of(self.problem.skeleton, self.skin, *self.problem.transforms(poses))

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
        points = feelers.moments(poses).points.double()
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
        moments = self.feelers.moments(part)
        rows = self.feelers.axis.to(moments.points.dtype).expand(*moments.points.shape[:2], 1, 3)
        jacobian = moments.jacobian(rows, problem.movable, problem.stretching(part, problem.transforms(part)[0]))[:, :, 0].double()
        away = moments.points.double() @ self.feelers.axis - self.target[frames]
        weighted = (jacobian * self.strength[frames, :, None]).transpose(1, 2)
        return weighted @ jacobian, (weighted @ away[..., None])[..., 0]


def still_spans(places: Float64) -> list[slice]:
    """Spans of at least `SHORTEST` frames in which all points [T, N, 2] keep within `STILL` of their mean places."""
    spans, begin = [], 0
    while begin + SHORTEST <= len(places):
        end = begin + SHORTEST
        if _strays(places[begin:end]) > STILL:
            begin += 1
            continue
        while end < len(places) and _strays(places[begin : end + 1]) <= STILL:
            end += 1
        spans.append(slice(begin, end))
        begin = end
    return spans


def _strays(places: Float64) -> float:
    return float(np.linalg.norm(places - places.mean(0), axis=-1).max())


def _far_apart(vertices: Float64, own: np.ndarray) -> np.ndarray:
    """Up to `POINTS` of the vertices `own`, each the farthest from those before."""
    chosen = [int(own[0])]
    distance = np.full(len(own), np.inf)
    while len(chosen) < min(POINTS, len(own)):
        distance = np.minimum(distance, np.linalg.norm(vertices[own] - vertices[chosen[-1]], axis=1))
        chosen.append(int(own[distance.argmax()]))
    return np.array(chosen)
