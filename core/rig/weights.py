"""Skin weights: which bones move each vertex, by distances measured inside the solid.

Distance inside the solid keeps a leg from pulling the other leg through the air between them (as in geodesic voxel binding,
Dionne and de Lasa 2013). Pieces that one bone nearly moves alone follow it rigidly.
"""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from ..types import Float32, Float64, Int32, Int64
from .bones import Bones
from .contacts import loose_pieces, places
from .parts import Parts
from .solid import Solid

SHARPNESS = 4.0
"""Power with which a bone's pull falls with distance."""

TOO_FAR = 2.5
"""A bone is not asked about voxels this many times farther than the farthest from its nearest bone."""

SMOOTHING, EDGE_SHARE = 2, 0.15
"""Rounds of averaging over the surface, and what a neighbour counts in it against the vertex itself."""

SHORT_EDGE = 0.04
"""Neighbours farther than this, fraction of the diagonal, count less, by the square."""

RIGID = 0.75
"""A loose piece follows one bone alone where that bone has this share of it on average."""

SMALL = 0.12
"""A loose piece smaller than this, fraction of the diagonal, follows its bones as one."""


def bind(vertices: Float64, triangles: Int32, solid: Solid, bones: Bones, most: int, parts: Parts | None = None) -> tuple[Int32, Float32]:
    """Influences int32[V, most] and weights float32[V, most] of vertices given in the subject's frame.

    parts: of a subject that is put together from several; each is moved by its own bones alone.
    """
    voxel, off = _nearest_voxels(vertices, solid)
    used, inverse = np.unique(voxel, return_inverse=True)
    distances = _distances(solid, bones)[:, used][:, inverse.reshape(-1)].T * solid.size + off[:, None] + 0.5 * solid.size
    dense = (distances.min(1, keepdims=True) / distances) ** SHARPNESS
    dense /= dense.sum(1, keepdims=True)
    dense = _smoothed(dense, vertices, triangles)
    pieces = loose_pieces(vertices, triangles)
    if parts is not None:
        dense = _by_parts(dense, parts.of_piece[pieces], bones)
    dense = _with_stiff_pieces(dense, pieces, vertices)
    return strongest(dense, most)


def strongest(dense: Float64, most: int) -> tuple[Int32, Float32]:
    """The `most` largest weights of each row of float64[V, B], made to sum to one."""
    kept = min(most, dense.shape[1])
    influences = np.argpartition(-dense, kept - 1, axis=1)[:, :kept]
    weights = np.take_along_axis(dense, influences, 1)
    order = np.argsort(-weights, axis=1, kind="stable")
    influences, weights = np.take_along_axis(influences, order, 1), np.take_along_axis(weights, order, 1)
    weights = np.where(weights < 1e-3, 0.0, weights)
    weights /= weights.sum(1, keepdims=True)
    influences = np.where(weights > 0, influences, 0)
    return influences.astype(np.int32), weights.astype(np.float32)


def _nearest_voxels(vertices: Float64, solid: Solid) -> tuple[Int64, Float64]:
    """The nearest voxel of each vertex, and how far it is beyond a voxel's own size."""
    away, voxel = cKDTree(solid.centres).query(vertices)
    return voxel, np.maximum(away - solid.size, 0.0)


def _distances(solid: Solid, bones: Bones) -> Float32:
    """float32[B, N]: from each bone to each voxel through the solid, in voxels; infinite where it is too far to matter."""
    graph = solid.graph(solid.links[2])
    tree = cKDTree(solid.centres)
    lines = []
    for head, tail in zip(bones.heads, bones.tails, strict=True):
        steps = max(2, int(np.linalg.norm(tail - head) / solid.size * 1.5) + 1)
        lines.append(np.unique(tree.query(head + np.linspace(0, 1, steps)[:, None] * (tail - head))[1]))
    nearest = dijkstra(graph, indices=np.unique(np.concatenate(lines)), min_only=True)
    found = np.empty((len(lines), len(solid.cells)), np.float32)
    for bone, line in enumerate(lines):
        found[bone] = dijkstra(graph, indices=line, min_only=True, limit=TOO_FAR * float(nearest.max()))
    return found


def _smoothed(dense: Float64, vertices: Float64, triangles: Int32) -> Float64:
    """Weights averaged along the edges of the surface, so that a coarse mesh does not tear where bones meet."""
    place, count = places(vertices)
    corners = place[triangles]
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    both = (np.concatenate([edges[:, 0], edges[:, 1]]), np.concatenate([edges[:, 1], edges[:, 0]]))
    near = sp.csr_matrix((np.ones(2 * len(edges)), both), (count, count)).tocoo()
    position = np.zeros((count, 3))
    position[place] = vertices
    length = np.linalg.norm(position[near.row] - position[near.col], axis=1)
    near = sp.csr_matrix((EDGE_SHARE * np.minimum(1.0, SHORT_EDGE / np.maximum(length, 1e-9)) ** 2, (near.row, near.col)), (count, count))
    mixing = sp.diags(1 / (1 + np.asarray(near.sum(1)).ravel())) @ (sp.identity(count) + near)
    at_place = np.zeros((count, dense.shape[1]))
    at_place[place] = dense
    for _ in range(SMOOTHING):
        at_place = mixing @ at_place
    return np.asarray(at_place[place])


def _by_parts(dense: Float64, part: Int64, bones: Bones) -> Float64:
    """Weights where every part follows its own bones alone. part: int64[V]. A part without a bone follows what is near."""
    own = dense * (part[:, None] == bones.parts)
    total = own.sum(1, keepdims=True)
    return np.where(total > 1e-9, own / np.maximum(total, 1e-9), dense)


def _with_stiff_pieces(dense: Float64, pieces: Int64, vertices: Float64) -> Float64:
    """Weights where small pieces, and pieces that are nearly one bone's, move rigidly."""
    count = int(pieces.max()) + 1
    if count == 1:
        return dense
    sizes = np.bincount(pieces, minlength=count)
    mean = np.stack([np.bincount(pieces, dense[:, bone], count) for bone in range(dense.shape[1])], 1) / np.maximum(sizes, 1)[:, None]
    extent = np.array([_extent(vertices[pieces == piece]) for piece in range(count)]) if count < 2000 else np.zeros(count)
    one_bone = mean.max(1) > RIGID
    stiff = one_bone | (extent < SMALL)
    made = np.where(stiff[pieces][:, None], mean[pieces], dense)
    alone = np.eye(dense.shape[1])[mean.argmax(1)]
    return np.where((stiff & one_bone)[pieces][:, None], alone[pieces], made)


def _extent(points: Float64) -> float:
    return float(np.linalg.norm(np.ptp(points, axis=0))) if len(points) else 0.0
