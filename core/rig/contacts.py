"""Which loose pieces of a mesh hang together: a sword hangs on the hand that grips it, not on the helmet that it grazes."""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree
from scipy.spatial import cKDTree

from ..surface import at_one_place, spread_by_area
from ..types import Float64, Int32, Int64
from .solid import Bool, Solid, with_links

GRAZES = 0.3
"""Two pieces only graze where their contact is less than this share of the weakest on another way between them."""

SAMPLES = 30_000
"""Surface points, spread by area, that tell which piece a voxel belongs to."""

MOST_PIECES = 300
"""Of more pieces than this none is parted: it is a soup of triangles and not an assembly."""


def places(vertices: Float64) -> tuple[Int64, int]:
    """int64[V]: the number of each vertex's place, the same for vertices at one place; and how many places there are."""
    first, number = at_one_place(vertices, 1e-5)
    return number, len(first)


def loose_pieces(vertices: Float64, triangles: Int32) -> Int64:
    """int64[V]: the connected piece that each vertex is in, vertices at one place taken as one."""
    place, count = places(vertices)
    corners = place[triangles]
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]]])
    graph = sp.coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (count, count))
    return np.asarray(connected_components(graph, directed=False)[1][place])


def part_grazing(solid: Solid, vertices: Float64, triangles: Int32) -> Solid:
    """The solid without the links between pieces that only graze; what hung together still does.

    vertices: in the subject's frame, as the solid.
    """
    pieces = loose_pieces(vertices, triangles)
    count = int(pieces.max()) + 1
    if not 2 < count <= MOST_PIECES:
        return solid
    label = labels(solid, vertices, triangles, pieces)
    first, second, _ = solid.links
    one, other = np.minimum(label[first], label[second]), np.maximum(label[first], label[second])
    pairs, member, area = np.unique(one * count + other, return_inverse=True, return_counts=True)
    apart = pairs // count != pairs % count
    grazing = np.zeros(len(pairs), bool)
    grazing[apart] = _grazing(pairs[apart] // count, pairs[apart] % count, area[apart], count)
    return with_links(solid, ~grazing[member.reshape(-1)])


def labels(solid: Solid, vertices: Float64, triangles: Int32, pieces: Int64) -> Int64:
    """int64[N]: the piece whose surface is nearest to each voxel."""
    corners = vertices[triangles]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    face = spread_by_area(areas, SAMPLES)
    share = np.random.default_rng(0).dirichlet(np.ones(3), SAMPLES)
    points = np.concatenate([vertices[triangles.reshape(-1)], np.einsum("sk,skc->sc", share, corners[face])])
    owner = pieces[np.concatenate([triangles.reshape(-1), triangles[face, 0]])]
    return np.asarray(owner[cKDTree(points).query(solid.centres)[1]])


def _grazing(one: Int64, other: Int64, area: Int64, count: int) -> Bool:
    """bool[P]: which contacts are far weaker than the weakest on the strongest way around them."""
    tree = minimum_spanning_tree(sp.csr_matrix((1.0 / area, (one, other)), (count, count)))
    around = _weakest(tree, count)[one, other]
    return np.asarray(area < GRAZES * around - 1e-9)


def _weakest(tree: sp.csr_matrix, count: int) -> Float64:
    """float64[count, count]: the weakest contact on the way through the tree; 0 without a way."""
    both = (tree + tree.T).tocsr()
    weakest = np.zeros((count, count))
    for start in range(count):
        order, before = breadth_first_order(both, start, directed=False)
        weakest[start, start] = np.inf
        for node in order[1:]:
            weakest[start, node] = min(weakest[start, before[node]], 1.0 / both[before[node], node])
    return weakest
