"""How badly a pose explains a frame: the judge between hypotheses."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from ..render.passes import Against, passes
from ..types import Float32, Float64
from ..workers import spread
from .evidence import MOST_DIFFERENCE, FrameEvidence, squared_difference
from .light import Light, light_on
from .look import Drawing
from .observe import CONTRAST, Observer
from .poses import Poses

BATCH = 8
"""Poses drawn at once."""


def picture_error(observer: Observer, frames: Sequence[int], poses: Poses) -> Float64:
    """float64[I]: badness of each pose for its frame, in pixels of a 256-pixel picture: squared colour differences, limited, plus
    the area where drawing and mask disagree."""
    batches = [(list(frames[first : first + BATCH]), poses[first : first + BATCH]) for first in range(0, len(poses), BATCH)]
    return np.concatenate(spread(partial(_errors, observer), batches)) / observer.evidence.pixel**2


def _errors(observer: Observer, batch: tuple[list[int], Poses]) -> list[float]:
    """Of some frames, each with its pose; in pixels of the picture."""
    frames, poses = batch
    drawings = observer.look.draw(*observer.problem.transforms(poses))
    return [float(error_map(observer.evidence[frame], drawing).sum()) for frame, drawing in zip(frames, drawings, strict=True)]


def clip_error(observer: Observer, poses: Poses) -> float:
    """The picture error of a whole clip."""
    return float(picture_error(observer, range(len(poses)), poses).sum())


def error_map(ready: FrameEvidence, drawing: Drawing, light: Light | None = None) -> Float32:
    """float32[H, W]: badness of every pixel. Where the subject looks like its surroundings a mask cannot tell, so it does not count.
    light: the frame's, see `light_on`, which is asked where nothing is given."""
    light = light or light_on(ready, drawing.colours, drawing.known)
    bare, one_pass = ready.error_of_background, passes()  # most of the picture, and the same for every pose
    if one_pass:
        return one_pass.errors(drawing.triangle_ids, drawing.colours, against(ready, light), bare)
    result, where = bare.copy(), np.nonzero(drawing.covered)
    result[where] = painted_error(ready, where, light.on(drawing.colours[where], *where))
    return result


def against(ready: FrameEvidence, light: Light) -> Against:
    """What the kernels are told of a frame that colours are compared with."""
    return Against(light.numbers, np.ascontiguousarray(ready.colours), np.ascontiguousarray(ready.covered), ready.background, MOST_DIFFERENCE, CONTRAST)


def painted_error(ready: FrameEvidence, where: np.ndarray | tuple[np.ndarray, ...], colours: Float32) -> Float32:
    """float32[..., n]: badness of n pixels (`where` indexes [H, W]) with the subject painted over them in these colours [..., n, 3]."""
    apart = np.abs(colours - ready.background[where])
    contrast = np.maximum(np.maximum(apart[..., 0], apart[..., 1]), apart[..., 2]) / CONTRAST
    return squared_difference(colours, ready.image_at(where)) + (1 - ready.coverage_at(where)) ** 2 * np.minimum(contrast, 1)
