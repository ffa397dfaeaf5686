"""Cutting the subject out of a plain background: soft masks whose edge lies where the subject's edge does.

A fixed threshold against the background makes the mask too fat where the subject is dark (codecs leave a halo of a pixel and
ringing further out) and drops what is nearly as bright as the background. Every threshold here is therefore relative: to the
noise of this frame's background, to the halo that this frame's strong edges leave around them, and at the edge itself to the
subject's own colour just inside.
"""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Float32, UInt8
from .background import border_band, perceived

Mask = NDArray[np.uint8]
"""uint8[H, W], 0 or 1."""

STRONG_SHARE = 0.5
"""Of the strongest difference nearby, from which on a pixel is the subject beyond doubt: half covered."""
RINGING = 0.09
"""Ripples beside a strong edge reach this share of its contrast; what is no stronger must prove itself against the halo."""
HALO_REACH = 12
"""How far, in pixels, compression smears a strong edge."""
HALO_MARGIN = 1.6
"""A faint pixel must exceed the usual halo at its distance by this factor."""
HALO_PERCENTILE = 80
"""What counts as the usual halo: faint parts of the subject rarely make up more than a fifth of a ring around it."""
CLOSE_HALO = 0.2
"""Least halo assumed right beside a strong edge, where half-covered pixels lie."""
SMALLEST_PART = 60
"""Pixels: smaller specks are noise, smaller holes are filled."""
WINDOW_MARGIN = 24
"""Pixels around whatever stands out that are looked at too."""
FAINT_RIM = 0.3
"""A hole is filled where at least this share of its rim is faint: there the subject itself fades into the background."""


@dataclass(frozen=True)
class Frame:
    """What the steps share about one frame.

    colour: float32[H, W, 3], difference from the background, perceived. strength: float32[H, W], its length.
    smooth: float32[H, W], the same after averaging 3 x 3. robust: float32[H, W], its 3 x 3 median.
    noise: standard deviation of `strength` on the background. floor: what `smooth` stays below there.
    """

    colour: Float32
    strength: Float32
    smooth: Float32
    robust: Float32
    noise: float
    floor: float


def matte(picture: UInt8, background: Float32, faintest: float = 0.0) -> UInt8:
    """How much of each pixel the subject covers.

    picture: uint8[H, W, 3]. background: float32[H, W, 3], what would be seen without the subject; a flicker of its brightness
    is followed. faintest: least difference from the background that may count as subject, levels (see `faintest_level`).
    Returns uint8[H, W], 0 to 255.
    """
    whole = measure(picture, background)
    result = np.zeros(picture.shape[:2], np.uint8)
    window = _window(whole.smooth > max(whole.floor, faintest))
    if window is not None:
        frame = replace(whole, **{name: getattr(whole, name)[window] for name in ("colour", "strength", "smooth", "robust")})
        subject = _fill_faint_holes(_body(frame, faintest), frame)
        result[window] = np.round(255 * _edge(subject, frame))
    return result


def measure(picture: UInt8, background: Float32) -> Frame:
    """Differences and noise of one frame."""
    height, width = picture.shape[:2]
    difference = picture.astype(np.float32) - background
    band = border_band(height, width)
    border = difference[band]
    # The subject may cross the border: what is far from the median there is left out.
    quiet = np.abs(border - np.median(border, 0)).max(-1) < 12
    border = border[quiet] if quiet.any() else border
    difference -= np.median(border, 0)
    colour = perceived(difference)
    strength = _length(colour)
    smooth = _length(_floats(cv2.blur(colour, (3, 3))))
    still = np.zeros((height, width), bool)
    still[band] = quiet
    still = still if still.any() else band
    noise = max(0.5, float(np.percentile(strength[still], 68)))
    floor = max(2.0, 1.5 * float(np.percentile(smooth[still], 99)))
    return Frame(colour, strength, smooth, _floats(cv2.medianBlur(strength, 3)), noise, floor)


