"""The anatomy of a subject that is put together from parts: one trunk through the part in its middle, and a limb for every chain of
parts that hangs on it, with joints where the parts touch.

The tree of parts tells what hangs on what, better than any line through the whole solid: an arm that touches the hip, or a helmet
that holds most of the volume, does not mislead it.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from ..types import Float64, Int64
from .anatomy import LEAST_LIMB, Limb
from .centreline import sticks_out
from .lines import length_of, resampled, straightened
from .parts import Parts, mirrored
from .solid import Bool, Solid
from .twins import paired

BESIDE = 0.5
"""A part lies in the middle where its centre is nearer to the mirror plane than this share of its own half breadth."""

SLENDER = 7.0
"""A part is followed to its farthest point where that is this many times as far as the part spreads around the way there (root mean
square); else, as a cape or a foot, straight through its middle."""

GROUND = 0.06
"""A limb stands on the ground where it comes this near to it, share of the subject's height."""

FLAT = 0.3
"""A part is a plate where it is this many times as thick as it is broad; plates do not bend between their joints."""

STRAIGHT = 1.1
"""The way through a straight part is at most this many times as long as the distance."""

LUMP = 0.7
"""A part is a lump where its second breadth is at least this share of its first."""

DETAIL = 1.0
"""What is shorter than this many half thicknesses of what it sits on is a detail of that, as an eyebrow is, and no limb."""

END = 0.9
"""A part's end is the middle of what lies beyond this share of its reach."""

SLICES = 9
"""Points of the line through the middle part."""


@dataclass(frozen=True)
class _Assembly:
    """The parts with what is measured of them. middles: float64[P, 3]. thickness: float64[P], half of it. children: of each part.
    stiff: whether each is a plate or a lump, which does not bend between its joints."""

    solid: Solid
    parts: Parts
    middles: Float64
    thickness: Float64
    children: tuple[tuple[int, ...], ...]
    graph: sp.csr_matrix

    @staticmethod
    def of(solid: Solid, parts: Parts) -> "_Assembly":
        members = [solid.centres[parts.of_voxel == part] for part in range(len(parts))]
        middles = np.array([points.mean(0) for points in members])
        thickness = np.array([_half_thickness(solid, parts.of_voxel == part) for part in range(len(parts))])
        children = tuple(tuple(child for child, parent in enumerate(parts.parents) if parent == part) for part in range(len(parts)))
        return _Assembly(solid, parts, middles, thickness, children, solid.graph(solid.links[2]))

    def points(self, part: int) -> Float64:
        """float64[N, 3]: the voxels of a part."""
        return np.asarray(self.solid.centres[self.parts.of_voxel == part])

    @cached_property
    def tips(self) -> tuple[tuple[float, Float64, bool], ...]:
        """How far each part's end is from its joint, where that end is, and whether the part is slender."""
        return tuple(_tip(self, part) for part in range(len(self.parts)))

    @cached_property
    def stiff(self) -> tuple[bool, ...]:
        """Whether each part but the middle one does not bend between its joints."""
        return tuple(part > 0 and _stiff(self, part) for part in range(len(self.parts)))

    def in_middle(self, part: int) -> bool:
        """Whether a part lies across the mirror plane rather than beside it."""
        return bool(abs(self.middles[part, 0]) < BESIDE * np.ptp(self.points(part)[:, 0]) / 2)


def limbs_of_parts(solid: Solid, parts: Parts, has_plane: bool, symmetric: bool) -> list[Limb] | None:
    """The trunk first, then limbs, parents before children; as `limbs.find_limbs` gives them for a subject in one piece.

    None where a part is itself a body with limbs, so that one line through it does not do.
    """
    whole = _Assembly.of(solid, parts)
    trunk, used = _trunk(whole, has_plane)
    limbs = [trunk]
    for part in used:
        for child in whole.children[part]:
            if child not in used:
                _grow(whole, child, 0, limbs, has_plane)
    if _has_more_limbs(whole, limbs):
        return None
    return _mirrored(limbs, mirrored(solid)) if symmetric else paired(limbs, of_parts=True)


def _has_more_limbs(whole: _Assembly, limbs: list[Limb]) -> bool:
    """Whether something that bends sticks out of a part beside the line through it, as the legs of a body do."""
    lines = cKDTree(whole.solid.centres).query(np.concatenate([limb.points for limb in limbs]))[1]
    followed = {part for limb in limbs for part in limb.parts.tolist()}
    settled = np.array([stiff or part not in followed for part, stiff in enumerate(whole.stiff)])
    return sticks_out(whole.solid, np.unique(lines), settled[whole.parts.of_voxel])


