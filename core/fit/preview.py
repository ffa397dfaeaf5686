"""What someone who waits sees of the fit: now and then the estimate's silhouette over the video's frame."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from ..types import UInt8
from .observe import Observer
from .poses import Poses

INTERVAL = 0.7
"""Least seconds between two pictures: drawing one costs about as much as one comparison of a pose with a frame."""

SIZE = 192
"""Longer side of a picture, pixels."""

COLOUR = np.array([255, 130, 20], np.float32)
"""Of the silhouette, sRGB."""

TINT = 0.35
"""Share of that colour inside the silhouette; its outline has it whole."""

OUTLINE_SHARE = 110
"""The outline is as wide as one part in so many of the picture's longer side."""


@dataclass
class Preview:
    """Hands pictures to `take`, at most one in `INTERVAL` seconds."""

    take: Callable[[UInt8], None]
    _shown: float = 0.0

    def show(self, observer: Observer, frame: int, pose: Poses) -> None:
        """Show the only pose of the batch over its frame, if it is time for a picture."""
        if time.monotonic() - self._shown < INTERVAL:
            return
        (drawing,) = observer.look.draw(*observer.problem.transforms(pose))
        self.take(over_frame(observer.evidence.images[frame], drawing.covered))
        self._shown = time.monotonic()


def over_frame(frame: UInt8, covered: np.ndarray) -> UInt8:
    """The silhouette bool[H, W] tinted and outlined over the frame uint8[H, W, 3], shrunk to `SIZE`."""
    longer = max(frame.shape[:2])
    reach = 2 * max(1, round(longer / OUTLINE_SHARE)) + 1
    inside = covered.astype(np.uint8)
    outline = (cv2.dilate(inside, np.ones((reach, reach), np.uint8)) > inside).astype(np.float32)
    share = np.maximum(TINT * inside, outline)[..., None]
    picture = (frame * (1 - share) + COLOUR * share).round().astype(np.uint8)
    if longer <= SIZE:
        return picture
    height, width = (max(1, round(side * SIZE / longer)) for side in frame.shape[:2])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
