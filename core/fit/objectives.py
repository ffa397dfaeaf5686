"""What pulls the estimate towards the picture.

Every objective looks at points of the surface where they appear on the screen and answers, for each, with a quadratic model
of its cost in the picture's plane: cost(p + d) ~ cost(p) + d . gradient + d . information d / 2. The solver carries these
through projection, skinning and skeleton, so that an objective knows nothing of bones.

Arrays are [I, N, ...]: I items (poses being fitted, each to a frame of its own), N points. Positions are in pixels, row 0 on
top. Residuals in pixels are told in pixels of a 256-pixel picture, whatever the fit's resolution. Weights hold how much a
point counts; 0 takes it out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..types import Float32, Float64
from ..video.pictures import sample
from .evidence import Evidence


@dataclass(frozen=True)
class Quadratic:
    """information: float64[I, N, 2, 2], positive semi-definite. gradient: float64[I, N, 2]. cost: float64[I]."""

    information: Float64
    gradient: Float64
    cost: Float64


class Objective(Protocol):
    """A term of the cost, for points that appear at given positions."""

    def quadratic(self, positions: Float64) -> Quadratic:
        """The cost's quadratic model at positions [I, N, 2]."""


@dataclass(frozen=True)
class ColourObjective:
    """The surface's colour against the frame's, both blurred alike.

    colours: float32[I, N, 3], the drawing's, blurred to `level`. tolerance: colour difference at which a point begins to
    count as an outlier (Geman-McClure).
    """

    evidence: Evidence
    frames: Sequence[int]
    level: int
    colours: Float32
    weights: Float64
    tolerance: float = 0.1

    def quadratic(self, positions: Float64) -> Quadratic:
        """See `Objective.quadratic`."""
        count = positions.shape[1]
        sides = np.array([[1, 0], [-1, 0], [0, 1], [0, -1], [0, 0]], np.float32) * 0.5
        information, gradient = np.zeros((*positions.shape, 2)), np.zeros(positions.shape)
        cost = np.zeros(len(positions))
        for item, frame in enumerate(self.frames):
            around = (positions[item][None] + sides[:, None]).astype(np.float32).reshape(-1, 2)
            values = sample(self.evidence[frame].blurred(self.level), around).reshape(5, count, 3).astype(np.float64)
            slope = np.stack([values[0] - values[1], values[2] - values[3]], 1)  # n, 2, 3
            residual = values[4] - self.colours[item]
            squared = (residual**2).sum(-1)
            weight = self.weights[item] * _outlier_weight(squared, self.tolerance)
            information[item] = weight[:, None, None] * slope @ slope.transpose(0, 2, 1)
            gradient[item] = weight[:, None] * (slope @ residual[..., None])[..., 0]
            cost[item] = (self.weights[item] * _robust(squared, self.tolerance)).sum()
        return Quadratic(information, gradient, cost)


@dataclass(frozen=True)
class SilhouetteObjective:
    """Points on the drawing's rim belong on the frame's silhouette.

    offset: where a rim point lies in the drawing, pixels to its own outline (negative inside).
    tolerance: pixels at which a point begins to count as an outlier.
    """

    evidence: Evidence
    frames: Sequence[int]
    weights: Float64
    offset: float = -0.5
    tolerance: float = 4.0

    def quadratic(self, positions: Float64) -> Quadratic:
        """See `Objective.quadratic`."""
        pixel = self.evidence.pixel
        information, gradient = np.zeros((*positions.shape, 2)), np.zeros(positions.shape)
        cost = np.zeros(len(positions))
        for item, frame in enumerate(self.frames):
            ready = self.evidence[frame]
            place = positions[item].astype(np.float32)
            residual = (sample(ready.distance, place).astype(np.float64) - self.offset) / pixel
            slope = sample(ready.slope, place).astype(np.float64) / pixel
            weight = self.weights[item] * _outlier_weight(residual**2, self.tolerance)
            information[item] = weight[:, None, None] * slope[:, :, None] * slope[:, None]
            gradient[item] = (weight * residual)[:, None] * slope
            cost[item] = (self.weights[item] * _robust(residual**2, self.tolerance)).sum()
        return Quadratic(information, gradient, cost)


@dataclass(frozen=True)
class TargetObjective:
    """Points belong at given places: flow targets (`normals` None), or, with normals, on the line through the place across the
    normal: the frame's outline calling for the nearest rim point.

    owners: int64[I, M], which point each of the M targets pulls. targets: float64[I, M, 2]. normals: float64[I, M, 2], unit.
    weights: float64[I, M]. tolerance: pixels.
    """

    pixel: float
    owners: np.ndarray
    targets: Float64
    weights: Float64
    normals: Float64 | None = None
    tolerance: float = 4.0

    def quadratic(self, positions: Float64) -> Quadratic:
        """See `Objective.quadratic`."""
        items = np.arange(len(positions))[:, None]
        apart = (positions[items, self.owners] - self.targets) / self.pixel
        distance = (apart**2).sum(-1)
        weight = self.weights * _outlier_weight(distance, self.tolerance)
        if self.normals is None:
            shape = np.broadcast_to(np.eye(2), (*apart.shape, 2))
        else:
            shape = self.normals[..., :, None] * self.normals[..., None, :]
        information, gradient = np.zeros((*positions.shape, 2)), np.zeros(positions.shape)
        np.add.at(information, (items, self.owners), weight[..., None, None] * shape / self.pixel**2)
        np.add.at(gradient, (items, self.owners), weight[..., None] * (shape @ apart[..., None])[..., 0] / self.pixel)
        along = (apart[..., None, :] @ shape @ apart[..., None])[..., 0, 0]
        return Quadratic(information, gradient, (self.weights * _robust(along, self.tolerance)).sum(1))


def _outlier_weight(squared: Float64, tolerance: float) -> Float64:
    """Weight of a residual in the Geman-McClure cost: 1 for small ones, falling with the fourth power of large ones."""
    return 1 / (1 + squared / tolerance**2) ** 2


def _robust(squared: Float64, tolerance: float) -> Float64:
    """Half the Geman-McClure cost of squared residuals: r^2 / 2 for small ones, at most tolerance^2 / 2."""
    return 0.5 * squared / (1 + squared / tolerance**2)
