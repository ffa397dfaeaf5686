"""From a motion at the video's own times to one at every frame of the scene."""

from dataclasses import replace

import numpy as np
from scipy.interpolate import CubicSpline

from .types import Float64, Int32, Motion, Tissue


def retimed(motion: Motion, times: Float64, most: int = 0) -> Motion:
    """The motion at scene frames 0, 1, 2 ... up to the last of `times`, by cubic splines through what was fitted.

    motion: fitted at T times. times: float64[T], the scene frames at which it was fitted, ascending from 0.
    most: scene frames wanted, 0 for all.
    """
    frames = np.arange(round(float(times[-1])) + 1)[: most or None]
    frames = np.minimum(frames, times[-1])  # the last scene frame may lie a little beyond the last video frame: it holds
    rotations = CubicSpline(times, motion.rotations, axis=0)(frames)
    rotations /= np.linalg.norm(rotations, axis=-1, keepdims=True)
    translations, scales = (CubicSpline(times, values, axis=0)(frames) for values in (motion.translations, motion.scales))
    return replace(motion, rotations=rotations, translations=translations, scales=scales)


def retimed_tissue(tissue: Tissue, frames: Int32, count: int) -> Tissue:
    """Shape keys fitted at some scene frames, int32[T] ascending from 0, at every one of `count` scene frames, by straight lines between."""
    values = [np.interp(np.arange(count), frames, one) for one in tissue.values.T]
    return replace(tissue, values=np.stack(values, 1).astype(np.float32) if values else np.zeros((count, 0), np.float32))
