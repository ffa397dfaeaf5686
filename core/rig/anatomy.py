"""A body as a rigger sees it: one trunk, and limbs that leave it or each other."""

from dataclasses import dataclass

import numpy as np

from ..types import Float64, Int64

LEAST_LIMB = 0.035
"""Limbs shorter than this, fraction of the diagonal, get no bone."""


@dataclass(frozen=True)
class Limb:
    """A chain of the body, in the subject's frame.

    points: float64[N, 3], from its base to its tip. widths: float64[N], half the thickness there.
    parent: index of the limb it leaves, -1 for the trunk. attach: float, arc length on the parent at which it leaves.
    side: +1 left (x > 0), -1 right, 0 in the mirror plane or where there is none.
    parts: int64[N], the part of the subject that each point lies in.
    twin: index of its mirror image, -1 without one. stiff: the parts of it that do not bend between their joints.
    """

    points: Float64
    widths: Float64
    parent: int
    attach: float
    side: int
    parts: Int64
    twin: int = -1
    stiff: frozenset[int] = frozenset()

    @property
    def arc(self) -> Float64:
        """float64[N]: arc length from the base to each point."""
        return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(self.points, axis=0), axis=1))])

    @property
    def length(self) -> float:
        """Arc length of the whole."""
        return float(self.arc[-1])

    def at(self, arc: float) -> Float64:
        """float64[3]: the point at an arc length."""
        return np.array([np.interp(arc, self.arc, self.points[:, k]) for k in range(3)])

    def part_at(self, arc: float) -> int:
        """The part of the subject at an arc length."""
        return int(self.parts[np.abs(self.arc - arc).argmin()])

    @property
    def breaks(self) -> list[float]:
        """Arc lengths at which the limb passes from one part to another."""
        changes = np.flatnonzero(np.diff(self.parts))
        return ((self.arc[changes] + self.arc[changes + 1]) / 2).tolist()

    def width_at(self, arc: float) -> float:
        """Half the thickness at an arc length."""
        return float(np.interp(arc, self.arc, self.widths))
