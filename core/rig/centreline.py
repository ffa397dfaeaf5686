"""The centre-line tree of a solid: shortest paths that keep to the middle (TEASAR, Sato et al. 2000), one for each limb.

From the thickest place, the farthest voxel that no path explains yet is tried as the tip of a limb. It is one if it sticks out
farther than its base is wide: so a leg, a tail or a wing is a limb, and a heel or the width of a wing is not.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from scipy.sparse.csgraph import dijkstra

from ..types import Float64, Int64
from .solid import Bool, Solid

LEAST_LENGTH = 0.065
"""Shortest limb, fraction of the diagonal."""

SLENDER = 0.8
"""A limb sticks out at least this many times as far as it is wide somewhere on the way."""

REACH = 1.2
"""How far from a path the solid is taken as explained by it, in radii."""

PLANE_DISCOUNT = 0.4
"""What a step on the mirror plane costs compared with one beside it: trunks lie there."""

SLICE_AVERAGE = 4
"""Neighbours on either side that a slice's centroid is averaged with."""

SMOOTHING = 12
"""Rounds of smoothing of the centre-line."""

MOST_TRIES = 120
MOST_LIMBS = 40


@dataclass(frozen=True)
class Centreline:
    """A tree over voxels.

    nodes: int64[M], voxels on the tree. parents: int64[M], index into nodes, -1 for the start.
    positions: float64[M, 3], middle of the slice of the solid that belongs to the node, subject's frame.
    radii: float64[M], distance to the outside, subject's frame. widths: float64[M], of the slice, from its volume.
    owners: int64[N], the node that each voxel of the solid belongs to.
    parts: int64[M], the part of the subject that each node is in; zeros where it is one.
    """

    nodes: Int64
    parents: Int64
    positions: Float64
    radii: Float64
    widths: Float64
    owners: Int64
    parts: Int64


def trace(solid: Solid, on_plane: Bool, half: bool = False) -> Centreline:
    """The centre-line tree of `solid`.

    on_plane: bool[N], voxels next to the mirror plane, where trunks are expected. half: the other side of that plane is not there,
    but is known to be the same.
    """
    lengths = solid.links[2]
    first, second, _ = solid.links
    plain = solid.graph(lengths)
    cost = _cost(solid) * np.where(on_plane, PLANE_DISCOUNT, 1.0)
    start = int(np.where(on_plane | (not on_plane.any()), solid.radius, 0).argmax())
    away = dijkstra(plain, indices=start)
    _, before = dijkstra(solid.graph(lengths * (cost[first] + cost[second]) / 2), indices=start, return_predecessors=True)
    on_tree = np.zeros(len(away), bool)
    on_tree[start] = True
    parts = solid.parts if solid.parts is not None else np.zeros(len(away), np.int64)
    boneless = parts != parts[start]
    explained = _near(solid, plain, np.array([start])) & ~boneless
    limbs = 0
    for _ in range(MOST_TRIES):
        unexplained = np.where(explained, -1.0, away)
        tip = int(unexplained.argmax())
        if unexplained[tip] < 0 or limbs == MOST_LIMBS:
            break
        settled, is_limb = _protrusion(solid, plain, explained, tip, half)
        is_limb |= bool(boneless[tip])
        if is_limb:
            path = _path(before, on_tree, tip)
            on_tree[path] = True
            boneless &= ~np.isin(parts, parts[path])
            explained |= _near(solid, plain, path) & ~boneless
            limbs += 1
        else:
            explained[settled] = True
    return _assembled(solid, plain, before, on_tree, start)


def sticks_out(solid: Solid, lines: Int64, settled: Bool) -> bool:
    """Whether a limb is left beside lines through the solid. lines: int64[N], voxels. settled: bool[N], voxels that are not asked."""
    plain = solid.graph(solid.links[2])
    explained = _near(solid, plain, lines) | settled
    away = dijkstra(plain, indices=lines, min_only=True)
    for _ in range(MOST_TRIES):
        unexplained = np.where(explained, -1.0, away)
        tip = int(unexplained.argmax())
        if unexplained[tip] < LEAST_LENGTH / solid.size:
            return False
        found, is_limb = _protrusion(solid, plain, explained, tip, half=False)
        if is_limb:
            return True
        explained[found] = True
    return False


def _cost(solid: Solid) -> Float64:
    """float64[N]: what a step through each voxel costs; least in the middle of whatever part it is in."""
    depth = np.zeros(solid.grid.shape)
    depth[tuple(solid.cells.T)] = solid.radius
    local = maximum_filter(depth, size=5)[tuple(solid.cells.T)]
    return np.asarray(0.05 + 8 * (1 - solid.radius / local) + 3 / np.maximum(solid.radius, 1) ** 1.5)


def _near(solid: Solid, plain: sp.csr_matrix, path: Int64) -> Bool:
    """Voxels within `REACH` radii of the path, measured inside the solid."""
    reach = solid.radius[path] * REACH + 2
    most = float(reach.max())
    count = len(solid.cells)
    # One more vertex stands before the path, at most - reach from each of its voxels.
    into = sp.csr_matrix((most - reach + 1e-9, (np.zeros(len(path), int), path)), (1, count))
    graph = sp.bmat([[plain, None], [into, sp.csr_matrix((1, 1))]], format="csr")
    return np.asarray(np.isfinite(dijkstra(graph, indices=count, limit=most)[:count]))


