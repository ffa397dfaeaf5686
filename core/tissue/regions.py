"""Regions of the flesh that may have a stiffness of their own: trunk and limbs, as the skeleton branches. B is the number of bones."""

import numpy as np

from ..types import Float64, Int32, Rig
from .cage import Cage

MOST_REGIONS = 4
"""A video seldom tells more stiffnesses apart."""


def element_regions(cage: Cage, rig: Rig, node_weights: Float64) -> Int32:
    """int32[E]: the region of each tetrahedron, counted from 0: that of the bone which moves it most.

    The largest regions by volume stay; what is smaller belongs to the one that it hangs on, or to the largest.
    """
    bone = node_weights[cage.tetrahedra].mean(axis=1).argmax(axis=1)
    limb = _limbs(rig)
    size = np.bincount(limb[bone], minlength=int(limb.max()) + 1)
    kept = set(np.argsort(-size, kind="stable")[:MOST_REGIONS].tolist())
    largest = int(size.argmax())
    above = _limb_above(rig, limb)
    place = np.array([_kept_ancestor(one, above, kept, largest) for one in range(len(size))])
    return np.unique(place[limb[bone]], return_inverse=True)[1].astype(np.int32)


def _limbs(rig: Rig) -> Int32:
    """int32[B]: the limb of each bone: a new one begins at each root and where a bone has several children."""
    children = np.bincount(rig.parents[rig.parents >= 0], minlength=len(rig.parents))
    limb = np.zeros(len(rig.parents), np.int32)
    count = 0
    for bone, parent in enumerate(rig.parents.tolist()):
        if parent >= 0 and children[parent] == 1:
            limb[bone] = limb[parent]
        else:
            limb[bone] = count
            count += 1
    return limb


def _limb_above(rig: Rig, limb: Int32) -> dict[int, int]:
    """The limb that each limb hangs on; roots have none."""
    return {int(limb[bone]): int(limb[parent]) for bone, parent in enumerate(rig.parents.tolist()) if parent >= 0 and limb[bone] != limb[parent]}


def _kept_ancestor(limb: int, above: dict[int, int], kept: set[int], otherwise: int) -> int:
    while limb not in kept:
        if limb not in above:
            return otherwise
        limb = above[limb]
    return limb
