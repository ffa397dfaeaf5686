"""What a frame of the video says, in the forms that the objectives read.

All pictures are float32 at the fit's resolution, row 0 on top, pixel centres at +0.5; positions are (x, y) in pixels.
"""

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from ..sent_once import sent_once
from ..types import Clip, Float32, UInt8
from ..video.pictures import sample
from .memory import Memory

KEPT_BYTES = 200_000_000
"""Bytes that what is dear to prepare may take: some 400 frames of 256 x 256. What does not fit is made again when needed."""

READY_BYTES = 200_000_000
"""Bytes that prepared frames may take beside that; what is made again then costs a millisecond or two of processor time a frame."""

LEAST_READY = 4
"""Prepared frames kept in any case."""

MOST_DIFFERENCE = 0.3
"""Difference of one colour channel (of 1) beyond which a pixel is simply wrong."""

BLURS = (8.0, 3.0, 1.5, 1.0)
"""Standard deviations of the blur pyramid in pixels of a 256-pixel picture, coarse to fine."""


@dataclass(frozen=True)
class Surroundings:
    """A frame without its subject: the frame's own pixels but for a window float32[h, w, 3] whose first row and column is `first`."""

    first: tuple[int, int]
    window: Float32

    @staticmethod
    def of(image: Float32, coverage: Float32) -> "Surroundings":
        """Carry the surroundings on behind the subject; image: float32[H, W, 3], coverage: float32[H, W]."""
        whole = _carried_on(image, coverage)
        rows, columns = (np.flatnonzero((whole != image).any(axis)) for axis in ((1, 2), (0, 2)))
        if not len(rows):
            return Surroundings((0, 0), whole[:0, :0].copy())
        return Surroundings((int(rows[0]), int(columns[0])), whole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy())

    def around(self, image: Float32) -> Float32:
        """float32[H, W, 3]: the frame's picture with the window in its place."""
        result = image.copy()
        (row, column), (height, width) = self.first, self.window.shape[:2]
        result[row : row + height, column : column + width] = self.window
        return result


@dataclass(frozen=True)
class Kept:
    """What is dear to prepare of a frame. distance, outline: see `FrameEvidence`."""

    distance: Float32
    outline: Float32
    surroundings: Surroundings

    @staticmethod
    def of(image: Float32, coverage: Float32) -> "Kept":
        """Of a frame's picture float32[H, W, 3] and coverage float32[H, W]."""
        distance = signed_distance(coverage)
        return Kept(distance, _outline(distance), Surroundings.of(image, coverage))

    @property
    def bytes(self) -> int:
        """What it takes."""
        return self.distance.nbytes + self.outline.nbytes + self.surroundings.window.nbytes


@dataclass(frozen=True)
class FrameEvidence:
    """One frame.

    colours: uint8[H, W, 3]. covered: uint8[H, W], how much of the pixel is subject. pixel: see `Evidence.pixel`. Of `kept`:
    distance: float32[H, W], pixels to the silhouette, positive outside; outline: float32[n, 2], points on the silhouette. The rest is cheap
    to make, and made when it is asked for.
    """

    colours: UInt8
    covered: UInt8
    pixel: float
    kept: Kept
    _blurred: dict[int, Float32] = field(default_factory=dict, compare=False, repr=False)

    @property
    def distance(self) -> Float32:
        """See above."""
        return self.kept.distance

    @property
    def outline(self) -> Float32:
        """See above."""
        return self.kept.outline

    @property
    def image(self) -> Float32:
        """float32[H, W, 3] in [0, 1]."""
        return self.colours.astype(np.float32) / 255

    @property
    def coverage(self) -> Float32:
        """float32[H, W], share of the pixel that is subject."""
        return self.covered.astype(np.float32) / 255

    def image_at(self, where: np.ndarray | tuple[np.ndarray, ...]) -> Float32:
        """The image at some pixels; `where` indexes [H, W]."""
        return self.colours[where].astype(np.float32) / 255

    def coverage_at(self, where: np.ndarray | tuple[np.ndarray, ...]) -> Float32:
        """The coverage of some pixels; `where` indexes [H, W]."""
        return self.covered[where].astype(np.float32) / 255

    @cached_property
    def background(self) -> Float32:
        """float32[H, W, 3], the surroundings carried on behind the subject."""
        return self.kept.surroundings.around(self.image)

    def blurred(self, level: int) -> Float32:
        """float32[H, W, 3]: the image at a level of the blur pyramid."""
        found = self._blurred.get(level)
        if found is None:
            found = self._blurred[level] = blur(self.image, BLURS[level] * self.pixel)
        return found

    @cached_property
    def slope(self) -> Float32:
        """float32[H, W, 2], the gradient (x, y) of the distance."""
        return np.stack(np.gradient(self.distance)[::-1], -1)

    @cached_property
    def normals(self) -> Float32:
        """float32[n, 2], unit, outwards, at the points of the outline."""
        slope = sample(self.slope, self.outline)
        return slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), np.float32(1e-6))

    @cached_property
    def error_of_background(self) -> Float32:
        """float32[H, W]: how far the frame is from its surroundings without any subject, in colour and mask."""
        return squared_difference(self.background, self.image) + self.coverage**2

    @property
    def bytes(self) -> int:
        """What it takes by now, beside what is kept. Another thread may add to it meanwhile: dictionaries are asked or copied, not walked."""
        made = (*map(vars(self).get, CHEAP), *self._blurred.copy().values())
        return sum(one.nbytes for one in made if one is not None)


CHEAP = ("background", "slope", "normals", "error_of_background")
"""What a frame holds on to once it was asked for, beside its blurred pictures."""


@sent_once
@dataclass
class Evidence:
    """The whole clip at the fit's resolution; frames are prepared when first asked for, by whichever thread.

    images: uint8[T, H, W, 3]. coverage: uint8[T, H, W].
    """

    images: UInt8
    coverage: UInt8

    def __post_init__(self) -> None:
        self._kept: Memory[Kept] = Memory(len(self), KEPT_BYTES, lambda kept: kept.bytes)
        self._ready: Memory[FrameEvidence] = Memory(len(self), READY_BYTES, lambda ready: ready.bytes, LEAST_READY)

    def __reduce__(self) -> tuple[type["Evidence"], tuple[UInt8, UInt8]]:
        """What is prepared is not pickled: every process prepares its own frames."""
        return Evidence, (self.images, self.coverage)

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
        return self._ready.get(frame, self._prepared)

    def _prepared(self, frame: int) -> FrameEvidence:
        colours, covered = self.images[frame], self.coverage[frame]
        kept = self._kept.get(frame, lambda _: Kept.of(colours.astype(np.float32) / 255, covered.astype(np.float32) / 255))
        return FrameEvidence(colours, covered, self.pixel, kept)


def squared_difference(one: Float32, other: Float32) -> Float32:
    """float32[...]: sum over the channels of squared differences of colours [..., 3], each limited to `MOST_DIFFERENCE`."""
    apart = np.minimum(np.abs(one - other), MOST_DIFFERENCE)
    return np.einsum("...c,...c->...", apart, apart)


REACH = 4.5
"""How far beyond a pixel a blur sees, at most, in standard deviations: OpenCV goes to four and rounds up."""


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
