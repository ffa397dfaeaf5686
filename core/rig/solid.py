"""The subject as a solid of voxels that survives unwelded triangles, holes, inner faces and thin sheets.

A voxel is inside where most of six axis-parallel rays from its centre see the surface wound around it; sheets without an
inside keep the voxels that they pass through. Separate pieces are linked by bridges, so that the whole is one graph.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from ..types import Float64, Int32, Int64

Bool = NDArray[np.bool_]

FINEST = 176
"""Most voxels along the longest side."""

MOST_VOXELS = 100_000
"""Most voxels inside the solid; it bounds time and memory."""

COARSEST = 24
"""Fewest voxels along the longest side."""

FULL = np.ones((3, 3, 3), bool)


@dataclass(frozen=True)
class Solid:
    """Voxels of the solid and how they hang together, in the subject's frame.

    grid: bool[X, Y, Z]. low: float64[3], corner of voxel (0, 0, 0). size: edge of a voxel.
    cells: int64[N, 3], indices of the voxels inside. radius: float64[N], distance to the outside, in voxels.
    links: (int64[E], int64[E], float64[E]): neighbouring voxels and their distance in voxels, bridges included.
    parts: int64[N], the part of the subject that each voxel belongs to, where it is put together from parts; see `parts`.
    """

    grid: Bool
    low: Float64
    size: float
    cells: Int64
    radius: Float64
    links: tuple[Int64, Int64, Float64]
    parts: Int64 | None = None

    @cached_property
    def centres(self) -> Float64:
        """float64[N, 3]: middle of each voxel, in the subject's frame."""
        return np.asarray((self.cells + 0.5) * self.size + self.low)

    def graph(self, lengths: Float64) -> sp.csr_matrix:
        """Symmetric sparse matrix over voxels with `lengths` float64[E] on the links."""
        first, second, _ = self.links
        count = len(self.cells)
        both = (np.concatenate([first, second]), np.concatenate([second, first]))
        return sp.csr_matrix((np.concatenate([lengths, lengths]), both), (count, count))


def voxelise(vertices: Float64, triangles: Int32, symmetric: bool) -> Solid:
    """The solid of a mesh given in its own frame (diagonal 1), made its own mirror image if `symmetric`.

    The voxels are as fine as `FINEST` and `MOST_VOXELS` allow.
    """
    grid, low, size = _finest(vertices[triangles])
    if symmetric:
        grid = grid | grid[::-1]
    return _linked(grid, grid, low, size)


