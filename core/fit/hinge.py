"""What the clip itself tells about the axes that joints turn about.

Knees, elbows and shoulders of animated subjects turn about few axes, and those of one body have axes in common: legs that walk swing
about the axis across the body, all of them. One view shows some joints' axes well and others' badly. So every joint's turns are taken
as drawn from a normal distribution of its own, whose covariance is estimated from its turns and, in shape, from those of all joints,
the more of the latter the better joints agree (empirical Bayes; an inverse Wishart prior about the pooled shape). Estimated anew in every round, this is the log-determinant penalty on
a joint's covariance, which favours few axes (iteratively reweighted least squares; Fazel, Hindi and Boyd 2003). Only what is rarer than
turns about the joint's main axis is held against it: a joint may turn as far as it likes.

A joint's turn is the rotation vector of its local rotation; in frame 0 all are zero and have the world's axes, so that joints compare.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .kinematics import cross_matrix, logarithm
from .poses import Poses

FLOOR = 0.1
"""Radians about every axis, as a standard deviation, at which a joint is not yet told to turn about one axis rather than another."""


@dataclass(frozen=True)
class Hinges:
    """What speaks against a joint's turns. precision: float64[J, 3, 3], per squared radian, zero about the joint's main axis."""

    precision: Tensor

    @staticmethod
    def of(poses: Poses) -> "Hinges":
        """Estimate from a clip."""
        turns = logarithm(poses.rotations)
        own = turns.permute(1, 2, 0) @ turns.permute(1, 0, 2) / len(turns)
        size = own.diagonal(dim1=1, dim2=2).sum(1)[:, None, None]
        shape = (own / (size + FLOOR**2)).sum(0)  # joints that turn at all count alike
        shape = shape / shape.trace().clamp(min=1e-12)
        pooled = common_axis(shape)
        spread = (1 - pooled) * own + pooled * size * shape + FLOOR**2 * torch.eye(3, dtype=own.dtype)
        variances, axes = torch.linalg.eigh(spread)
        excess = 1 / variances - 1 / variances[:, -1:]
        return Hinges(axes @ torch.diag_embed(excess) @ axes.transpose(1, 2))

    def scaled(self, factor: float) -> "Hinges":
        """The same, so many times stronger."""
        return Hinges(factor * self.precision)

    def pull(self, poses: Poses) -> tuple[Tensor, Tensor]:
        """The quadratic model of half the squared turns under `precision`, in small turns of the joints in their parents' frames:
        hessian float64[T, J, 3, 3] and gradient float64[T, J, 3]."""
        turns = logarithm(poses.rotations)
        slope = inverse_left_jacobian(turns)
        weighted = slope.transpose(-1, -2) @ self.precision
        return weighted @ slope, (weighted @ turns[..., None])[..., 0]


def common_axis(shape: Tensor) -> float:
    """0 to 1: how much joints have an axis in common, from the mean [3, 3] of their covariances, each of trace one: 1 where all turn about
    one axis, 0 where no axis is preferred. The norm of what is not round in it, against that of a single axis."""
    return float(torch.sqrt((shape.pow(2).sum() - 1 / 3).clamp(min=0) * 1.5))


def inverse_left_jacobian(vectors: Tensor) -> Tensor:
    """[..., 3, 3]: how a rotation vector [..., 3], shorter than pi, changes with a small turn applied after it (Barfoot 2017, 7.76)."""
    angle = torch.linalg.norm(vectors, dim=-1)[..., None, None].clamp(min=1e-3, max=3.1)
    cross = cross_matrix(vectors)
    factor = 1 / angle**2 - (1 + torch.cos(angle)) / (2 * angle * torch.sin(angle))
    return torch.eye(3, dtype=vectors.dtype) - 0.5 * cross + factor * cross @ cross