def _window(anything: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Rows and columns that hold all there is, with room for every filter; None where there is nothing."""
    rows, columns = np.flatnonzero(anything.any(1)), np.flatnonzero(anything.any(0))
    if not len(rows):
        return None
    down, across = (slice(max(0, int(found[0]) - WINDOW_MARGIN), int(found[-1]) + 1 + WINDOW_MARGIN) for found in (rows, columns))
    return down, across


def _body(frame: Frame, faintest: float) -> Mask:
    """The subject's pixels: strong ones, and faint ones that no halo explains."""
    contrast = _floats(cv2.blur(cv2.dilate(frame.robust, _square(17)), (9, 9)))
    least = np.maximum(RINGING * contrast, max(6 * frame.noise + 4, faintest))
    strong = (frame.strength > STRONG_SHARE * cv2.dilate(frame.robust, _square(7))) & (frame.strength > least)
    if not strong.any():
        strong = frame.smooth > max(frame.floor, faintest) * 2
    threshold = np.maximum(_halo(frame, strong, contrast), max(frame.floor, faintest))
    faint = cv2.morphologyEx(((frame.smooth > threshold) & ~strong).astype(np.uint8), cv2.MORPH_OPEN, _square(3))
    count, labels = cv2.connectedComponents(faint, connectivity=8)
    clear = np.bincount(labels[frame.smooth > 1.5 * threshold], minlength=count)
    kept = clear >= SMALLEST_PART
    kept[0] = False
    body = cv2.morphologyEx((strong | kept[labels]).astype(np.uint8), cv2.MORPH_CLOSE, _disc(5))
    return _without_specks(body.astype(np.uint8, copy=False))


def _halo(frame: Frame, strong: NDArray[np.bool_], contrast: Float32) -> Float32:
    """float32[H, W]: how strong a difference compression alone may have left at each pixel.

    Halos scale with the contrast they come from (float32[H, W], the strongest difference around); by how much, at each
    distance, is measured around this frame's own edges.
    """
    distance = cv2.distanceTransform((~strong).astype(np.uint8), cv2.DIST_L2, 5)
    ring = np.minimum(np.round(distance), HALO_REACH).astype(np.intp)
    share = frame.smooth / np.maximum(contrast, 1)
    usual = np.zeros(HALO_REACH + 1, np.float32)
    for pixels in range(1, HALO_REACH + 1):
        here = share[ring == pixels]
        if here.size > 50:
            usual[pixels] = np.percentile(here, HALO_PERCENTILE)
    usual[1] = max(usual[1], CLOSE_HALO)
    return HALO_MARGIN * usual[ring] * contrast


def _without_specks(body: Mask) -> Mask:
    """Small parts removed, small holes filled."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(body, connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] >= SMALLEST_PART
    kept[0] = False
    body = kept[labels].astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(1 - body, connectivity=4)
    filled = stats[:, cv2.CC_STAT_AREA] < SMALLEST_PART
    filled[0] = False
    return body | filled[labels].astype(np.uint8)


def _fill_faint_holes(body: Mask, frame: Frame) -> Mask:
    """Fill holes in which the subject is as bright as the background: a white muzzle on white.

    The rim tells them from real holes. Seen through a real hole, background meets subject at full contrast all round; a white
    part fades in, so that much of its rim is faint. Narrow openings to the outside are bridged first.
    """
    if not body.any():
        return body
    closed = cv2.morphologyEx(body, cv2.MORPH_CLOSE, _disc(9))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - closed, connectivity=4)
    faint = frame.smooth < 0.35 * float(np.median(frame.strength[body > 0]))
    height, width = body.shape
    result = body.copy()
    for hole in range(1, count):
        left, top, wide, high = (int(value) for value in stats[hole, :4])
        if left == 0 or top == 0 or left + wide == width or top + high == height:
            continue
        window = (slice(max(0, top - 8), top + high + 8), slice(max(0, left - 8), left + wide + 8))
        inside = (labels[window] == hole).astype(np.uint8)
        rim = (cv2.dilate(inside, _square(9)) > 0) & (cv2.dilate(inside, _square(5)) == 0)
        if faint[window][rim].mean() > FAINT_RIM:
            result[window][(inside > 0) | ((cv2.dilate(inside, _square(9)) > 0) & (closed[window] > 0))] = 1
    return result


def _edge(body: Mask, frame: Frame) -> Float32:
    """float32[H, W]: coverage 0 to 1; sub-pixel along the edge, where it is the share of the subject's colour in the pixel.

    The subject's colour at the edge is the mean just inside it; where the subject is too thin to have an inside, the strongest
    colour nearby. Where even that is no stronger than the noise, the outline itself is softened instead.
    """
    inside = cv2.erode(body, _disc(5)).astype(np.float32)
    weight = cv2.GaussianBlur(inside, (0, 0), 2.0)
    own = cv2.GaussianBlur(frame.colour * inside[..., None], (0, 0), 2.0) / np.maximum(weight, 1e-6)[..., None]
    length = _length(own)
    thick = weight > 0.01
    thin = cv2.dilate(frame.robust * body, _square(5))
    share = np.where(thick, _dot(frame.colour, own) / np.maximum(length**2, 1e-6), frame.strength / np.maximum(thin, 1e-6))
    trust = np.clip(np.where(thick, length, thin) / (4 * frame.noise) - 1, 0, 1)
    soft = cv2.GaussianBlur(body.astype(np.float32), (0, 0), 0.7)
    sure = cv2.erode(body, _square(3))
    near = cv2.dilate(body, _disc(5))
    coverage = trust * np.clip(share, 0, 1) + (1 - trust) * soft
    return np.where(sure > 0, 1, np.where(near > 0, coverage, 0)).astype(np.float32)


def _floats(picture: Any) -> Float32:
    """OpenCV's results as the type they have; its stubs do not say."""
    return np.asarray(picture, np.float32)


def _length(vectors: Float32) -> Float32:
    return np.sqrt(_dot(vectors, vectors))


def _dot(one: Float32, other: Float32) -> Float32:
    """float32[H, W], of pictures [H, W, 3]; a third of the time that numpy's sum over so short an axis takes."""
    return np.asarray(np.einsum("hwc,hwc->hw", one, other), np.float32)


def _square(side: int) -> Mask:
    return np.ones((side, side), np.uint8)


def _disc(side: int) -> Mask:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(np.uint8)
