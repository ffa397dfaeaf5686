"""Which parts of the flesh a cube of the lattice holds: a copy of the cube, with corners of its own, for each.

Parts that come near each other without being one flesh (two legs, a hand at the hip) would otherwise hang together by the
corners of the cubes that both pass through, and those corners could follow neither. So each cube is there once for every
part in it, and neighbouring copies share corners only where the flesh goes on from one to the other (Teran, Sifakis, Blemker
et al. 2005; Nesme, Kry, Jerabkova, Faure 2009).

The flesh is looked at in grains, a third of a cube wide. Two grains are one flesh where the surface joins them, or where
they lie side by side and the motion, each following its own skin weights, never takes them apart: so the loose parts of an
unwelded asset hang together where they overlap, and what merely touches in the first frame comes apart.
G is the number of grains, C of copies, M of moments, B of bones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..types import Float64, Int32
from .skinning import skin_points

GRAINS_PER_EDGE = 3
"""Grains along the edge of a cube; an odd number puts one in its middle."""

SIDE_BY_SIDE = 1.75
"""Grains nearer than this many grains' widths touch: just above the diagonal of a cube of grains."""

APART = 0.5
"""Cells by which the distance of two grains must grow in the motion for them not to be one flesh."""

CELL_CORNERS = np.array([[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)])

StaysTogether = Callable[[Float64, sparse.csr_matrix, Int32], NDArray[np.bool_]]


@dataclass(frozen=True)
class Grains:
    """The flesh in small pieces.

    places: float64[G, 3], metres, in the first frame. cells: int32[G, 3], the cube each lies in. links: int32[L, 2], grains
    that the surface joins. weights: sparse [G, B], skin weights.
    """

    places: Float64
    cells: Int32
    links: Int32
    weights: sparse.csr_matrix


@dataclass(frozen=True)
class Copies:
    """Cubes, each for one part of the flesh.

    cells: int32[C, 3], lattice coordinates. corners: int32[C, 8], their nodes in the order of `CELL_CORNERS`.
    nodes: int32[N, 3], lattice coordinates of the nodes; several may lie at one place. of_grain: int32[G].
    """

    cells: Int32
    corners: Int32
    nodes: Int32
    of_grain: Int32


def gather_grains(points: Float64, cells: Int32, fractions: Float64, links: Int32, weights: sparse.csr_matrix) -> tuple[Grains, Int32]:
    """Points of the flesh as grains: those in one third of a cube that one bone moves most are one grain.

    points: float64[Q, 3]. cells: int32[Q, 3], fractions: float64[Q, 3], where in the lattice. links: int32[L, 2], points that
    the surface joins. weights: sparse [Q, B]. Returns the grains and the one of each point, int32[Q].
    """
    third = np.minimum((fractions * GRAINS_PER_EDGE).astype(np.int64), GRAINS_PER_EDGE - 1)
    bone = _strongest(weights)
    keys = np.column_stack([cells.astype(np.int64) * GRAINS_PER_EDGE + third, bone])
    strides = np.cumprod(np.concatenate([[1], keys.max(axis=0)[:0:-1] + 1]))[::-1]
    _, firsts, of_point = np.unique(keys @ strides, return_index=True, return_inverse=True)
    joined = np.unique(np.sort(of_point[links], axis=1), axis=0)
    return Grains(points[firsts], cells[firsts], joined[joined[:, 0] != joined[:, 1]], weights[firsts]), of_point


def _strongest(weights: sparse.csr_matrix) -> Int32:
    """int32[Q]: the bone of the largest weight in each row, the first of several (scipy's own argmax loops over rows in Python)."""
    rows = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    order = np.lexsort((-weights.indices, weights.data, rows))
    strongest = np.zeros(weights.shape[0], np.int32)
    strongest[rows[order]] = weights.indices[order]
    return strongest


