"""Subjects put together from parts, as robots, puppets and most game characters are: which pieces move as one, and what hangs on what.

A part is a large piece of the mesh with all that sits in it or on it: an eye, a rivet, a helmet on a head. Parts hang together where
they touch; the tree of the broadest contacts, from the part in its middle outwards, tells the joints.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from ..types import Float64, Int32, Int64
from .contacts import MOST_PIECES, labels, loose_pieces
from .solid import Solid, with_links

SMALL = 0.09
"""A piece smaller than this, fraction of the diagonal, is no part of its own."""

EMBEDDED = 0.45
"""A piece belongs to its neighbour where at least this share of its surface is their contact."""

LINKS = 9
"""Links between voxels that cross one voxel's face of a contact."""

JOINT = 0.5
"""How much of the radius of a contact stays open to the lines that pass through it."""

FEWEST, MOST = 3, 45
"""Subjects of fewer parts are taken as one; of more, the smallest join their neighbours."""


@dataclass(frozen=True)
class Parts:
    """The parts of a subject, the middle one first and parents before children.

    of_piece: int64[P], the part of each loose piece of the mesh. of_voxel: int64[N]. parents: P' ints, -1 for the first.
    joints: float64[P', 3], middle of the contact with the parent, subject's frame; of the first, its own middle.
    """

    of_piece: Int64
    of_voxel: Int64
    parents: tuple[int, ...]
    joints: Float64

    def __len__(self) -> int:
        return len(self.parents)


def find_parts(solid: Solid, vertices: Float64, triangles: Int32) -> Parts | None:
    """The parts of a mesh given in the subject's frame, or None where it is not put together from several."""
    pieces = loose_pieces(vertices, triangles)
    count = int(pieces.max()) + 1
    if not FEWEST <= count <= MOST_PIECES:
        return None
    label = labels(solid, vertices, triangles, pieces)
    groups = _merged(label, solid, _extents(vertices, pieces, count))
    used = np.unique(groups[label])
    if len(used) < FEWEST:
        return None
    number = np.full(count, -1)
    number[used] = np.arange(len(used))
    of_piece = number[groups]
    order, parents = _hung(of_piece[label], solid, len(used))
    place = np.argsort(order)
    of_piece = np.where(of_piece >= 0, place[of_piece], -1)
    joints = np.array([_joint(of_piece[label], solid, part, parent) for part, parent in enumerate(parents)])
    return Parts(_all_placed(of_piece, vertices, pieces, solid, of_piece[label]), of_piece[label], tuple(parents), joints)


def jointed(solid: Solid, parts: Parts) -> Solid:
    """The solid with its voxels' parts told, whose parts are linked at their joints alone."""
    label, centres = parts.of_voxel, solid.centres
    first, second, _ = solid.links
    one, other = label[first], label[second]
    parents = np.array(parts.parents)
    child = np.where(parents[one] == other, one, np.where(parents[other] == one, other, -1))
    area = np.bincount(child[child >= 0], minlength=len(parts)) / LINKS
    reach = solid.size * (1.5 + JOINT * np.sqrt(area / np.pi))
    away = np.linalg.norm((centres[first] + centres[second]) / 2 - parts.joints[child], axis=1)
    kept = (one == other) | (child >= 0) & (away < reach[child])
    return replace(with_links(solid, kept), parts=label)


def mirrored(solid: Solid) -> Int64:
    """int64[P']: the part that lies where each part's image in the plane x = 0 does. The solid is symmetric and knows its parts."""
    assert solid.parts is not None
    index = np.full(solid.grid.shape, -1, np.int64)
    index[tuple(solid.cells.T)] = solid.parts
    image = index[::-1][tuple(solid.cells.T)]
    count = int(solid.parts.max()) + 1
    return np.array([np.bincount(image[(solid.parts == part) & (image >= 0)], minlength=count).argmax() for part in range(count)])


def _extents(vertices: Float64, pieces: Int64, count: int) -> Float64:
    """float64[count]: diagonal of each piece's bounding box."""
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    np.minimum.at(low, pieces, vertices)
    np.maximum.at(high, pieces, vertices)
    return np.asarray(np.linalg.norm(high - low, axis=1))


