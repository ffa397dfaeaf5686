"""What a frame of the video says, in the forms that the objectives read.

All pictures are float32 at the fit's resolution, row 0 on top, pixel centres at +0.5; positions are (x, y) in pixels.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock

import cv2
import numpy as np

from ..types import Clip, Float32, UInt8
from ..video.pictures import grey

MEMORY = 300_000_000
"""Bytes that prepared frames may take; what does not fit is made again when needed."""

PIXEL_BYTES = 94
"""Bytes that a prepared frame takes for each of its pixels."""

MOST_DIFFERENCE = 0.3
"""Difference of one colour channel (of 1) beyond which a pixel is simply wrong."""

BLURS = (8.0, 3.0, 1.5, 1.0)
"""Standard deviations of the blur pyramid in pixels of a 256-pixel picture, coarse to fine."""


@dataclass(frozen=True)
class FrameEvidence:
    """One frame.

    image: float32[H, W, 3] in [0, 1]. coverage: float32[H, W], share of the pixel that is subject.
    blurred: the image at each level of the pyramid. grey: uint8[H, W] for optical flow.
    background: float32[H, W, 3], the surroundings carried on behind the subject.
    distance: float32[H, W], pixels to the silhouette, positive outside. slope: float32[H, W, 2], its gradient (x, y).
    outline: float32[n, 2], points on the silhouette.
    """

    image: Float32
    coverage: Float32
    blurred: tuple[Float32, ...]
    grey: UInt8
    background: Float32
    distance: Float32
    slope: Float32
    outline: Float32

    @cached_property
    def error_of_background(self) -> Float32:
        """float32[H, W]: how far the frame is from its surroundings without any subject, in colour and mask."""
        return squared_difference(self.background, self.image) + self.coverage**2


@dataclass
class Evidence:
    """The whole clip at the fit's resolution; frames are prepared when first asked for, by whichever thread.

    images: uint8[T, H, W, 3]. coverage: uint8[T, H, W].
    """

    images: UInt8
    coverage: UInt8
    _ready: OrderedDict[int, FrameEvidence] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._preparing = [Lock() for _ in self.images]

    @staticmethod
    def of(clip: Clip, width: int, height: int) -> "Evidence":
        """Shrink (or enlarge) a clip to the fit's resolution."""
        if clip.frames.shape[1:3] == (height, width):
            return Evidence(clip.frames, clip.masks)
        method = cv2.INTER_AREA if width <= clip.frames.shape[2] else cv2.INTER_LINEAR
        images = [cv2.resize(frame, (width, height), interpolation=method) for frame in clip.frames]
        masks = [cv2.resize(mask, (width, height), interpolation=method) for mask in clip.masks]
        return Evidence(np.stack(images), np.stack(masks))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def pixel(self) -> float:
        """Length, in pixels of this resolution, of one pixel of a 256-pixel picture: what lengths in pixels are told in."""
        return max(self.images.shape[1:3]) / 256

    def __getitem__(self, frame: int) -> FrameEvidence:
        with self._preparing[frame]:
            ready = self._ready.get(frame) or self._prepare(frame)
            with self._lock:
                self._ready[frame] = ready
                self._ready.move_to_end(frame)
                if len(self._ready) > max(4, MEMORY // (PIXEL_BYTES * self.images[0, ..., 0].size)):
                    self._ready.popitem(last=False)
        return ready

    def _prepare(self, frame: int) -> FrameEvidence:
        image = self.images[frame].astype(np.float32) / 255
        coverage = self.coverage[frame].astype(np.float32) / 255
        distance = signed_distance(coverage)
        return FrameEvidence(
            image=image,
            coverage=coverage,
            blurred=tuple(blur(image, sigma * self.pixel) for sigma in BLURS),
            grey=grey(image),
            background=_carried_on(image, coverage),
            distance=distance,
            slope=np.stack(np.gradient(distance)[::-1], -1),
            outline=_outline(distance),
        )


def squared_difference(one: Float32, other: Float32) -> Float32:
    """float32[...]: sum over the channels of squared differences of colours [..., 3], each limited to `MOST_DIFFERENCE`."""
    apart = np.minimum(np.abs(one - other), MOST_DIFFERENCE)
    return np.einsum("...c,...c->...", apart, apart)


def blur(image: Float32, sigma: float) -> Float32:
    """Gaussian blur with a standard deviation in pixels."""
    return cv2.GaussianBlur(image, (0, 0), sigma).astype(np.float32, copy=False)


def signed_distance(coverage: Float32) -> Float32:
    """Pixels from each pixel's centre to the outline, positive outside the subject; sub-pixel where an edge pixel is part covered."""
    inside = (coverage > 0.5).astype(np.uint8)
    if not inside.any() or inside.all():
        return np.full(coverage.shape, 1e3 if not inside.any() else -1e3, np.float32)
    outer = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inner = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    distance = np.where(inside > 0, 0.5 - inner, outer - 0.5)
    partial = (coverage > 0.02) & (coverage < 0.98) & (np.abs(distance) < 1.1)
    return np.where(partial, 0.5 - coverage, distance).astype(np.float32)


def _carried_on(image: Float32, coverage: Float32) -> Float32:
    """The surroundings, carried on behind the subject: ever wider means of what is surely not subject."""
    clear = (cv2.dilate(coverage, np.ones((5, 5), np.uint8)) < 0.02).astype(np.float32)
    if not clear.any():
        return np.ones_like(image)
    result, known = image * clear[..., None], clear
    for size in (9, 33, 129, 513):
        weight = cv2.blur(clear, (size, size))
        mean = cv2.blur(image * clear[..., None], (size, size)) / np.maximum(weight, 1e-6)[..., None]
        fresh = (known == 0) & (weight > 1e-4)
        result[fresh], known = mean[fresh], np.where(fresh, 1, known)
    result[known == 0] = image[clear > 0].mean(0)
    return result


def _outline(distance: Float32) -> Float32:
    """Points of the zero level of a signed distance: pixels next to it, moved onto it along the gradient."""
    rows, columns = np.nonzero((distance <= 0) & (distance > -1))
    inner = (rows > 0) & (columns > 0) & (rows < distance.shape[0] - 1) & (columns < distance.shape[1] - 1)
    rows, columns = rows[inner], columns[inner]
    slope = np.stack([distance[rows, columns + 1] - distance[rows, columns - 1], distance[rows + 1, columns] - distance[rows - 1, columns]], -1)
    slope /= np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-6)
    centres = np.stack([columns, rows], -1) + 0.5
    return (centres - distance[rows, columns, None] * slope).astype(np.float32)