def separate(grains: Grains, cell_size: float, transforms: Float64) -> Copies:
    """A copy of each cube for every part of the flesh in it.

    transforms: float64[M, B, 3, 4], moments of the motion, see `fit.kinematics.bone_transforms`.
    """

    def together(places: Float64, weights: sparse.csr_matrix, pairs: Int32) -> NDArray[np.bool_]:
        return _most_growth(places, weights, pairs, transforms) < APART * cell_size

    near = cKDTree(grains.places).query_pairs(SIDE_BY_SIDE * cell_size / GRAINS_PER_EDGE, output_type="ndarray")
    joints = np.concatenate([near[together(grains.places, grains.weights, near)], grains.links])
    offsets = grains.cells[joints[:, 1]] - grains.cells[joints[:, 0]]
    inside = (offsets == 0).all(axis=1)
    parts = _parts_of_cells(grains, joints[inside], together)
    firsts = np.unique(parts, return_index=True)[1]
    across = ~inside & (np.abs(offsets) <= 1).all(axis=1)
    return _weld(grains.cells[firsts], parts, np.column_stack([parts[joints[across]], offsets[across]]))


def _parts_of_cells(grains: Grains, joints: Int32, together: StaysTogether) -> Int32:
    """int32[G]: the part of its cube's flesh that each grain belongs to, counted over all cubes.

    joints: int32[J, 2], grains of one cube that are one flesh. Parts that never part, such as the two sides of a leg that a
    cube cuts from the rest of it, count as one.
    """
    fragments = _connected(len(grains.places), joints)
    count = int(fragments.max()) + 1
    sizes = np.bincount(fragments)
    gather = sparse.csr_matrix((1.0 / sizes[fragments], (fragments, np.arange(len(fragments)))), (count, len(fragments)))
    cells = grains.cells[np.unique(fragments, return_index=True)[1]]
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    pairs = _pairs_within(cell.ravel())
    merged = pairs[together(gather @ grains.places, gather @ grains.weights, pairs)]
    return _connected(count, merged)[fragments]


def _pairs_within(groups: Int32) -> Int32:
    """int32[n, 2]: all pairs of indices with equal values."""
    order = np.argsort(groups, kind="stable")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(groups[order])) + 1, [len(groups)]])
    large = [order[low:high] for low, high in pairwise(starts) if high - low > 1]
    return np.concatenate([np.zeros((0, 2), np.int64), *[one[np.stack(np.triu_indices(len(one), 1), axis=1)] for one in large]])


def _most_growth(places: Float64, weights: sparse.csr_matrix, pairs: Int32, transforms: Float64) -> Float64:
    """float64[pairs], metres: how much further from each other than in the first frame the skinned motion takes them."""
    first, second = pairs.T
    furthest = np.zeros(len(pairs))
    for moment in transforms:
        skinned, _ = skin_points(places, weights, moment)
        furthest = np.maximum(furthest, np.linalg.norm(skinned[first] - skinned[second], axis=1))
    return furthest - np.linalg.norm(places[first] - places[second], axis=1)


def _weld(cells: Int32, of_grain: Int32, meetings: Int32) -> Copies:
    """Give the copies their corners: those of neighbours that meet are the same.

    meetings: int32[n, 5], two copies and the step from the first one's cube to the second one's.
    """
    meetings = np.unique(meetings, axis=0)
    other = CELL_CORNERS - meetings[:, None, 2:]
    shared = ((other >= 0) & (other <= 1)).all(axis=2)
    one = 8 * meetings[:, :1] + np.arange(8)
    two = 8 * meetings[:, 1:2] + other @ [1, 2, 4]
    corners = _connected(8 * len(cells), np.column_stack([one[shared], two[shared]])).reshape(-1, 8)
    nodes = np.empty((corners.max() + 1, 3), np.int32)
    nodes[corners] = cells[:, None] + CELL_CORNERS
    # Parts that turn out to share all corners with each other are one.
    _, firsts, same = np.unique(corners, axis=0, return_index=True, return_inverse=True)
    return Copies(cells[firsts], corners[firsts], nodes, same.ravel()[of_grain])


def _connected(count: int, pairs: Int32) -> Int32:
    """int32[count]: the connected component of each, counted from 0."""
    graph = sparse.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (count, count))
    return connected_components(graph, directed=False)[1]
