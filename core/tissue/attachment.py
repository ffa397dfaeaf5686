"""How the cage hangs on the skeleton: skin weights for its nodes, and which of them the bones hold.

N is the number of cage nodes, B of bones, S of moments in time.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from ..types import Float64, Int32, Rig
from .cage import Cage
from .skinning import skin_points, vertex_weights

SURFACE_WEIGHT = 10.0
"""How much a sample of the surface counts beside an edge of the cage when weights are spread inside."""

OWN_WEIGHT = 0.5
"""A bone may hold a node if its weight there is at least this share of the largest: a limb's bone leaves the body alone."""

UNRESOLVED_RADIUS = 1.0
"""Parts thinner than this many cells around their bone cannot bulge in the cage: they are held through and through."""

LEAST_HELD_SHARE = 0.1
"""Share of a piece's nodes that is held, those nearest to their bones, where no node of it qualifies otherwise."""

NEIGHBOUR_CELLS = 2.01
CLOSEST, FURTHEST = 0.5, 2.0
"""Held nodes within `NEIGHBOUR_CELLS` cells of each other may come closer and move apart by these factors, no more."""

LEAST_HELD_DETERMINANT, LEAST_PARTLY_HELD_DETERMINANT = 0.3, 0.1
"""Least relative volume that the skinning may give, over the whole motion, to a tetrahedron with all or some corners held."""

FIRM = 0.1
"""Painted softness below which the flesh is free less deep than the setting says: at 0 all of it is held."""


@dataclass(frozen=True)
class Attachment:
    """How nodes hang on bones.

    weights: float64[N, B], skin weights, rows sum to one. softness: float64[N], 0 to 1, see `softness`.
    depth: float64[N], 0 on the nearest bone that moves the node, 1 on the skin.
    held: bool[N], nodes that follow their skinning exactly. let_go: bool[N], nodes that would be held but for the motion
        that crosses them with others: they are but drawn to where the skinning puts them.
    """

    weights: Float64
    softness: Float64
    depth: Float64
    held: NDArray[np.bool_]
    let_go: NDArray[np.bool_]


def attach(cage: Cage, rig: Rig, transforms: Float64, free_depth: float, weights: Float64, softness: Float64) -> Attachment:
    """Hang the cage on the skeleton.

    transforms: float64[S, B, 3, 4], the motion, see `fit.kinematics.bone_transforms`.
    free_depth: 0 to 1, how far from the skin towards the bones the flesh is free. weights: float64[N, B], see `node_weights`.
    softness: float64[N], 0 to 1: where it is below `FIRM`, the flesh is free less deep, and at 0 not at all.

    Held nodes whose bones pull them together, apart or through one another somewhere in the motion are let go: that is
    what turned elements inside out where the core of a limb meets the core of the body.
    """
    depth = relative_depth(cage, rig, weights)
    held = depth < held_depth(free_depth, softness)
    held |= softness <= 0
    held |= _unresolved(cage, rig, weights)
    near_bones = _hold_every_piece(cage, held, depth)
    held = _hold_every_piece(cage, _release_crossing(cage, near_bones, depth, weights, transforms), depth)
    return Attachment(weights, softness, depth, held, near_bones & ~held)


def held_depth(free_depth: float, softness: Float64) -> Float64:
    """float64[N]: the relative depth down from which nodes are held."""
    return 1.0 - free_depth * np.minimum(1.0, softness / FIRM)


def node_weights(cage: Cage, rig: Rig) -> Float64:
    """float64[N, B]: the smoothest weights inside the cage that agree with the rig's on the surface."""
    weights = np.clip(spread_inside(cage, vertex_weights(rig).toarray()), 0.0, None)
    total = weights.sum(axis=1, keepdims=True)
    return np.where(total > 1e-6, weights / np.maximum(total, 1e-6), np.eye(1, weights.shape[1]))


