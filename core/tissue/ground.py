"""The ground: a level plane that the surface of the flesh may not sink through. Springs push back what does; nothing rubs.

G is the number of contact points, N of cage nodes.
"""

from dataclasses import dataclass

import numpy as np

from ..types import Float64, Int32
from .cage import Cage
from .elasticity import Elasticity

POINTS_PER_EDGE = 2
"""Contact points along the edge of a cell."""

HARDNESS = 10.0
"""Force of a contact point's spring, at a cell's depth, relative to the modulus times a cell's area."""


@dataclass(frozen=True)
class Ground:
    """Contact of some points of the surface with a level plane.

    corners: int32[G, 4], barycentric: float64[G, 4]: the nodes that each point moves with. floors: float64[G], height below which
    it is pushed up, simulated metres. strength: N/m. slots: int32[G, 4, 4], see `Elasticity.block_slots`.
    """

    corners: Int32
    barycentric: Float64
    floors: Float64
    strength: float
    slots: Int32

    @staticmethod
    def under(cage: Cage, body: Elasticity, height: float, young: float, scale: float) -> "Ground":
        """The ground at a height, metres of the scene.

        young: Pa, of the flesh. scale: simulated metres for one of the scene. What is modelled below the ground may stay as deep.
        """
        places = np.einsum("pk,pki->pi", cage.sample_barycentric, cage.nodes[cage.sample_nodes])
        cells = np.floor(places * POINTS_PER_EDGE / cage.cell_size).astype(np.int64)
        chosen = np.sort(np.unique(cells, axis=0, return_index=True)[1])
        corners = cage.sample_nodes[chosen]
        floors = np.minimum(height, places[chosen, 2]) * scale
        strength = HARDNESS * young * cage.cell_size * scale / POINTS_PER_EDGE**2
        return Ground(corners, cage.sample_barycentric[chosen], floors, strength, body.block_slots(corners))

    def energy(self, x: Float64) -> float:
        """Joules, of the nodes at x: float64[N, 3]."""
        return 0.5 * self.strength * float((self._depth(x) ** 2).sum())

    def gradient(self, x: Float64) -> Float64:
        """float64[N, 3], newtons (the push is its negative)."""
        result = np.zeros_like(x)
        pushes = -self.strength * self._depth(x)[:, None] * self.barycentric
        result[:, 2] = np.bincount(self.corners.ravel(), pushes.ravel(), len(x))
        return result

    def add_curvature(self, x: Float64, blocks: Float64) -> None:
        """Add the second derivative to the blocks float64[blocks, 3, 3] of the stiffness."""
        touching = np.flatnonzero(self._depth(x) > 0)
        weights = self.barycentric[touching]
        values = self.strength * weights[:, :, None] * weights[:, None, :]
        slots = self.slots[touching]
        free = slots >= 0
        blocks[:, 2, 2] += np.bincount(slots[free], values[free], len(blocks))

    def _depth(self, x: Float64) -> Float64:
        """float64[G], how far each point is below its floor, 0 above."""
        heights = np.einsum("gk,gk->g", self.barycentric, x[self.corners, 2])
        return np.maximum(self.floors - heights, 0.0)
