"""From chains of joints to bones: the root, who hangs on whom, names and rolls."""

from dataclasses import dataclass

import numpy as np

from ..types import Float64, Int32, Int64
from . import naming
from .anatomy import Limb
from .joints import Chain


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
        steps = np.diff(chains[index].joints, axis=0)
        for k in range(count):
            name = naming.bone_name(names[index], k + 1, count)
            parent = makers.add(name, parent, chains[index].joints[k], chains[index].joints[k + 1], chains[index].parts[k], steps[k - 1] if k else None)
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
        self.z_axes: list[Float64] = []

    def add(self, name: str, parent: int, head: Float64, tail: Float64, part: int, before: Float64 | None = None) -> int:
        """Append a bone; returns its index. before: as in `roll_axis`."""
        self.names.append(name)
        self.parents.append(parent)
        self.heads.append(head)
        self.tails.append(tail)
        self.parts.append(part)
        self.z_axes.append(roll_axis(tail - head, before))
        return len(self.names) - 1

    def bones(self) -> Bones:
        """What was added, as arrays."""
        heads, tails, z_axes = np.array(self.heads), np.array(self.tails), np.array(self.z_axes)
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


def roll_axis(along: Float64, before: Float64 | None = None) -> Float64:
    """The local Z of a bone: bones bend about their X, which lies across the body; a bone that points across it has Z up.

    before: the bone before it in its limb, or None. A knee that is bent shows its axis, the more clearly the more it is bent: the normal
    of the plane of both. Mirrored bones get mirrored axes, which Blender's mirroring of poses expects.
    """
    direction = _unit(along)
    upward = np.cross([1.0, 0.0, 0.0], direction) if abs(direction[0]) < 0.8 else np.array([0.0, 0.0, 1.0])
    hinge = _unit(np.cross(direction, upward))
    if before is not None:
        normal = np.cross(_unit(before), direction)
        bend = float(np.linalg.norm(normal))
        hinge = bend * (normal if normal @ hinge >= 0 else -normal) + (1 - bend**2) * hinge
    return _unit(np.cross(hinge, direction))


def _unit(vector: Float64) -> Float64:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12))