def _protrusion(solid: Solid, plain: sp.csr_matrix, explained: Bool, tip: int, half: bool) -> tuple[Int64, bool]:
    """Whether the unexplained voxels around `tip` are a limb, and those that are settled by that answer.

    They are a limb if somewhere on the way from the tip they are narrower than the way is long.
    half: the solid goes on beyond the mirror plane as its own image.
    """
    unexplained = np.flatnonzero(~explained)
    blob_away = dijkstra(plain[unexplained][:, unexplained], indices=int(np.searchsorted(unexplained, tip)))
    inside = np.isfinite(blob_away)
    blob, away = unexplained[inside], blob_away[inside]
    least = LEAST_LENGTH / solid.size
    base = _base_distance(plain, explained, blob, away)
    for reached in np.arange(least, base + 1.0, 1.5):
        shell = blob[np.abs(away - reached) < 1.0]
        if len(shell) and SLENDER * _breadth(solid, shell, half) < reached:
            return blob, True
    return blob[away <= max(0.5 * base, least)], False


def _breadth(solid: Solid, shell: Int64, half: bool) -> float:
    """The longest side of the shell's bounding box, in voxels; one nearer to the mirror plane than it is wide counts with its image."""
    sides = np.ptp(solid.cells[shell], axis=0)
    aside = int(solid.cells[shell, 0].min()) - solid.grid.shape[0] // 2
    if half and aside <= sides[0]:
        sides[0] = 2 * (aside + sides[0]) + 1
    return float(sides.max())


def _base_distance(plain: sp.csr_matrix, explained: Bool, blob: Int64, away: Float64) -> float:
    """How far, in voxels, the explained voxels are from the tip that `away` float64[len(blob)] is measured from."""
    touching = np.asarray(plain[blob][:, np.flatnonzero(explained)].getnnz(axis=1)) > 0
    return float(away[touching].min() + 1) if touching.any() else float(away.max())


def _path(before: NDArray[np.int32], on_tree: Bool, tip: int) -> Int64:
    """Voxels from `tip` to the tree."""
    path = [tip]
    while not on_tree[path[-1]]:
        path.append(int(before[path[-1]]))
    return np.array(path)


def _assembled(solid: Solid, plain: sp.csr_matrix, before: NDArray[np.int32], on_tree: Bool, start: int) -> Centreline:
    """The tree with parents before children, and the slice of the solid that belongs to each node."""
    links = {int(node): int(before[node]) for node in np.flatnonzero(on_tree)}
    nodes = np.array(_outward(links, start))
    place = np.full(len(solid.cells), -1)
    place[nodes] = np.arange(len(nodes))
    parents = np.array([-1 if node == start else place[links[int(node)]] for node in nodes])
    _, _, nearest = dijkstra(plain, indices=nodes, return_predecessors=True, min_only=True)
    owners = place[nearest]
    positions, widths = _slices(parents, solid, nodes, owners)
    parts = solid.parts[nodes] if solid.parts is not None else np.zeros(len(nodes), np.int64)
    return Centreline(nodes, parents, positions, solid.radius[nodes] * solid.size, widths, owners, parts)


def _outward(links: dict[int, int], start: int) -> list[int]:
    """Nodes from `start` outwards, parents first."""
    children: dict[int, list[int]] = {}
    for node, parent in links.items():
        if node != start:
            children.setdefault(parent, []).append(node)
    order = [start]
    for node in order:
        order.extend(children.get(node, []))
    return order


def _slices(parents: Int64, solid: Solid, nodes: Int64, owners: Int64) -> tuple[Float64, Float64]:
    """Positions and widths of the nodes: centroid and volume of their slices of the solid, averaged along the tree."""
    count, centres = len(nodes), solid.centres
    inner = np.flatnonzero(parents >= 0)
    ends = (np.concatenate([inner, parents[inner]]), np.concatenate([parents[inner], inner]))
    adjacency = sp.csr_matrix((np.ones(2 * len(inner)), ends), (count, count))
    mixing = adjacency + sp.identity(count)
    volume = np.bincount(owners, minlength=count).astype(float)[:, None]
    summed = np.stack([np.bincount(owners, centres[:, k], count) for k in range(3)], 1)
    slices = np.ones((count, 1))
    for _ in range(SLICE_AVERAGE):
        summed, volume, slices = mixing @ summed, mixing @ volume, mixing @ slices
    widths = np.sqrt(volume[:, 0] / slices[:, 0] / np.pi) * solid.size
    # A bulge that has no limb of its own must not draw the line out of the body.
    shift = summed / volume - centres[nodes]
    far = np.linalg.norm(shift, axis=1, keepdims=True) / ((solid.radius[nodes, None] + 0.5) * solid.size)
    positions = centres[nodes] + shift / np.maximum(far, 1.0)
    degree = np.asarray(adjacency.sum(1)).ravel()
    for _ in range(SMOOTHING):
        average = (adjacency @ positions + 2 * positions) / (degree[:, None] + 2)
        positions = np.where((degree == 2)[:, None], average, positions)
    positions[degree == 1] = centres[nodes[degree == 1]]
    return positions, widths