def spread_inside(cage: Cage, of_vertices: Float64) -> Float64:
    """float64[N, C]: the smoothest values inside the cage that agree with those of the vertices, float64[V, C], on the surface.

    Least squares: the graph Laplacian's energy over the cage's edges, and the difference at the surface's samples. It
    spreads values through the flesh, not through the air between a limb and the body.
    """
    samples, count = len(cage.sample_nodes), len(cage.nodes)
    rows = np.repeat(np.arange(samples), 4)
    embedding = sparse.csr_matrix((cage.sample_barycentric.ravel(), (rows, cage.sample_nodes.ravel())), (samples, count))
    # The last term decides where nothing else does.
    system = _laplacian(cage) + SURFACE_WEIGHT * (embedding.T @ embedding) + 1e-9 * sparse.identity(count)
    right = SURFACE_WEIGHT * (embedding.T @ (cage.surface_samples @ of_vertices))
    return splu(sparse.csc_matrix(system), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(right)


def relative_depth(cage: Cage, rig: Rig, weights: Float64) -> Float64:
    """float64[N]: 0 on the nearest bone that moves the node, 1 on the skin, more outside."""
    to_bone = distance_to_bones(cage, rig, weights)
    radius = np.maximum(to_bone - cage.signed_distance, 1e-3 * cage.cell_size)
    return to_bone / radius


def _unresolved(cage: Cage, rig: Rig, weights: Float64) -> NDArray[np.bool_]:
    """bool[N]: nodes around bones whose flesh is thinner than the cage can tell."""
    to_bone = distance_to_bones(cage, rig, weights)
    return to_bone - cage.signed_distance < UNRESOLVED_RADIUS * cage.cell_size


def distance_to_bones(cage: Cage, rig: Rig, weights: Float64) -> Float64:
    """float64[N]: metres to the nearest bone among those that move the node."""
    nearest = np.full(len(cage.nodes), np.inf)
    own = weights >= OWN_WEIGHT * weights.max(axis=1, keepdims=True)
    for bone in np.flatnonzero(own.any(axis=0)):
        nodes = np.flatnonzero(own[:, bone])
        nearest[nodes] = np.minimum(nearest[nodes], _distance_to_segment(cage.nodes[nodes], rig.heads[bone], rig.tails[bone]))
    return nearest


def _distance_to_segment(points: Float64, start: Float64, end: Float64) -> Float64:
    along = end - start
    share = np.clip((points - start) @ along / max(float(along @ along), 1e-300), 0.0, 1.0)
    return np.linalg.norm(points - start - share[:, None] * along, axis=1)


def _laplacian(cage: Cage) -> sparse.csr_matrix:
    adjacency = _adjacency(cage)
    return sparse.diags(np.asarray(adjacency.sum(axis=1)).ravel()) - adjacency


def _adjacency(cage: Cage) -> sparse.csr_matrix:
    """Sparse [N, N], 1 where two nodes share an edge."""
    first, second = cage.edges().T
    count = len(cage.nodes)
    adjacency = sparse.coo_matrix((np.ones(len(first)), (first, second)), (count, count))
    return (adjacency + adjacency.T).tocsr()


def _hold_every_piece(cage: Cage, held: NDArray[np.bool_], depth: Float64) -> NDArray[np.bool_]:
    """Hold the nodes nearest to their bones in every connected piece that nothing holds, so that none floats away."""
    held = held.copy()
    pieces = cage.components()
    for piece in np.flatnonzero(np.bincount(pieces, held) == 0):
        nodes = np.flatnonzero(pieces == piece)
        count = max(4, round(LEAST_HELD_SHARE * len(nodes)))
        held[nodes[np.argsort(depth[nodes], kind="stable")[:count]]] = True
    return held


def _release_crossing(cage: Cage, held: NDArray[np.bool_], depth: Float64, weights: Float64, transforms: Float64) -> NDArray[np.bool_]:
    """bool[N]: without the held nodes that the motion brings too near, too far apart, or into flattened elements."""
    pairs = _neighbours(cage, held)
    elements = cage.tetrahedra[held[cage.tetrahedra].any(axis=1)]
    squared_range, least_determinant = _distortion_over_motion(cage, weights, transforms, pairs, elements)
    bad = (squared_range[0] < CLOSEST**2) | (squared_range[1] > FURTHEST**2)
    held = held.copy()
    held[_cover(pairs[bad], depth)] = False
    whole = held[elements].all(axis=1)
    held[_cover(elements[whole & (least_determinant < LEAST_HELD_DETERMINANT)], depth)] = False
    held[elements[least_determinant < LEAST_PARTLY_HELD_DETERMINANT]] = False
    return held


def _neighbours(cage: Cage, held: NDArray[np.bool_]) -> Int32:
    """int32[pairs, 2]: held nodes near each other in one flesh, two edges of the cage apart or less."""
    adjacency = _adjacency(cage)
    first, second = sparse.triu(adjacency @ adjacency + adjacency, 1).nonzero()
    distance = np.linalg.norm(cage.nodes[first] - cage.nodes[second], axis=1)
    # Copies of one node at the end of a slit lie at one place: there is no distance to compare with.
    chosen = held[first] & held[second] & (distance > 0.5 * cage.cell_size) & (distance < NEIGHBOUR_CELLS * cage.cell_size)
    return np.stack([first[chosen], second[chosen]], axis=1)


def _distortion_over_motion(
    cage: Cage, weights: Float64, transforms: Float64, pairs: Int32, elements: Int32
) -> tuple[tuple[Float64, Float64], Float64]:
    """Least and largest squared stretch of the pairs, and least relative volume of the elements, over the skinned motion."""

    def squared_lengths(nodes: Float64) -> Float64:
        return ((nodes[pairs[:, 0]] - nodes[pairs[:, 1]]) ** 2).sum(axis=1)

    def volumes(nodes: Float64) -> Float64:
        return np.linalg.det(nodes[elements[:, 1:]] - nodes[elements[:, :1]])

    rest_lengths, rest_volumes = squared_lengths(cage.nodes), volumes(cage.nodes)
    low, high, least = np.ones(len(pairs)), np.ones(len(pairs)), np.ones(len(elements))
    for moment in transforms:
        skinned, _ = skin_points(cage.nodes, weights, moment)
        stretch = squared_lengths(skinned) / rest_lengths
        low, high = np.minimum(low, stretch), np.maximum(high, stretch)
        least = np.minimum(least, volumes(skinned) / rest_volumes)
    return (low, high), least


def _cover(groups: Int32, depth: Float64) -> Int32:
    """Nodes so that every group [G, m] has one of them; in each group the one furthest from its bone."""
    remaining, chosen = groups, []
    while len(remaining):
        candidates, counts = np.unique(remaining, return_counts=True)
        # Those that are in most groups first; among equals the one nearest to the skin.
        node = candidates[np.lexsort((depth[candidates], counts))[-1]]
        chosen.append(node)
        remaining = remaining[(remaining != node).all(axis=1)]
    return np.array(chosen, np.int64)
