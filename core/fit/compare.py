"""How badly a pose explains a frame: the judge between hypotheses."""

from collections.abc import Sequence

import numpy as np

from ..types import Float32, Float64
from .evidence import FrameEvidence
from .look import Drawing
from .observe import CONTRAST, Observer
from .problem import Poses

MOST_DIFFERENCE = 0.3
"""Difference of one colour channel (of 1) beyond which a pixel is simply wrong."""

BATCH = 32
"""Poses drawn at once."""


def picture_error(observer: Observer, frames: Sequence[int], poses: Poses) -> Float64:
    """float64[I]: badness of each pose for its frame, in pixels of a 256-pixel picture: squared colour differences, limited, plus
    the area where drawing and mask disagree."""
    result = np.zeros(len(poses))
    for first in range(0, len(poses), BATCH):
        part = poses[first : first + BATCH]
        drawings = observer.look.draw(*observer.problem.skeleton.transforms(part.rotations, part.translations))
        for index, drawing in enumerate(drawings, first):
            result[index] = error_map(observer.evidence[frames[index]], drawing).sum()
    return result / observer.evidence.pixel**2


def error_map(ready: FrameEvidence, drawing: Drawing) -> Float32:
    """float32[H, W]: badness of every pixel. Where the subject looks like its surroundings a mask cannot tell, so it does not count."""
    drawn = drawing.over(ready.background)
    apart = np.minimum(np.abs(drawn - ready.image), MOST_DIFFERENCE)
    contrast = np.abs(drawn - ready.background).max(-1) / CONTRAST
    mask = (drawing.covered - ready.coverage) ** 2
    mask[drawing.covered] *= np.minimum(contrast[drawing.covered], 1)
    return np.einsum("hwc,hwc->hw", apart, apart) + mask
