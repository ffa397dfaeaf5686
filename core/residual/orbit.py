"""A camera that goes around the subject over a clip, so that every side is seen once: the subject turned before one that stands still.

Both give the same pictures where the light is the camera's own and the background is plain, as in the coarse film. What is told of the
surface at rest does not know of the turn, which is in the bones' transforms alone.
"""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from ..types import Float64, Motion, Rig


def turned(rig: Rig, motion: Motion, centre: Float64, degrees: float) -> Motion:
    """The motion seen by a camera that goes around the vertical (world Z) through `centre` [3], metres, counter-clockwise seen from
    above, by so many degrees from the first frame to the last."""
    frames, roots = len(motion.rotations), np.flatnonzero(rig.parents < 0)
    angles = -np.radians(degrees) * np.arange(frames) / max(frames - 1, 1)
    turns = Rotation.from_euler("z", angles[:, None])
    rotations, translations = motion.rotations.copy(), motion.translations.copy()
    for root in roots:
        own = Rotation.from_quat(motion.rotations[:, root][:, [1, 2, 3, 0]])
        rotations[:, root] = _continuous((turns * own).as_quat()[:, [3, 0, 1, 2]])
        translations[:, root] = turns.apply(rig.heads[root] + motion.translations[:, root] - centre) + centre - rig.heads[root]
    return replace(motion, rotations=rotations, translations=translations)


def _continuous(quaternions: Float64) -> Float64:
    """The same turns [T, 4] without jumps of sign."""
    flips = np.cumsum((quaternions[1:] * quaternions[:-1]).sum(1) < 0) % 2 == 1
    return np.concatenate([quaternions[:1], np.where(flips[:, None], -quaternions[1:], quaternions[1:])])
