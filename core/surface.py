"""What several parts ask of a mesh's surface: which vertices lie at one place, and points spread evenly over it."""

import numpy as np

from .types import Float32, Float64, Int64


def at_one_place(vertices: Float32 | Float64, within: float) -> tuple[Int64, Int64]:
    """Vertices that lie at one place, to a grid of the width `within` in the vertices' unit.

    vertices: [V, 3]. Returns int64[N], the first vertex at each place, and int64[V], the place of every vertex.
    """
    cells = np.round(vertices / within).astype(np.int64)
    _, first, place = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    return first, place.reshape(-1)


def spread_by_area(areas: Float64, count: int) -> Int64:
    """int64[count]: the triangles on which points lie that are spread evenly over a surface. areas: float64[F], of its triangles, in any unit."""
    along = (np.arange(count) + 0.5) / count * areas.sum()
    return np.minimum(np.searchsorted(np.cumsum(areas), along), len(areas) - 1)
