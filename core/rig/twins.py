"""Limbs that are each other's mirror images, whatever the pose that they stand in."""

from dataclasses import replace

import numpy as np

from ..types import Float64
from .anatomy import Limb
from .lines import length_of

DIFFER = 0.5
"""Logarithm of how many times as long as the other one twin may be."""

MIRROR = np.array([-1.0, 1.0, 1.0])


def paired(limbs: list[Limb], of_parts: bool) -> list[Limb]:
    """Limbs with the twin that leaves the same place on the other side with about the same length, if there is one.

    of_parts: their joints are contacts, which stay where they are, and what a hand holds does not count. Otherwise twins that leave
    the trunk begin at mirrored places.
    """
    made = list(limbs)

    def length(limb: Limb) -> float:
        return limb.breaks[0] if of_parts and limb.breaks else limb.length

    trunk_length = limbs[0].length
    for index, limb in enumerate(made):
        if limb.side <= 0 or limb.twin >= 0:
            continue
        rivals = []
        for other_index, other in enumerate(made):
            parents_match = other.parent == limb.parent or (limb.parent > 0 and made[limb.parent].twin == other.parent)
            if other.side != -limb.side or other.twin >= 0 or not parents_match:
                continue
            apart = abs(other.attach - limb.attach) / trunk_length
            longer, shorter = max(length(limb), length(other)), min(length(limb), length(other))
            if not of_parts:  # one may leave the body later than the other
                shorter = min(longer, shorter + float(np.linalg.norm(MIRROR * limb.points[0] - other.points[0])))
            ratio = np.log(longer / shorter)
            if apart < 0.25 and ratio < DIFFER:
                rivals.append((apart + 0.3 * ratio, other_index))
        if rivals:
            twin = min(rivals)[1]
            made[index] = replace(limb, twin=twin)
            made[twin] = replace(made[twin], twin=index)
            if not of_parts and limb.parent == 0:
                made[index], made[twin] = _evenly_based(made[index], made[twin], limbs[0])
    return made


def _evenly_based(left: Limb, right: Limb, trunk: Limb) -> tuple[Limb, Limb]:
    """Twins that leave the trunk at mirrored places, as hips and shoulders do whatever the pose.

    The longer of the two shows where: a leg that is folded against the body leaves it late.
    """
    ours, theirs = left.length**2, right.length**2
    base = (ours * left.points[0] + theirs * MIRROR * right.points[0]) / (ours + theirs)
    return _based(left, base, trunk), _based(right, MIRROR * base, trunk)


def _based(limb: Limb, base: Float64, trunk: Limb) -> Limb:
    """The limb starting at another place, with its own beginning bent there."""
    away = np.linalg.norm(limb.points - base, axis=1)
    first = int(away.argmin()) if away.min() < away[0] else 0
    points, widths, parts = limb.points[first:], limb.widths[first:], limb.parts[first:]
    count = max(2, int(np.linalg.norm(points[0] - base) / max(length_of(points) / len(points), 1e-9)))
    lead = base + np.linspace(0, 1, count, endpoint=False)[:, None] * (points[0] - base)
    attach = float(trunk.arc[np.linalg.norm(trunk.points - base, axis=1).argmin()])
    widths, parts = (np.concatenate([np.full(count, values[0]), values]) for values in (widths, parts))
    return replace(limb, points=np.concatenate([lead, points]), widths=widths, parts=parts, attach=attach)
