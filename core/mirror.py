"""The other pose of a limb that looks the same: towards the camera instead of away from it.

A segment of known length whose ends are seen on two rays has two poses: its far end lies where its ray meets the sphere around
its near end, once before and once behind the near end's depth. Taking the other one for every segment of a limb, from its first
joint outwards, leaves every joint where the picture shows it (Lee and Chen 1985). Imports numpy alone.
"""

from collections.abc import Sequence

import numpy as np

from .types import Float64


def mirrored_limb(poses: Float64, tips: Float64, parents: tuple[int, ...], rays: Float64, flipped: Sequence[bool] | None = None) -> Float64:
    """The same limb, mirrored in depth.

    poses: float64[T, N, 4, 4], world matrices of the limb's N bones, each at its joint; the first is the limb's root. tips:
    float64[T, N, 3], their far ends. parents: for each bone the index of its parent, which stands before it; -1 for the root.
    rays: float64[T, N, 3], unit, from the camera through the tips. Where perspective leaves a ray out of reach, the tip comes as
    near to it as it can. flipped: which of the bones take their other pose, all of them by default; the others stay on their side.
    Returns float64[T, N, 4, 4]; the root's joint stays.
    """
    result = poses.copy()
    chosen = [True] * len(parents) if flipped is None else flipped
    for bone, parent in enumerate(parents):
        joint = poses[:, bone, :3, 3]
        before = tips[:, bone] - joint
        if parent >= 0:
            carried = result[:, parent] @ np.linalg.inv(poses[:, parent])
            joint = np.einsum("tij,tj->ti", carried[:, :3, :3], joint) + carried[:, :3, 3]
        side = before if chosen[bone] else -before
        after = _other_end(joint, tips[:, bone], side, rays[:, bone]) - joint
        result[:, bone, :3, :3] = shortest_turn(before, after) @ poses[:, bone, :3, :3]
        result[:, bone, :3, 3] = joint
    return result


def _other_end(joint: Float64, tip: Float64, before: Float64, ray: Float64) -> Float64:
    """Where the tip's ray meets the sphere around the joint on the other side than `before`, as long as the limb, points. All [T, 3]."""
    along = ((joint - tip) * ray).sum(1, keepdims=True)
    foot = tip + along * ray
    across = foot - joint
    reach = np.sqrt(np.maximum((before**2).sum(1, keepdims=True) - (across**2).sum(1, keepdims=True), 0.0))
    return foot - np.where((before * ray).sum(1, keepdims=True) >= 0, reach, -reach) * ray


def shortest_turn(one: Float64, other: Float64) -> Float64:
    """float64[T, 3, 3]: rotations from the directions [T, 3] to others; about any axis across where they are opposite."""
    one, other = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12) for vectors in (one, other))
    middle = one + other
    length = np.linalg.norm(middle, axis=1, keepdims=True)
    aside = np.cross(one, np.eye(3)[np.abs(one).argmin(1)])
    middle = np.where(length > 1e-6, middle, aside)
    middle /= np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-12)
    half_turn, first = (2 * v[:, :, None] * v[:, None] - np.eye(3) for v in (middle, one))
    return half_turn @ first  # a half turn about `one`, then about the middle: together the shortest way from one to the other
