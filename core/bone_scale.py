"""Bones that change their size: scale along their own axes, as Blender's bones have it. Imports numpy alone."""

import numpy as np

from .types import Float64, Rig


def bone_axes(rig: Rig) -> Float64:
    """float64[B, 3, 3]: each bone's X, Y (from head to tail) and Z axis in frame 0, as columns in world space."""
    along = _unit(rig.tails - rig.heads)
    sideways = _unit(np.cross(along, rig.z_axes))
    return np.stack([sideways, along, np.cross(sideways, along)], -1)


def scale_matrices(rig: Rig, scales: Float64) -> Float64:
    """float64[T, B, 3, 3]: what scales [T, B, 3] (see `core.types.Motion`) do to vectors of frame 0, world axes."""
    axes = bone_axes(rig)
    return (axes * scales[..., None, :]) @ axes.transpose(0, 2, 1)


def parted(rig: Rig, linear: Float64) -> tuple[Float64, Float64, float]:
    """Turn and scale of linear maps [T, B, 3, 3] that first scale along the bones' axes and then turn.

    Returns rotations float64[T, B, 3, 3], scales float64[T, B, 3], and how far the maps are from such ones: the largest cosine
    between two axes that should be square to each other.
    """
    axes = bone_axes(rig)
    moved = linear @ axes
    scales = np.linalg.norm(moved, axis=-2)
    straight = moved / np.maximum(scales, 1e-12)[..., None, :]
    shear = float(np.abs(straight.swapaxes(-1, -2) @ straight - np.eye(3)).max(initial=0.0))
    left, _, right = np.linalg.svd(straight)
    return left @ right @ axes.transpose(0, 2, 1), scales, shear


def _unit(vectors: Float64) -> Float64:
    """Unit vectors [..., 3]; what has no length is left without."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