def _trunk(whole: _Assembly, has_plane: bool) -> tuple[Limb, tuple[int, ...]]:
    """The line through the middle part and the parts that go on from its ends, and those parts.

    It rises where one pair of limbs stands on the ground, or where the middle part is tall; else it lies along the middle part.
    """
    axis = 2 if _stands(whole) else 1 if has_plane else int(np.ptp(whole.points(0), axis=0).argmax())
    along = np.eye(3)[axis]
    ends = []
    for way in (-1.0, 1.0):
        onward = [child for child in whole.children[0] if (not has_plane or whole.in_middle(child)) and _leads(whole, child, way * along)]
        ends.append(max(onward, key=lambda child: _reach(whole, child)[0]) if onward and (axis != 2 or way > 0) else None)
    middle = _slices(whole.points(0), along, [whole.parts.joints[end] if end is not None else None for end in ends])
    points, owners, widths, used = middle, [0] * len(middle), [whole.thickness[0]] * len(middle), [0]
    for end, before in zip(ends, (True, False), strict=True):
        if end is None:
            continue
        more, of_part, width, chain = _chain(whole, end, has_plane)
        used += chain
        points = np.concatenate([more[::-1], points] if before else [points, more])
        owners = of_part[::-1] + owners if before else owners + of_part
        widths = width[::-1] + widths if before else widths + width
    if has_plane:
        points = points * np.array([0.0, 1.0, 1.0])
    return _limb(whole, points, owners, widths, -1, None, 0), tuple(used)


def _stands(whole: _Assembly) -> bool:
    """Whether the body is upright: one pair of limbs on the ground, or a middle part that is taller than long."""
    floor, height = float(whole.solid.centres[:, 2].min()), float(np.ptp(whole.solid.centres[:, 2]))
    feet = [child for child in whole.children[0] if not whole.in_middle(child) and _lowest(whole, child) < floor + GROUND * height]
    extent = np.ptp(whole.points(0), axis=0)
    return len(feet) == 2 or (len(feet) < 4 and bool(extent[2] > extent[:2].max()))


def _lowest(whole: _Assembly, part: int) -> float:
    below = [_lowest(whole, child) for child in whole.children[part]]
    return min([float(whole.points(part)[:, 2].min()), *below])


def _leads(whole: _Assembly, child: int, way: Float64) -> bool:
    """Whether a part goes on from the middle part in this direction, farther than to any side."""
    offset = whole.middles[child] - whole.middles[0]
    beyond = whole.parts.joints[child] @ way > whole.middles[0] @ way + 0.2 * np.ptp(whole.points(0) @ way)
    return bool(beyond and offset @ way > 0.6 * np.linalg.norm(offset))


def _reach(whole: _Assembly, part: int) -> tuple[float, int | None]:
    """How long the chain from a part's joint outwards is, and the child that it goes on with."""
    own = whole.tips[part][0]
    best: tuple[float, int | None] = (own, None)
    for child in whole.children[part]:
        there = float(np.linalg.norm(whole.parts.joints[child] - whole.parts.joints[part])) + _reach(whole, child)[0]
        if there > best[0]:
            best = (there, child)
    return best


def _tip(whole: _Assembly, part: int) -> tuple[float, Float64, bool]:
    """See `_Assembly.tips`."""
    joint, points = whole.parts.joints[part], whole.points(part)
    line = _line(whole, part, joint, None)
    spread = float(np.sqrt((cKDTree(line).query(points)[0] ** 2).mean()))
    if length_of(line) > SLENDER * spread:
        return length_of(line), line[-1], True
    ahead = whole.middles[part] - joint
    ahead /= max(float(np.linalg.norm(ahead)), 1e-9)
    reached = (points - joint) @ ahead
    end = points[reached >= END * reached.max()].mean(0)
    return float(np.linalg.norm(end - joint)), end, False


def _chain(whole: _Assembly, part: int, in_middle: bool = False) -> tuple[Float64, list[int], list[float], list[int]]:
    """The line through a part and those that it goes on with: points, the part of each, half thicknesses, and the parts.

    in_middle: it goes on with what lies in the mirror plane alone.
    """
    points, owners, widths, chain = [], [], [], []
    here: int | None = part
    while here is not None:
        onward = _reach(whole, here)[1]
        if in_middle and onward is not None and not whole.in_middle(onward):
            onward = None
        end = whole.parts.joints[onward] if onward is not None else whole.tips[here][1]
        line = _line(whole, here, whole.parts.joints[here], end)
        points.append(line)
        owners += [here] * len(line)
        widths += [float(whole.thickness[here])] * len(line)
        chain.append(here)
        here = onward
    return np.concatenate(points), owners, widths, chain


