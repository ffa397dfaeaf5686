"""The centre-line tree as an anatomy: one trunk, and limbs that leave it.

The trunk is the heaviest path in the mirror plane (or of the whole tree where there is no plane). A limb is the longest path
from there to a tip, and what leaves a limb is a limb again. It begins where it comes out of the body, as a hip does, not at the
body's middle.
"""

from dataclasses import replace

import numpy as np

from ..types import Float64, Int64
from .anatomy import LEAST_LIMB, Limb
from .centreline import Centreline
from .lines import length_of, resampled, straightened
from .solid import Bool, Solid
from .twins import paired

EMERGES = 0.3
"""A limb's first joint lies this far out of the body it leaves, in the body's radii."""

MIDLINE = 0.7
"""A limb and its image are one where its tip is nearer to the mirror plane than this share of its half thickness."""

def find_limbs(tree: Centreline, solid: Solid, on_plane: Bool, cut: Bool | None) -> list[Limb]:
    """The trunk first, then limbs, parents before children.

    on_plane: bool[M], nodes of the tree that may belong to the trunk. cut: bool[M] where the tree is that of the left half of a symmetric
    solid: the nodes whose slices the mirror plane cuts; limbs that it does not cut are doubled. None for a whole solid.
    """
    half = cut is not None
    neighbours = _neighbours(tree.parents)
    trunk = _trunk(tree, neighbours, on_plane)
    limbs = [_trunk_limb(tree, solid, trunk, half or on_plane.sum() < len(on_plane))]
    if half:
        limbs[0].points[:, 0] = 0.0
    _grow(tree, neighbours, trunk, 0, limbs, set(trunk), cut)
    return _doubled(limbs) if half else paired(_uncrossed(limbs), of_parts=False)


def _neighbours(parents: Int64) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in parents]
    for node, parent in enumerate(parents.tolist()):
        if parent >= 0:
            found[node].append(parent)
            found[parent].append(node)
    return found


def _trunk(tree: Centreline, neighbours: list[list[int]], allowed: Bool) -> list[int]:
    """The path with the most thickness times length among allowed nodes that hang together with the start."""
    far, _ = _heaviest(tree, neighbours, 0, allowed)
    return _heaviest(tree, neighbours, far, allowed)[1]


def _heaviest(tree: Centreline, neighbours: list[list[int]], start: int, allowed: Bool) -> tuple[int, list[int]]:
    """The node with the heaviest path from `start`, and that path."""
    weight, came = {start: 0.0}, {start: -1}
    stack = [start]
    while stack:
        node = stack.pop()
        for other in neighbours[node]:
            if other in came or not allowed[other]:
                continue
            step = float(np.linalg.norm(tree.positions[other] - tree.positions[node]))
            weight[other] = weight[node] + step * float(tree.radii[node] + tree.radii[other])
            came[other] = node
            stack.append(other)
    best = max(weight, key=lambda node: weight[node])
    path = [best]
    while came[path[-1]] >= 0:
        path.append(came[path[-1]])
    return best, path


def _trunk_limb(tree: Centreline, solid: Solid, trunk: list[int], has_plane: bool) -> Limb:
    """The trunk, drawn out at both ends to the end of the body it lies in."""
    spread = tree.radii[trunk]
    points, widths = straightened(tree.positions[trunk], spread), tree.widths[trunk]
    if len(trunk) == 1 or length_of(points) < 1.2 * spread.max():
        points = _upright(tree, solid, trunk)
        return Limb(points, np.full(len(points), float(spread.max())), -1, 0.0, 0, np.full(len(points), tree.parts[trunk[0]]))
    widths, parts = np.maximum(widths, spread), tree.parts[trunk]
    for _ in range(2):
        points, widths, parts = points[::-1], widths[::-1], parts[::-1]
        tip = _end_of_body(solid, points, float(widths[-1]), has_plane)
        if tip is not None:
            points = np.concatenate([points, tip[None]])
            widths = np.concatenate([widths, widths[-1:] * 0.7])
            parts = np.concatenate([parts, parts[-1:]])
    fine = resampled(points)
    nearest = np.linalg.norm(fine[:, None] - points, axis=2).argmin(1)
    return Limb(fine, np.interp(np.linspace(0, 1, len(fine)), np.linspace(0, 1, len(widths)), widths), -1, 0.0, 0, parts[nearest])


def _upright(tree: Centreline, solid: Solid, trunk: list[int]) -> Float64:
    """A line through a body without limbs: along its longest direction, upright where none is much longer."""
    centres = solid.centres
    middle = centres.mean(0)
    middle[0] = tree.positions[trunk[0], 0] if abs(tree.positions[trunk[0], 0]) > solid.size else 0.0
    extent = np.ptp(centres, axis=0)
    axis = int(np.argmax(extent * [0.3, 0.6, 1.0]))
    along = np.eye(3)[axis]
    near = np.linalg.norm((centres - middle) - ((centres - middle) @ along)[:, None] * along, axis=1) < 2 * solid.size
    reach = ((centres - middle) @ along)[near] if near.any() else np.array([-0.5, 0.5]) * extent[axis]
    steps = np.linspace(float(reach.min()) * 0.95, float(reach.max()) * 0.95, 24)
    return np.asarray(middle + steps[:, None] * along)


