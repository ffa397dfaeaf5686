"""Which triangle lies across each edge: what antialiasing walks along."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from torch import Tensor

from ..types import Float32, Int32, Int64

WELD_TOLERANCE = 1e-6
"""Vertices nearer than this, as a fraction of the bounding box's diagonal, are one."""



@dataclass(frozen=True)
class Topology:
    """Adjacency over edges.

    neighbours: int32[F, 3], for edge k of each triangle, from its corner k to its corner (k + 1) % 3: 4 * (the triangle
        across it) + (the number of the same edge there), -1 where the surface ends.
    """

    neighbours: Tensor

    def to(self, device: torch.device | str) -> "Topology":
        """The same on another device."""
        return Topology(self.neighbours.to(device))


def topology(triangles: Tensor | Int32, vertices: Tensor | Float32 | None = None) -> Topology:
    """Build the adjacency; once a mesh is enough.

    triangles: int32[F, 3]. vertices: float32[V, 3] at rest; where given, coincident vertices count as one, so that the
    unwelded seams of game assets are not taken for borders.

    Triangles with two corners in one place have no neighbours and are skipped over; doubled faces (the same corners twice)
    count as one sheet; where more than two triangles share an edge each has the next as its neighbour.
    """
    corners = np.asarray(torch.as_tensor(triangles).cpu(), dtype=np.int64)
    if vertices is not None:
        corners = _welded(np.asarray(torch.as_tensor(vertices).cpu(), dtype=np.float64))[corners]
    device = triangles.device if isinstance(triangles, Tensor) else "cpu"
    return Topology(torch.from_numpy(_neighbours(corners)).to(device))


def _welded(vertices: NDArray[np.float64]) -> Int64:
    """int64[V]: a number for each place that vertices lie in."""
    count = len(vertices)
    tolerance = WELD_TOLERANCE * float(np.linalg.norm(np.ptp(vertices, axis=0))) if count else 0.0
    pairs = cKDTree(vertices).query_pairs(tolerance, output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(links, directed=False)[1].astype(np.int64)


def _neighbours(corners: Int64) -> Int32:
    """int32[F, 3] of `Topology` for welded corners."""
    starts, ends = corners, np.roll(corners, -1, axis=1)
    sound = (starts != ends).all(axis=1)
    low, high = np.minimum(starts, ends), np.maximum(starts, ends)
    edge_key = low * (int(corners.max(initial=0)) + 1) + high
    sheet = sound & _first_of_its_kind(corners)
    listed = np.flatnonzero(np.repeat(sheet, 3))
    listed = listed[np.argsort(edge_key.ravel()[listed], kind="stable")]
    keys = edge_key.ravel()[listed]
    own = np.flatnonzero(np.repeat(sound, 3))
    begin, end = np.searchsorted(keys, edge_key.ravel()[own], "left"), np.searchsorted(keys, edge_key.ravel()[own], "right")
    partner = _next_in_ring(own, _leader(corners)[own // 3], listed, begin, end)
    found = np.full(corners.size, -1, np.int32)
    found[own] = np.where(partner >= 0, 4 * (partner // 3) + partner % 3, -1)
    return found.reshape(-1, 3)


def _leader(corners: Int64) -> Int64:
    """int64[F]: the first triangle with the same three corners, in any order."""
    _, first, group = np.unique(np.sort(corners, axis=1), axis=0, return_index=True, return_inverse=True)
    return first[group.reshape(-1)]


def _first_of_its_kind(corners: Int64) -> NDArray[np.bool_]:
    """bool[F]: no earlier triangle has the same corners."""
    return _leader(corners) == np.arange(len(corners))


def _next_in_ring(own: Int64, leaders: Int64, listed: Int64, begin: Int64, end: Int64) -> Int64:
    """For each half-edge, the one that follows its sheet's own among those of the same edge, cyclically; -1 if it is alone.

    own: half-edges (3 * triangle + edge). leaders: the triangle that stands for each one's sheet. listed: half-edges of the
    standing triangles by edge. begin, end: the stretch of `listed` with the same edge.
    """
    position = begin.copy()
    for step in range(int((end - begin).max(initial=0))):
        at = np.minimum(begin + step, end - 1)
        position = np.where(listed[at] // 3 == leaders, at, position)
    following = np.where(position + 1 < end, position + 1, begin)
    return np.where(end - begin > 1, listed[following], -1)