def _areas(label: Int64, solid: Solid, count: int) -> Float64:
    """float64[count, count]: contact between labelled regions, in voxels' faces."""
    first, second, _ = solid.links
    one, other = label[first], label[second]
    apart = one != other
    area = np.zeros((count, count))
    np.add.at(area, (one[apart], other[apart]), 1.0 / LINKS)
    return np.asarray(area + area.T)


def _free_faces(solid: Solid) -> Float64:
    """float64[N]: faces of each voxel that look outside."""
    padded = np.pad(solid.grid, 1)
    cells = solid.cells + 1
    return np.asarray(sum(1.0 - padded[tuple((cells + way * step).T)] for step in np.eye(3, dtype=int) for way in (1, -1)))


def _merged(label: Int64, solid: Solid, extents: Float64) -> Int64:
    """int64[P]: the group of each piece, named by one of its members; small and embedded pieces join what they touch most."""
    count = len(extents)
    area, volume = _areas(label, solid, count), np.bincount(label, minlength=count).astype(float)
    free = np.bincount(label, _free_faces(solid), count)
    group, extents = np.arange(count), extents.copy()
    alive = volume > 0
    while True:
        touching = area.max(1)
        loose = alive & (touching > 0)
        rank = np.where(loose, np.maximum(SMALL / np.maximum(extents, 1e-9), touching / (EMBEDDED * np.maximum(free + area.sum(1), 1))), 0.0)
        if loose.sum() <= MOST and rank.max() < 1.0:
            return group
        # The smallest first: so rivets join an arm before the arm is asked whether it is embedded in the body.
        asked = np.flatnonzero(rank >= 1.0) if rank.max() >= 1.0 else np.flatnonzero(loose)
        one = int(asked[volume[asked].argmin()])
        other = int(area[one].argmax())
        group[group == one] = other
        area[other] += area[one]
        area[:, other] += area[:, one]
        area[one], area[:, one], area[other, other] = 0.0, 0.0, 0.0
        volume[other] += volume[one]
        free[other] += free[one]
        alive[one] = False


def _hung(label: Int64, solid: Solid, count: int) -> tuple[Int64, list[int]]:
    """The parts from the middle one outwards, and the place in that order of what each hangs on."""
    area = _areas(label, solid, count)
    one, other = np.nonzero(np.triu(area))
    tree = minimum_spanning_tree(sp.csr_matrix((1.0 / area[one, other], (one, other)), (count, count)))
    both = (tree + tree.T).tocsr()
    start = _middle(both, count)
    order, before = breadth_first_order(both, start, directed=False)
    place = np.argsort(order)
    return order, [-1 if part == start else int(place[before[part]]) for part in order]


def _middle(tree: sp.csr_matrix, count: int) -> int:
    """The part from which the largest branch has fewest parts; of several, the one with most branches."""
    heaviest = []
    for start in range(count):
        order, before = breadth_first_order(tree, start, directed=False)
        weight = np.ones(count)
        for part in order[:0:-1]:
            weight[before[part]] += weight[part]
        branches = [weight[part] for part in order[1:] if before[part] == start]
        heaviest.append((max(branches), -len(branches)))
    return heaviest.index(min(heaviest))


def _joint(label: Int64, solid: Solid, part: int, parent: int) -> Float64:
    if parent < 0:
        return np.asarray(solid.centres[label == part].mean(0))
    first, second, _ = solid.links
    across = ((label[first] == part) & (label[second] == parent)) | ((label[first] == parent) & (label[second] == part))
    return np.asarray((solid.centres[first[across]].mean(0) + solid.centres[second[across]].mean(0)) / 2)


def _all_placed(of_piece: Int64, vertices: Float64, pieces: Int64, solid: Solid, of_voxel: Int64) -> Int64:
    """Pieces that own no voxel, being inside others, join the part around them."""
    missing = np.flatnonzero(of_piece < 0)
    if len(missing):
        middle = np.stack([np.bincount(pieces, vertices[:, k]) for k in range(3)], 1)[missing] / np.bincount(pieces)[missing, None]
        of_piece = of_piece.copy()
        of_piece[missing] = [of_voxel[np.linalg.norm(solid.centres - point, axis=1).argmin()] for point in middle]
    return of_piece