def _grow(whole: _Assembly, part: int, owner: int, limbs: list[Limb], has_plane: bool) -> None:
    """Append the limb that begins with a part, and those that hang on it."""
    points, owners, widths, chain = _chain(whole, part)
    on = limbs[owner].parts[np.linalg.norm(limbs[owner].points - points[0], axis=1).argmin()]
    if length_of(points) >= max(LEAST_LIMB, DETAIL * whole.thickness[on]):
        aside = float(points[len(points) // 2 :, 0].mean())
        side = int(np.sign(aside)) if has_plane and not whole.in_middle(part) else 0
        limbs.append(_limb(whole, points, owners, widths, owner, limbs[owner], side))
        owner = len(limbs) - 1
    for one in chain:
        for child in whole.children[one]:
            if child not in chain:
                _grow(whole, child, owner, limbs, has_plane)


def _limb(whole: _Assembly, points: Float64, owners: list[int], widths: list[float], owner: int, parent: Limb | None, side: int) -> Limb:
    fine = resampled(points)
    nearest = cKDTree(points).query(fine)[1]
    attach = float(parent.arc[np.linalg.norm(parent.points - fine[0], axis=1).argmin()]) if parent is not None else 0.0
    stiff = frozenset(part for part in owners if whole.stiff[part])
    return Limb(fine, np.array(widths)[nearest], owner, attach, side, np.array(owners)[nearest], stiff=stiff)


def _line(whole: _Assembly, part: int, start: Float64, end: Float64 | None) -> Float64:
    """float64[N, 3]: the way inside a part that keeps to its middle, from one point to another, or to the farthest voxel."""
    members = np.flatnonzero(whole.parts.of_voxel == part)
    centres, radius = whole.solid.centres[members], whole.solid.radius[members]
    plain = whole.graph[members][:, members]
    at = int(np.linalg.norm(centres - start, axis=1).argmin())
    if end is None:
        away = dijkstra(plain, indices=at)
        to = int(np.where(np.isfinite(away), away, -1.0).argmax())
    else:
        to = int(np.linalg.norm(centres - end, axis=1).argmin())
    cost = 0.1 + (1 - radius / radius.max()) ** 2
    links = plain.tocoo()
    weighted = sp.csr_matrix((links.data * (cost[links.row] + cost[links.col]), (links.row, links.col)), plain.shape)
    _, before = dijkstra(weighted, indices=at, return_predecessors=True)
    path = [to]
    while path[-1] != at and before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    inner = centres[path[::-1]]
    line = np.concatenate([start[None], inner[1:-1], (end if end is not None else centres[to])[None]])
    return straightened(resampled(line), np.full(2 * len(line), max(float(np.median(radius[path])) * whole.solid.size, 0.02)))


def _slices(points: Float64, along: Float64, ends: list[Float64 | None]) -> Float64:
    """float64[N, 3]: the middles of slices across a part, from where one neighbour begins (or its own end) to the other."""
    height = points @ along
    low, high = ((height.min(), height.max())[k] if end is None else float(end @ along) for k, end in enumerate(ends))
    steps = np.linspace(low, high, SLICES)
    half = max(abs(high - low) / SLICES, 1e-6)
    found = []
    for step in steps:
        near = np.abs(height - np.clip(step, height.min() + half / 2, height.max() - half / 2)) <= half
        middle = points[near].mean(0) if near.any() else points.mean(0)
        found.append(middle + (step - middle @ along) * along)
    line = np.array(found)
    for k, end in ((0, ends[0]), (-1, ends[1])):
        if end is not None:
            line[k] = end
    return straightened(line, np.full(len(line), 1.5 * half))


def _half_thickness(solid: Solid, member: Bool) -> float:
    """Of a part: in a tube the mean depth is a third of the radius."""
    return 3.0 * float(solid.radius[member].mean()) * solid.size


def _stiff(whole: _Assembly, part: int) -> bool:
    """Whether a part is a lump about as broad as it is long, or a plate that is broad or straight: a bent leg lies in a plane as well."""
    points = whole.points(part)
    spread = np.linalg.svd(points - points.mean(0), compute_uv=False)
    reach, tip, slender = whole.tips[part]
    straight = reach < STRAIGHT * np.linalg.norm(tip - whole.parts.joints[part])
    return bool(spread[1] > LUMP * spread[0] or (spread[2] < FLAT * spread[1] and (straight or not slender)))


def _mirrored(limbs: list[Limb], image: Int64) -> list[Limb]:
    """Limbs of a symmetric subject: those on the right are the mirror images of those on the left."""
    place = {int(limb.parts[0]): index for index, limb in enumerate(limbs) if index}
    made = [replace(limbs[0], points=limbs[0].points * np.array([0.0, 1.0, 1.0]))]
    for index, limb in enumerate(limbs[1:], start=1):
        twin = place.get(int(image[limb.parts[0]]), -1)
        if limb.side >= 0 or twin < 0 or limbs[twin].side <= 0:
            made.append(replace(limb, twin=twin if twin != index and limb.side > 0 and twin >= 0 and limbs[twin].side < 0 else -1))
            continue
        left = limbs[twin]
        flipped = left.points * np.array([-1.0, 1.0, 1.0])
        made.append(Limb(flipped, left.widths, limb.parent, left.attach, -1, image[left.parts], twin, frozenset(int(image[part]) for part in left.stiff)))
    return made
