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
        sides = np.array([[1, 0], [-1, 0], [0, 1], [0, -1], [0, 0]], np.float32) * 0.5
        around = positions.astype(np.float32)[:, None] + sides[:, None]
        values = np.empty((*around.shape[:3], 3))
        for item, frame in enumerate(self.frames):
            values[item] = sample(self.evidence[frame].blurred(self.level), around[item].reshape(-1, 2)).reshape(values.shape[1:])
        residual = values[:, 4] - self.colours
        squared = _dot(residual, residual)
        weight = self.weights * _outlier_weight(squared, self.tolerance)
        across, down = values[:, 0] - values[:, 1], values[:, 2] - values[:, 3]
        information = _symmetric(weight * _dot(across, across), weight * _dot(across, down), weight * _dot(down, down))
        gradient = np.stack([weight * _dot(across, residual), weight * _dot(down, residual)], -1)
        return Quadratic(information, gradient, (self.weights * _robust(squared, self.tolerance)).sum(1))


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
        pixel, places = self.evidence.pixel, positions.astype(np.float32)
        distance, slope = np.empty(places.shape[:2]), np.empty(places.shape)
        for item, frame in enumerate(self.frames):
            ready = self.evidence[frame]
            distance[item], slope[item] = sample(ready.distance, places[item]), sample(ready.slope, places[item])
        residual = (distance - self.offset) / pixel
        weight = self.weights * _outlier_weight(residual**2, self.tolerance)
        gradient = (weight * residual / pixel)[..., None] * slope
        return Quadratic(_outer(weight / pixel**2, slope), gradient, (self.weights * _robust(residual**2, self.tolerance)).sum(1))


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
        count, points = positions.shape[:2]
        owners = (self.owners + points * np.arange(count)[:, None]).ravel()
        apart = (positions.reshape(-1, 2)[owners] - self.targets.reshape(-1, 2)).reshape(self.targets.shape) / self.pixel
        distance = _dot(apart, apart)
        weight = self.weights * _outlier_weight(distance, self.tolerance)
        pull, along = apart, distance
        if self.normals is not None:
            across = _dot(self.normals, apart)
            pull, along = across[..., None] * self.normals, across**2

        def summed(values: Float64) -> Float64:
            total = np.bincount(owners, values.ravel(), count * points).astype(np.float64, copy=False)
            return total.reshape(count, points)

        stiff = weight / self.pixel**2
        if self.normals is None:
            total = summed(stiff)
            information = _symmetric(total, np.zeros_like(total), total)
        else:
            x, y = self.normals[..., 0], self.normals[..., 1]
            information = _symmetric(summed(stiff * x * x), summed(stiff * x * y), summed(stiff * y * y))
        force = weight / self.pixel
        gradient = np.stack([summed(force * pull[..., 0]), summed(force * pull[..., 1])], -1)
        return Quadratic(information, gradient, (self.weights * _robust(along, self.tolerance)).sum(1))


def _dot(one: Float64, other: Float64) -> Float64:
    """Scalar products along the last axis."""
    return np.einsum("...c,...c->...", one, other)


def _outer(weight: Float64, vectors: Float64) -> Float64:
    """[..., 2, 2]: weights [...] times the vectors [..., 2] times themselves."""
    weighted = weight[..., None] * vectors
    return weighted[..., :, None] * vectors[..., None, :]


def _symmetric(xx: Float64, xy: Float64, yy: Float64) -> Float64:
    """[..., 2, 2] of three of its entries [...]."""
    return np.stack([xx, xy, xy, yy], -1).reshape(*xx.shape, 2, 2)


def _outlier_weight(squared: Float64, tolerance: float) -> Float64:
    """Weight of a residual in the Geman-McClure cost: 1 for small ones, falling with the fourth power of large ones."""
    return 1 / (1 + squared / tolerance**2) ** 2


def _robust(squared: Float64, tolerance: float) -> Float64:
    """Half the Geman-McClure cost of squared residuals: r^2 / 2 for small ones, at most tolerance^2 / 2."""
    return 0.5 * squared / (1 + squared / tolerance**2)