def left_half(solid: Solid) -> Solid:
    """The half x > 0 of a symmetric solid, with the radii of the whole, linked where the whole is."""
    grid = solid.grid.copy()
    grid[: grid.shape[0] // 2] = False
    half = _linked(grid, solid.grid, solid.low, solid.size)
    whole = np.flatnonzero(solid.cells[:, 0] >= grid.shape[0] // 2)
    first, second, _ = half.links
    there = np.isin(_keys(whole[first], whole[second], len(solid.cells)), _keys(*solid.links[:2], len(solid.cells)))
    return replace(with_links(half, there), parts=None if solid.parts is None else solid.parts[whole])


def with_links(solid: Solid, kept: Bool) -> Solid:
    """The solid with the links where bool[E] `kept` is true, and those without which it would fall apart."""
    first, second, lengths = solid.links
    count = len(solid.cells)
    graph = sp.coo_matrix((np.ones(int(kept.sum())), (first[kept], second[kept])), (count, count))
    parts, part = connected_components(graph, directed=False)
    if parts > 1:
        # One link for each part alone: with more, a crumb between two others would join them again.
        across = np.flatnonzero(part[first] != part[second])
        one, at = np.unique(_keys(part[first[across]], part[second[across]], parts), return_index=True)
        tree = minimum_spanning_tree(sp.csr_matrix((np.ones(len(one)), (one // parts, one % parts)), (parts, parts))).tocoo()
        kept = kept.copy()
        kept[across[at[np.isin(one, _keys(tree.row.astype(np.int64), tree.col.astype(np.int64), parts))]]] = True
    return replace(solid, links=(first[kept], second[kept], lengths[kept]))


def _keys(first: Int64, second: Int64, count: int) -> Int64:
    """int64[E]: one number for each pair, whichever comes first."""
    return np.asarray(np.minimum(first, second) * count + np.maximum(first, second))


def _finest(corners: Float64) -> tuple[Bool, Float64, float]:
    """The occupied voxels at the finest size that the limits allow."""
    count = 48
    grid, low, size = _occupied(corners, count)
    for _ in range(4):
        filled = max(1, int(grid.sum()))
        better = int(np.clip(0.97 * count * (MOST_VOXELS / filled) ** (1 / 3), COARSEST, FINEST))
        if better == count or (filled <= MOST_VOXELS and better <= count * 1.15):
            break
        count = better
        grid, low, size = _occupied(corners, count)
    return grid, low, size


def _occupied(corners: Float64, count: int) -> tuple[Bool, Float64, float]:
    """Voxels inside or on the surface, with `count` along the longest side; the grid is symmetric about x = 0."""
    points = corners.reshape(-1, 3)
    size = float(np.ptp(points, axis=0).max()) / count
    half_width = np.ceil(np.abs(points[:, 0]).max() / size + 2)
    low = points.min(0) - 2 * size
    low[0] = -half_width * size
    shape = np.ceil((points.max(0) + 2 * size - low) / size).astype(int)
    shape[0] = int(2 * half_width)
    scaled = (corners - low) / size
    surface = _surface(scaled, shape)
    enclosed = ndimage.binary_fill_holes(surface) & ~surface
    inside = enclosed | (_votes(scaled, shape) >= 4)
    thin = surface & ~ndimage.binary_dilation(inside, FULL)
    grid = inside | thin
    # Where inside meets thin, the voxels between them are dilated away: give them back.
    seam = surface & ndimage.binary_dilation(thin, FULL) & ndimage.binary_dilation(inside, FULL)
    return _hollows_filled(grid | seam), low, size


def _hollows_filled(grid: Bool) -> Bool:
    """The solid with its hollows filled: where it can be seen in all six axis directions, as in a helmet open at the face."""
    blocked = np.ones_like(grid)
    for axis in range(3):
        for way in (1, -1):
            turned = np.flip(grid, axis) if way < 0 else grid
            seen = np.logical_or.accumulate(turned, axis=axis)
            blocked &= np.flip(seen, axis) if way < 0 else seen
    hollow = ndimage.binary_opening(blocked & ~grid, FULL)
    return np.asarray(ndimage.binary_fill_holes(grid | hollow))


def _surface(corners: Float64, shape: Int64) -> Bool:
    """Voxels that hold a point of the surface, sampled at less than a voxel's spacing."""
    grid = np.zeros(shape, bool)
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
    steps = np.ceil(longest * 1.6).astype(int).clip(1, 1200)
    # Rounded up to few different values, so that the groups stay few.
    steps = np.ceil(1.25 ** np.ceil(np.log(steps) / np.log(1.25) - 1e-9)).astype(int)
    for step in np.unique(steps):
        u, v = np.meshgrid(np.arange(step + 1), np.arange(step + 1), indexing="ij")
        keep = u + v <= step
        u, v = u[keep] / step, v[keep] / step
        weights = np.stack([1 - u - v, u, v], 1)
        group = corners[steps == step]
        chunk = max(1, 400_000 // len(weights))
        for start in range(0, len(group), chunk):
            points = np.einsum("sk,fkc->fsc", weights, group[start : start + chunk]).reshape(-1, 3)
            grid[tuple(points.astype(int).T)] = True
    return grid


def _votes(corners: Float64, shape: Int64) -> NDArray[np.int8]:
    """int8[X, Y, Z]: how many of six axis-parallel rays say that the voxel's centre is inside."""
    votes = np.zeros(shape, np.int8)
    for axis in range(3):
        order = [(axis + 1) % 3, (axis + 2) % 3, axis]
        wound = _crossings(corners[:, :, order], [int(shape[k]) for k in order])
        before = np.cumsum(wound, axis=2)
        after = before[:, :, -1:] - before
        back = np.argsort(order)
        votes += (before != 0).transpose(back).astype(np.int8) + (after != 0).transpose(back).astype(np.int8)
    return votes


def _crossings(corners: Float64, shape: list[int]) -> NDArray[np.int32]:
    """int32[A, B, C]: signed crossings of the surface by the column (a, b) below the centre of voxel c and above that of c - 1."""
    wound = np.zeros(shape, np.int32)
    # A tiny shift keeps columns off vertices and edges that lie on a regular grid.
    flat = corners[:, :, :2] - 0.5 + np.array([1.7e-5, 2.9e-5])
    first = np.ceil(flat.min(1)).astype(int).clip(0)
    last = np.minimum(np.floor(flat.max(1)).astype(int), np.array(shape[:2]) - 1)
    spans = (last - first + 1).clip(0)
    covered = spans.prod(1)
    kept = np.flatnonzero(covered)
    for start, stop in _chunks(covered[kept], 2_000_000):
        face = np.repeat(kept[start:stop], covered[kept[start:stop]])
        within = np.arange(len(face)) - np.repeat(np.cumsum(covered[kept[start:stop]]) - covered[kept[start:stop]], covered[kept[start:stop]])
        column = first[face] + np.stack([within // spans[face, 1], within % spans[face, 1]], 1)
        hit, height, sign = _hit(flat[face], corners[face][:, :, 2], column)
        level = np.ceil(height - 0.5).astype(int).clip(0, shape[2] - 1)
        np.add.at(wound, (column[hit, 0], column[hit, 1], level[hit]), sign[hit])
    return wound


def _chunks(sizes: Int64, budget: int) -> list[tuple[int, int]]:
    """Ranges of items whose sizes sum to about `budget`."""
    if not len(sizes):
        return []
    part = (np.cumsum(sizes) - 1) // budget
    edges = np.flatnonzero(np.diff(part)) + 1
    return list(zip([0, *edges.tolist()], [*edges.tolist(), len(sizes)], strict=True))


def _hit(flat: Float64, heights: Float64, column: Int64) -> tuple[Bool, Float64, Int64]:
    """Whether vertical lines meet triangles, at which height, and from which side (+1 going in, -1 coming out)."""
    a, b, c = flat[:, 0] - column, flat[:, 1] - column, flat[:, 2] - column

    def cross(p: Float64, q: Float64) -> Float64:
        return np.asarray(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0])

    wa, wb, wc = cross(b, c), cross(c, a), cross(a, b)
    area = wa + wb + wc
    hit = ((wa >= 0) & (wb >= 0) & (wc >= 0) | (wa <= 0) & (wb <= 0) & (wc <= 0)) & (area != 0)
    safe = np.where(hit, area, 1.0)
    height = (wa * heights[:, 0] + wb * heights[:, 1] + wc * heights[:, 2]) / safe
    return hit, np.where(hit, height, 0.0), np.where(area > 0, -1, 1)


def _linked(grid: Bool, whole: Bool, low: Float64, size: float) -> Solid:
    """The graph over the grid's voxels, with bridges between its pieces; radii are those of `whole`."""
    cells = np.argwhere(grid)
    index = np.full(grid.shape, -1, np.int64)
    index[tuple(cells.T)] = np.arange(len(cells))
    padded = np.pad(index, 1, constant_values=-1)
    firsts, seconds, lengths = [], [], []
    for offset in _HALF_NEIGHBOURS:
        other = padded[tuple((cells + 1 + offset).T)]
        here = np.flatnonzero(other >= 0)
        firsts.append(here)
        seconds.append(other[here])
        lengths.append(np.full(len(here), np.linalg.norm(offset)))
    bridges = _bridges(grid, index)
    firsts.append(bridges[:, 0].astype(np.int64))
    seconds.append(bridges[:, 1].astype(np.int64))
    lengths.append(bridges[:, 2])
    radius = ndimage.distance_transform_edt(whole)[tuple(cells.T)]
    return Solid(grid, low, size, cells, radius, (np.concatenate(firsts), np.concatenate(seconds), np.concatenate(lengths)))


_HALF_NEIGHBOURS = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1) if (i, j, k) > (0, 0, 0)])


def _bridges(grid: Bool, index: Int64) -> Float64:
    """float64[L, 3]: voxel, voxel, distance: links that join separate pieces into one, each across its whole contact.

    The pieces' Voronoi cells touch where a straight bridge is near: a minimum spanning tree over those contacts, in which a
    broad contact counts as nearer than a point of touch.
    """
    pieces, count = ndimage.label(grid, FULL)
    if count < 2:
        return np.zeros((0, 3))
    contacts, pair = _contacts(grid, index, pieces, count)
    order = np.lexsort((contacts[:, 2], pair))
    contacts, pair = contacts[order], pair[order]
    pairs, first = np.unique(pair, return_index=True)
    shortest = contacts[first, 2]
    member = np.repeat(np.arange(len(pairs)), np.diff([*first, len(pair)]))
    close = contacts[:, 2] <= shortest[member] + 1.0
    breadth = np.bincount(member[close], minlength=len(pairs))
    price = shortest + 4.0 / np.sqrt(breadth)
    graph = sp.csr_matrix((price, (pairs // (count + 1), pairs % (count + 1))), (count + 1, count + 1))
    tree = minimum_spanning_tree(graph).tocoo()
    chosen = np.isin(pairs, tree.row.astype(np.int64) * (count + 1) + tree.col)
    return np.unique(contacts[close & chosen[member]], axis=0)


def _contacts(grid: Bool, index: Int64, pieces: NDArray[np.int32], count: int) -> tuple[Float64, Int64]:
    """float64[C, 3]: voxel, voxel, distance where cells of different pieces touch; int64[C]: the pair of pieces as one number."""
    away, nearest = ndimage.distance_transform_edt(~grid, return_indices=True)
    home = index[tuple(nearest)]
    piece = pieces[tuple(nearest)].astype(np.int64)
    found, pairs = [], []
    for axis in range(3):
        here = tuple(slice(None, -1) if k == axis else slice(None) for k in range(3))
        there = tuple(slice(1, None) if k == axis else slice(None) for k in range(3))
        differ = piece[here] != piece[there]
        found.append(np.stack([home[here][differ], home[there][differ], away[here][differ] + away[there][differ] + 1], 1))
        one, other = piece[here][differ], piece[there][differ]
        pairs.append(np.minimum(one, other) * (count + 1) + np.maximum(one, other))
    return np.concatenate(found), np.concatenate(pairs)
