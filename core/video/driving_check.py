"""Is the driving video what the fit can use? Measured on the decoded clip, before the fit: numbers for the report, and warnings.

A still camera shows as a background that stays where it is. It is measured along the picture's border, where the background has
texture; on a plain one a camera's motion cannot be told from the subject's and is not reported, see `Check.camera_shift_pct`.
"""

import itertools
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from ..types import Clip, Float64, UInt8
from .background import border_band
from .first_frame import moved, offset
from .masks import luma, soft_iou

MOVING_CAMERA_PCT = 2.0
"""Motion of the background, in % of the picture's diagonal over the clip, above which the camera is said to move."""
TEXTURE = 4.0
"""Standard deviation of the border's brightness, levels of 255, below which no motion can be seen in it."""
CUT_SCORE = 0.35
"""One less the IoU of two following outlines, above which they are two scenes, where it also sticks out from its neighbours."""
CUT_CONTRAST = 6.0
"""Times the median change of the outline that a cut exceeds."""
FLICKER_LEVELS = 6.0
"""Jump of the subject's brightness from frame to frame, levels of 255 (standard deviation of second differences)."""
LEAVING_SHARE = 0.08
"""Share of the outline along the picture's border, above which the subject leaves the frame."""
GONE_SHARE = 0.1
"""Share of its area as it stands, below which it has left."""


@dataclass(frozen=True)
class Check:
    """Numbers about a driving video.

    registration_error: one less the IoU of frame 0's mask and the subject as it stands, after a small shift and scale.
    registration_shift_pct: that shift, % of the picture's diagonal. registration_scale: how much larger the video shows it.
    camera_shift_pct: how far the background moves over the clip, % of the diagonal; None where it is too plain to see.
    leaves_frame: frames, counted from 0, in which the subject touches the border or is gone. cuts: frames before which the scene changes.
    flicker: see `FLICKER_LEVELS`; of the frames that hold the whole subject.
    """

    registration_error: float
    registration_shift_pct: float
    registration_scale: float
    camera_shift_pct: float | None
    leaves_frame: tuple[int, ...]
    cuts: tuple[int, ...]
    flicker: float

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def warnings(self) -> tuple[str, ...]:
        """What the user should know, one sentence each."""
        found = []
        if self.camera_shift_pct is not None and self.camera_shift_pct > MOVING_CAMERA_PCT:
            found.append(f"The camera of the driving video moves (the background by {self.camera_shift_pct:.1f} % of the picture): the motion found holds the camera's too. Use a clip with a still camera.")
        if self.leaves_frame:
            found.append(f"The subject touches the picture's border, or is gone, in {len(self.leaves_frame)} frames, first in frame {self.leaves_frame[0]}: what is outside is guessed.")
        if self.cuts:
            found.append(f"The driving video seems to be cut before frame {self.cuts[0]}: end the frame range before it.")
        if self.flicker > FLICKER_LEVELS:
            found.append(f"The driving video flickers (its brightness jumps by {self.flicker:.0f} levels of 255): the motion may tremble.")
        return tuple(found)


def check_driving(clip: Clip, subject_mask: UInt8) -> Check:
    """Measure a clip. subject_mask: uint8[H, W], the subject as it stands, seen by the view; see `first_frame.subject_coverage`."""
    shift, scale = offset(clip.masks[0], subject_mask)
    diagonal = float(np.hypot(subject_mask.shape[0], subject_mask.shape[1]))
    leaves = tuple(index for index, mask in enumerate(clip.masks) if _leaves(mask, subject_mask))
    return Check(
        registration_error=round(1.0 - soft_iou(moved(subject_mask, shift, scale), clip.masks[0]), 4),
        registration_shift_pct=round(100 * float(np.linalg.norm(shift)) / diagonal, 3),
        registration_scale=round(scale, 4),
        camera_shift_pct=_camera_shift(clip),
        leaves_frame=leaves,
        cuts=_cuts(clip.masks),
        flicker=round(_flicker(clip, leaves), 2),
    )


def _camera_shift(clip: Clip) -> float | None:
    """Motion of the background between the first frame and each later one, at most, % of the diagonal; None where it is plain."""
    height, width = clip.masks.shape[1:]
    first = luma(clip.frames[0])
    seen = ~_dilated(clip.masks[0])
    band = border_band(height, width) & seen
    if band.sum() < 50 or float(first[band].std()) < TEXTURE:
        return None
    step = max(1, len(clip.frames) // 12)
    shifts = [_shift(first, luma(clip.frames[index]), seen & ~_dilated(clip.masks[index])) for index in range(step, len(clip.frames), step)]
    return round(100 * max(shifts, default=0.0) / float(np.hypot(height, width)), 3)


def _shift(one: UInt8, other: UInt8, background: np.ndarray[Any, Any]) -> float:
    """Median length of the background's optical flow, pixels."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(one, other, None)  # type: ignore[call-overload]
    textured = background & (_gradient(one) > TEXTURE)
    return float(np.median(np.linalg.norm(flow[textured], axis=-1))) if textured.sum() > 20 else 0.0


def _gradient(picture: UInt8) -> Float64:
    """Local contrast, levels of 255."""
    smooth = cv2.GaussianBlur(picture.astype(np.float64), (0, 0), 1.5)
    return 4 * np.hypot(cv2.Sobel(smooth, cv2.CV_64F, 1, 0) / 8, cv2.Sobel(smooth, cv2.CV_64F, 0, 1) / 8).astype(np.float64)


def _dilated(mask: UInt8) -> np.ndarray[Any, Any]:
    """The outline and a margin about it, bool[H, W]."""
    return cv2.dilate(mask, np.ones((9, 9), np.uint8)) > 32


def _border_share(mask: UInt8) -> float:
    """Share of the picture's outermost pixels that the subject covers."""
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return float((edge > 127).mean())


def _leaves(mask: UInt8, subject_mask: UInt8) -> bool:
    """Whether a part of the subject is outside that is inside as it stands, or all of it."""
    share = _border_share(mask)
    return (share > LEAVING_SHARE and share > 2 * _border_share(subject_mask)) or bool(mask.sum(dtype=np.int64) < GONE_SHARE * subject_mask.sum(dtype=np.int64))


def _cuts(masks: UInt8) -> tuple[int, ...]:
    """Frames whose outline has little to do with that before, where its neighbours' have."""
    change = np.array([1.0 - soft_iou(one, other) for one, other in itertools.pairwise(masks)])
    usual = float(np.median(change))
    return tuple(int(index) + 1 for index in np.flatnonzero((change > CUT_SCORE) & (change > CUT_CONTRAST * max(usual, 0.01))))


def _flicker(clip: Clip, leaves: tuple[int, ...]) -> float:
    """Standard deviation of the second difference of the subject's mean brightness, levels of 255. leaves: frames that do not count."""
    means = np.array([float(np.average(luma(frame), weights=np.maximum(mask, 1e-3))) for frame, mask in zip(clip.frames, clip.masks, strict=True)])
    means[list(leaves)] = np.nan
    jumps = np.diff(means, 2)
    jumps = jumps[np.isfinite(jumps)]
    return float(np.std(jumps)) if len(jumps) else 0.0
