"""From chains of joints to bones: the root, who hangs on whom, names and rolls."""

from dataclasses import dataclass

import numpy as np

from ..types import Bools, Float64, Int32, Int64
from . import naming
from .anatomy import Limb
from .joints import Chain

HANGS = 0.6
"""A leg hangs, rather than sprawls, where it ends less than this share of the way aside from its beginning."""


@dataclass(frozen=True)
class Bones:
    """A skeleton in the subject's frame, parents first.

    names, parents, heads, tails, z_axes: as in `Rig`, but lengths in the subject's frame.
    parts: int64[B], the part of the subject that each lies in.
    """

    names: tuple[str, ...]
    parents: Int32
    heads: Float64
    tails: Float64
    z_axes: Float64
    parts: Int64


def root_arc(limbs: list[Limb], centre: Float64, floor: float, height: float) -> float:
    """Where on the trunk the root joint belongs: between the legs of an upright body, else nearest the centre of mass."""
    trunk = limbs[0]
    legs = naming.leg_indices(limbs, floor, height)
    if naming.is_upright(trunk) and legs:
        return float(np.mean([limbs[index].attach for index in legs]))
    return float(trunk.arc[np.linalg.norm(trunk.points - centre, axis=1).argmin()])


def assemble(limbs: list[Limb], chains: list[Chain], root: float, names: list[str]) -> Bones:
    """All bones of all chains; the trunk's chain is split at the joint nearest to the arc `root`."""
    makers = _Makers()
    rearmost = min((limb.attach for limb in limbs[1:] if limb.parent == 0 and limb.side), default=root)
    places = _add_trunk(makers, limbs[0], chains[0], root, rearmost)
    where = {0: places}
    for index, limb in enumerate(limbs[1:], start=1):
        parent = _bone_at(where[limb.parent], chains[limb.parent], limb.attach)
        count = len(chains[index].arcs) - 1
        where[index] = []
        for k in range(count):
            name = naming.bone_name(names[index], k + 1, count)
            parent = makers.add(name, parent, chains[index].joints[k], chains[index].joints[k + 1], chains[index].parts[k])
            where[index].append(parent)
    return makers.bones()


class _Makers:
    """Bones as they are added, one after the other."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.parents: list[int] = []
        self.heads: list[Float64] = []
        self.tails: list[Float64] = []
        self.parts: list[int] = []

    def add(self, name: str, parent: int, head: Float64, tail: Float64, part: int) -> int:
        """Append a bone; returns its index."""
        self.names.append(name)
        self.parents.append(parent)
        self.heads.append(head)
        self.tails.append(tail)
        self.parts.append(part)
        return len(self.names) - 1

    def bones(self) -> Bones:
        """What was added, as arrays."""
        heads, tails = np.array(self.heads), np.array(self.tails)
        z_axes = np.array([roll_axis(tail - head) for head, tail in zip(heads, tails, strict=True)])
        return Bones(tuple(self.names), np.array(self.parents, np.int32), heads, tails, z_axes, np.array(self.parts, np.int64))


def _add_trunk(makers: _Makers, trunk: Limb, chain: Chain, root: float, rearmost: float) -> list[int]:
    """Root, spine to the head, hips back to where the rearmost limb leaves, tail from there. Returns the bone of each of the chain's segments."""
    count = len(chain.arcs) - 1
    split = int(np.abs(chain.arcs[:count] - root).argmin())
    segments = [-1] * count
    parent = -1
    for k in range(split, count):
        name = "root" if k == split else naming.bone_name("spine", k - split, max(2, count - split - 1))
        if k == count - 1 and count - split > 2:
            name = "head"
        parent = makers.add(name, parent, chain.joints[k], chain.joints[k + 1], chain.parts[k])
        segments[k] = parent
    parent = segments[split]
    # A bone belongs to the hips where the greater part of it lies before the last limb.
    hips = int((chain.arcs[:split] + chain.arcs[1 : split + 1] > 2 * rearmost).sum()) if split > 1 else split
    for k in range(split - 1, -1, -1):
        back = split - k
        name = naming.bone_name("hips", back, hips) if back <= hips else naming.bone_name("tail", back - hips, max(2, split - hips))
        parent = makers.add(name, parent, chain.joints[k + 1], chain.joints[k], chain.parts[k])
        segments[k] = parent
    return segments


def _bone_at(segments: list[int], chain: Chain, arc: float) -> int:
    """The bone that covers an arc length of its chain."""
    return segments[int(np.clip(np.searchsorted(chain.arcs, arc, side="right") - 1, 0, len(segments) - 1))]


def roll_axis(along: Float64) -> Float64:
    """The local Z of a bone: bones bend about their X, which lies across the body; a bone that points across it has Z up.

    Mirrored bones get mirrored axes, which Blender's mirroring of poses expects.
    """
    direction = along / max(float(np.linalg.norm(along)), 1e-12)
    across = np.array([1.0, 0.0, 0.0])
    axis = np.cross(across, direction) if abs(direction[0]) < 0.8 else np.array([0.0, 0.0, 1.0])
    axis = axis - direction * (axis @ direction)
    return np.asarray(axis / np.linalg.norm(axis))


def hinged(bones: Bones) -> Bools:
    """bool[B]: bones that turn about their X axis most of the time: those of wings, and of legs that hang.

    With true motion fitted to our skeletons, the hanging legs of five animals and four figures turn about that axis for 0.79 to 0.98 of
    their squared turns, a bird's wings for 0.93; legs of a frog and a spider, which sprawl, for 0.6; single bones of arms for 0.04 to
    0.91. A trunk bends up and down, sideways, or twists, as it is a horse's, a fish's or a person's.
    """
    found = np.zeros(len(bones.names), bool)
    limbs = np.array([naming.limb_of(name) for name in bones.names])
    for limb in dict.fromkeys(limbs.tolist()):
        own = np.flatnonzero(limbs == limb)
        reach = bones.tails[own[-1]] - bones.heads[own[0]]
        hangs = abs(reach[0]) < HANGS * np.linalg.norm(reach)
        stem = limb.split(".")[0]
        found[own] = stem == "wing" or (stem == "leg" and hangs)
    return found