def _end_of_body(solid: Solid, points: Float64, width: float, has_plane: bool) -> Float64 | None:
    """Where the body ends beyond the last of `points`, or None where it ends there."""
    back = points[max(0, len(points) - 6)] if len(points) > 6 else points[0]
    ahead = points[-1] - back
    ahead /= max(float(np.linalg.norm(ahead)), 1e-9)
    offset = solid.centres - points[-1]
    along = offset @ ahead
    aside = np.linalg.norm(offset - along[:, None] * ahead, axis=1)
    reachable = (along > 0) & (aside < 0.8 * along) & (np.linalg.norm(offset, axis=1) < 4 * max(width, 0.02))
    if has_plane:
        reachable &= np.abs(solid.centres[:, 0]) < 1.5 * solid.size
    if not reachable.any() or along[reachable].max() < 2 * solid.size:
        return None
    farthest = reachable & (along > along[reachable].max() - 1.5 * solid.size)
    tip: Float64 = solid.centres[farthest].mean(0)
    if has_plane:
        tip[0] = points[-1][0]
    return tip


def _grow(tree: Centreline, neighbours: list[list[int]], line: list[int], owner: int, limbs: list[Limb], taken: set[int], cut: Bool | None) -> None:
    """Append every limb that leaves the nodes of `line`, which is limb `owner`, and then their own limbs."""
    for node in line:
        for first in neighbours[node]:
            if first in taken:
                continue
            path = _longest(tree, neighbours, node, first)
            taken.update(path)
            limb = _emerged(tree, node, path, owner, limbs[owner], cut)
            if limb is None:
                _grow(tree, neighbours, path, owner, limbs, taken, cut)
                continue
            limbs.append(limb)
            _grow(tree, neighbours, path, len(limbs) - 1, limbs, taken, cut)


def _longest(tree: Centreline, neighbours: list[list[int]], before: int, first: int) -> list[int]:
    """The longest path that leaves `before` through `first`."""
    length, came = {first: 0.0}, {first: before}
    stack = [first]
    while stack:
        node = stack.pop()
        for other in neighbours[node]:
            if other == came[node]:
                continue
            length[other] = length[node] + float(np.linalg.norm(tree.positions[other] - tree.positions[node]))
            came[other] = node
            stack.append(other)
    path = [max(length, key=lambda node: length[node])]
    while path[-1] != first:
        path.append(came[path[-1]])
    return path[::-1]


def _emerged(tree: Centreline, node: int, path: list[int], owner: int, parent: Limb, cut: Bool | None) -> Limb | None:
    """The limb along `path`, without the part of it inside the limb it leaves; None where little is left."""
    apart = np.linalg.norm(tree.positions[path][:, None] - parent.points, axis=2)
    inside = apart.min(1) < EMERGES * np.maximum(parent.widths[apart.argmin(1)], 1e-9)
    # What lies along the inside of the parent, as the start of a leg may that leaves it far behind, is no part of the limb.
    first = int(np.flatnonzero(inside)[-1]) + 1 if inside.any() else 0
    kept = path[_joint_or(first, tree, node, path) :]
    if len(kept) < 3:
        return None
    points = straightened(tree.positions[kept], tree.radii[kept])
    if length_of(points) < max(LEAST_LIMB, 0.8 * float(np.median(tree.radii[kept]))):
        return None
    # It follows the part of the body that its first joint is next to, wherever its centre-line joins the trunk's.
    attach = float(parent.arc[np.linalg.norm(parent.points - points[0], axis=1).argmin()])
    widths = tree.widths[kept]
    if cut is not None and (cut[kept[len(kept) // 2 :]].mean() > 0.5 or points[-1, 0] < MIDLINE * widths.mean()):
        # Half of a limb in the plane, or one that lies against its image: the whole has twice the volume.
        return Limb(points * np.array([0.0, 1.0, 1.0]), widths * np.sqrt(2), owner, attach, 0, tree.parts[kept])
    aside = float(points[-len(points) // 2 :, 0].mean())
    side = int(np.sign(aside)) if cut is not None or abs(aside) > max(0.3 * float(widths.mean()), 0.01) else 0
    return Limb(points, widths, owner, attach, side, tree.parts[kept])


def _joint_or(first: int, tree: Centreline, node: int, path: list[int]) -> int:
    """Where on `path` the limb begins: at the joint of its part, if it has one near `first`, where it comes out of the body."""
    other = tree.parts[path] != tree.parts[node]
    joint = int(np.argmax(other)) if other.any() else first
    return joint if joint <= first or length_of(tree.positions[path[first : joint + 1]]) < LEAST_LIMB + tree.radii[node] else first


def _doubled(limbs: list[Limb]) -> list[Limb]:
    """Limbs of the left half together with their mirror images."""
    left, right = {}, {}
    made: list[Limb] = []
    for index, limb in enumerate(limbs):
        left[index] = len(made)
        made.append(replace(limb, parent=left.get(limb.parent, -1)))
        right[index] = left[index]
        if limb.side:
            right[index] = len(made)
            made[left[index]] = replace(made[left[index]], twin=right[index])
            flipped = limb.points * np.array([-1.0, 1.0, 1.0])
            made.append(Limb(flipped, limb.widths, right.get(limb.parent, -1), limb.attach, -limb.side, limb.parts, left[index]))
    return made


def _uncrossed(limbs: list[Limb]) -> list[Limb]:
    """Limbs where none on one side hangs on one of the other side, as legs do that touch: both hang on the trunk then."""
    made: list[Limb] = []
    for limb in limbs:
        parent, attach, points, widths, parts = limb.parent, limb.attach, limb.points, limb.widths, limb.parts
        while parent > 0 and made[parent].side * limb.side < 0:
            parent, attach = made[parent].parent, made[parent].attach
        if parent != limb.parent:
            own = points[:, 0] * limb.side > 0
            first = int(np.argmax(own)) if own[:-2].any() else 0
            points, widths, parts = points[first:], widths[first:], parts[first:]
        made.append(replace(limb, parent=parent, attach=attach, points=points, widths=widths, parts=parts))
    return made
