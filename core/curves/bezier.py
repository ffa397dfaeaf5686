"""Bezier curves through few keys, as Blender's F-Curves play them back.

The handles stand at a third of the way to the next key. Blender's curve is then exactly a cubic in time between two keys (the
parameter runs evenly with the frame), which makes the best keys and handles a linear least-squares problem. All of it is linear in the
samples: a fixed linear map of the channels, as between our world-axis quaternions and a bone's local ones, maps the curves
likewise (corners are found by distances, which a rotation of the channels leaves alone).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import Float64, Int32
from .pieces import Held, best_pieces

CORNER_RATIO = 6.0
"""At a corner the curve bends this much more than around it."""


@dataclass(frozen=True)
class BezierKeys:
    """Keyframes of C channels that share their times.

    frames: int32[n], ascending. values: float64[n, C].
    left, right: float64[n, C, 2], handles as (frame, value); at both ends the outer handle continues the inner one.
    corner: bool[n], where left and right handle are not in line (Blender's handle type FREE instead of ALIGNED).
    """

    frames: Int32
    values: Float64
    left: Float64
    right: Float64
    corner: NDArray[np.bool_]


def bezier_through(samples: Float64, key_frames: Int32, sharp: NDArray[np.bool_] | None = None) -> BezierKeys:
    """The curve with keys at the given frames that passes as near as it can to all samples, and through the first.

    The first pose is how the subject stands. The other keys stand where the whole curve is best, which is not on the samples: a curve
    that must meet noise at its keys repeats it, and needs more of them. Where every frame has a key, all samples are met.

    samples: float64[T, C], one row a frame. key_frames: int32[n], ascending, the first 0 and the last T - 1, or a single key
    for channels that stand still. sharp: bool[T], `corners(samples)`, where they were found before.
    Continuous in slope, except where the samples themselves have a corner at a key.
    """
    frames = np.asarray(key_frames, np.int32)
    samples = np.asarray(samples, np.float64)
    values = samples[frames]
    if len(frames) == 1:
        flat = np.stack([np.full_like(values, frames[0]), values], -1)
        reach = np.array([1 / 3, 0.0])
        return BezierKeys(frames, values, flat - reach, flat + reach, np.zeros(1, bool))
    corner = (corners(samples) if sharp is None else sharp)[frames]
    corner[[0, -1]] = False  # at an end the curve has but one side: in a part of a longer track an end may be a corner of the whole
    known = len(frames) if len(frames) == len(samples) else 1
    held = Held(np.zeros((len(frames), 2), bool), np.zeros((len(frames), 2, samples.shape[1])))
    held.which[:known, 0], held.known[:known, 0] = True, values[:known]
    found = best_pieces(samples, frames, corner, held)
    before = np.diff(frames, prepend=2 * frames[0] - frames[1]) / 3
    after = np.diff(frames, append=2 * frames[-1] - frames[-2]) / 3
    left, right = _handle(frames, found.values, found.slope_in, -before), _handle(frames, found.values, found.slope_out, after)
    return BezierKeys(frames, found.values, left, right, corner)


def evaluate(keys: BezierKeys, frames: Float64 | Int32) -> Float64:
    """What the curve gives at `frames` [N], whole or between; constant beyond the ends. Returns float64[N, C]."""
    at = np.clip(np.asarray(frames, np.float64), keys.frames[0], keys.frames[-1])
    if len(keys.frames) == 1:
        return np.repeat(keys.values, len(at), 0)
    segment = np.clip(np.searchsorted(keys.frames, at, side="right") - 1, 0, len(keys.frames) - 2)
    start = keys.frames[segment]
    u = ((at - start) / (keys.frames[segment + 1] - start))[:, None]
    v = 1 - u
    near, far = keys.right[segment, :, 1], keys.left[segment + 1, :, 1]
    return v**3 * keys.values[segment] + 3 * v * v * u * near + 3 * v * u * u * far + u**3 * keys.values[segment + 1]


def corners(samples: Float64) -> NDArray[np.bool_]:
    """bool[T]: frames at which the samples change direction at once, as at a hard contact or the start of a hold.

    A smooth curve's bend is shared by neighbouring frames; a corner's stands alone.
    """
    count = len(samples)
    result = np.zeros(count, bool)
    if count < 5:
        return result
    bend = np.zeros(count)
    bend[1:-1] = np.linalg.norm(samples[2:] - 2 * samples[1:-1] + samples[:-2], axis=1)
    speed = np.linalg.norm(np.diff(samples, axis=0), axis=1)
    for frame in range(2, count - 2):
        around = np.r_[bend[max(1, frame - 4) : frame - 1], bend[frame + 2 : min(count - 1, frame + 5)]]
        beside = max(bend[frame - 1], bend[frame + 1])
        brisk = speed[frame - 1] + speed[frame]
        result[frame] = bend[frame] > 0.5 * brisk and bend[frame] > CORNER_RATIO * max(np.max(around, initial=0), beside / 2) and brisk > 0
    return result


def _handle(frames: Int32, values: Float64, slopes: Float64, reach: Float64) -> Float64:
    """Handles float64[n, C, 2] at `reach` [n] frames from their keys."""
    times = np.broadcast_to((frames + reach)[:, None], values.shape)
    return np.stack([times, values + slopes * reach[:, None]], -1)
