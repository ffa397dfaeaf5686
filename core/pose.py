"""Where bones stand: the matrices of a motion's channels. Imports numpy alone, so that Blender can use it too."""

import numpy as np

from .bone_scale import bone_axes
from .types import Float64, Motion, Rig


def world_motion(rig: Rig, motion: Motion) -> Float64:
    """float64[T, B, 4, 4]: what takes a point of each bone from frame 0 to frame t, world space (see `core.types.Motion`)."""
    local = local_motion(motion.rotations, motion.translations, motion.scales, rig.heads, bone_axes(rig))
    world = local.copy()
    for bone, parent in enumerate(rig.parents.tolist()):
        if parent >= 0:
            world[:, bone] = world[:, parent] @ local[:, bone]
    return world


def local_motion(rotations: Float64, translations: Float64, scales: Float64, heads: Float64, axes: Float64) -> Float64:
    """float64[..., 4, 4]: what each bone does to points of its parent.

    rotations [..., 4], translations [..., 3] and scales [..., 3]: see `core.types.Motion`. heads: float64[..., 3], joints in frame 0.
    axes: float64[..., 3, 3], the bones' own axes in frame 0 as columns. All broadcast.
    """
    linear = rotation_matrices(rotations) @ ((axes * scales[..., None, :]) @ axes.swapaxes(-1, -2))
    result = np.zeros((*linear.shape[:-2], 4, 4))
    result[..., :3, :3] = linear
    result[..., :3, 3] = heads + translations - (linear @ heads[..., None])[..., 0]
    result[..., 3, 3] = 1.0
    return result


def rotation_matrices(quaternions: Float64) -> Float64:
    """float64[..., 3, 3] of unit quaternions [..., 4], (w, x, y, z)."""
    w, x, y, z = np.moveaxis(quaternions, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))
