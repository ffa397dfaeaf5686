"""Polylines: float64[N, 3], from one end to the other."""

import numpy as np

from ..types import Float64

STRAIGHT = 1.0
"""How far, in radii, a line is averaged along itself to either side."""


def straightened(points: Float64, radii: Float64) -> Float64:
    """The line without the bends that are smaller than the body is thick: every point becomes the mean of its neighbourhood.

    The neighbourhood reaches as far as the point is from the outside, and less near the ends, which stay where they are.
    """
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    reach = np.minimum(STRAIGHT * radii, np.minimum(arc, arc[-1] - arc))
    near = np.abs(arc[:, None] - arc) <= reach[:, None] + 1e-12
    return np.asarray(near @ points / near.sum(1, keepdims=True))


def length_of(points: Float64) -> float:
    """Arc length of a polyline."""
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


def resampled(points: Float64) -> Float64:
    """The same line with twice as many points, evenly spread."""
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    steps = np.linspace(0, arc[-1], 2 * len(points))
    return np.stack([np.interp(steps, arc, points[:, k]) for k in range(3)], 1)
