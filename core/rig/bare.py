"""Skeletons that move nothing yet, made elsewhere than from the shape: a user's armature, a learned model's bones."""

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from ..errors import InputError
from ..types import Float32, Int32, Int64, Rig
from .bones import Bones
from .frame import SubjectFrame
from .solid import Solid

NEAR = 0.01
"""A bone lies in the subject where some of it comes this near to the solid, fraction of the diagonal."""

STEPS = 9
"""Points of a bone that are looked at."""


def bones_inside(rig: Rig, solid: Solid, frame: SubjectFrame) -> tuple[Bones, Int64]:
    """The bones that lie in the subject, in its frame, and their indices: targets, poles and a root on the floor bend no flesh.

    Raises InputError where none does.
    """
    heads, tails = frame.to_local(rig.heads), frame.to_local(rig.tails)
    points = heads[:, None] + np.linspace(0, 1, STEPS)[:, None] * (tails - heads)[:, None]
    away = cKDTree(solid.centres).query(points)[0].min(1)
    inside = np.flatnonzero(away < NEAR + solid.size)
    if not len(inside):
        raise InputError("No bone lies in the subject.", "Put the armature where the mesh is.")
    names = tuple(rig.names[bone] for bone in inside)
    alone, one_part = np.full(len(inside), -1, np.int32), np.zeros(len(inside), np.int64)
    return Bones(names, alone, heads[inside], tails[inside], rig.z_axes[inside], one_part), inside


def with_weights(rig: Rig, bones: Int64, influences: Int32, weights: Float32) -> Rig:
    """The rig with weights that were made for some of its bones. bones: int64[N], their indices."""
    chosen = np.where(weights > 0, bones[influences], 0)
    return replace(rig, influences=chosen.astype(np.int32), weights=weights)
