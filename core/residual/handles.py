"""Handles on the surface: few points whose offsets carry the rest of it smoothly along.

An embedded deformation graph (Sumner et al. 2007) with translations alone: the bones have done the turning. Handles are spread
evenly by farthest-point sampling along the surface, so that two sheets that only come near each other move apart.
V is the number of vertices, K of handles.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import dijkstra

from ..surface import at_one_place
from ..types import Float64, Int32, Mesh

MOST_HANDLES = 160
"""A surface that would need more is covered by handles further apart."""

REACH = 2.0
"""How far a handle reaches, in distances between handles: far enough that every vertex hangs on several."""

WELDED = 1e-5
"""Vertices nearer than about this share of the diagonal are one place of the surface."""


@dataclass(frozen=True)
class Handles:
    """weights: sparse float64[V, K], rows sum to one: offsets of vertices from those of handles.

    shares: float64[K], the part of the surface's area that hangs on each; they sum to one, where none is loosened.
    laplacian: float64[K, K]: o . laplacian . o is the mean over the surface of how much neighbouring handles differ, squared.
    """

    weights: sparse.csr_matrix
    shares: Float64
    laplacian: Float64

    @staticmethod
    def of(mesh: Mesh, spacing: float) -> "Handles":
        """Spread handles over a mesh, about `spacing` of its diagonal apart."""
        places, inverse = _welded(mesh)
        graph, area = _edges(places, inverse[mesh.triangles]), _areas(places, inverse[mesh.triangles])
        distances, spacing = _spread(graph, places, spacing * mesh.diagonal)
        reached = np.maximum(1 - distances / (REACH * spacing), 0)
        kernel = reached**4 * (5 - 4 * reached)  # Wendland's C2 function, of the distance left
        kernel /= np.maximum(kernel.sum(0), 1e-12)
        weights = sparse.csr_matrix(kernel.T)
        overlap = (weights.T @ sparse.diags(area) @ weights).toarray()
        return Handles(weights[inverse], overlap.sum(1), np.diag(overlap.sum(1)) - overlap)

    def __len__(self) -> int:
        return len(self.shares)

    def loosened(self, firmness: Float64) -> "Handles":
        """The same handles, each held by the priors only so much: float64[K], 1 for as before, 0 for not at all. Two are tied to each
        other as firmly as the looser one is held."""
        ties = np.minimum(firmness[:, None], firmness) * np.where(np.eye(len(self), dtype=bool), 0.0, -self.laplacian)
        return Handles(self.weights, firmness * self.shares, np.diag(ties.sum(1)) - ties)


def _spread(graph: sparse.csr_matrix, places: Float64, spacing: float) -> tuple[Float64, float]:
    """Distances float64[K, N] of all places to the handles, along the surface, and how far apart the handles came to lie, metres.

    Where no handle is on a place's own piece of the surface, the straight distance counts: loose buttons follow what is near.
    """
    chosen = int(np.linalg.norm(places - places.mean(0), axis=1).argmax())
    along = np.empty((MOST_HANDLES, len(places)))
    straight = np.empty_like(along)
    gap, count = np.inf, 0
    while gap > spacing and count < min(MOST_HANDLES, len(places)):
        along[count] = dijkstra(graph, directed=False, indices=chosen)
        straight[count] = np.linalg.norm(places - places[chosen], axis=1)
        count += 1
        own = np.isfinite(along[:count]).any(0)
        nearest = np.where(own, along[:count].min(0), straight[:count].min(0))
        chosen, gap = int(nearest.argmax()), float(nearest.max())
    return np.where(own, along[:count], straight[:count]), max(gap, spacing)


def _welded(mesh: Mesh) -> tuple[Float64, Int32]:
    """The places that vertices lie in, float64[N, 3], and which of them each vertex has, int32[V]."""
    first, place = at_one_place(mesh.vertices - mesh.vertices.min(0), WELDED * mesh.diagonal)
    return mesh.vertices[first].astype(np.float64), place.astype(np.int32)


def _edges(places: Float64, triangles: Int32) -> sparse.csr_matrix:
    """[N, N], the edges' lengths in metres."""
    pairs = np.unique(np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    lengths = np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1)
    return sparse.csr_matrix((lengths, (pairs[:, 0], pairs[:, 1])), (len(places), len(places)))


def _areas(places: Float64, triangles: Int32) -> Float64:
    """float64[N]: each place's share of the surface's area."""
    corners = places[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    share = np.bincount(triangles.ravel(), np.repeat(area / 3, 3), len(places))
    return share / max(float(share.sum()), 1e-300)
