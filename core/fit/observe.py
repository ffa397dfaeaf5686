"""Where the estimate and the picture are compared: points of the drawn surface, and what the frame says about each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
import torch
from torch import Tensor

from ..render.passes import passes
from ..sent_once import sent_once
from ..types import Float32, Float64, UInt8
from ..video.flow import COARSE_DIS, QUICK_DIS, Follower, window
from ..video.pictures import grey, sample
from .evidence import BLURS, REACH, Evidence, blur
from .kinematics import Skin
from .light import light_on
from .look import Drawing, Look
from .objectives import ColourObjective, Objective, SilhouetteObjective, TargetObjective
from .posed import merged
from .poses import Poses
from .problem import Problem

SURFACE_POINTS = 400
RIM_POINTS = 250
OUTLINE_POINTS = 300

COLOUR_TOLERANCE = (0.4, 0.2, 0.1, 0.1)
PIXEL_TOLERANCE = (16.0, 8.0, 4.0, 3.0)
"""From which difference of colour, or distance in pixels of a 256-pixel picture, evidence counts as an outlier, for each level of
the blur pyramid: wide while the estimate may be far off, narrow at the end (graduated non-convexity, Blake and Zisserman 1987)."""

LEAST_TEXTURE = 6.0
"""Slope of brightness, in levels of 255 a pixel of a 256-pixel picture, at which flow counts half."""

BY_DIS: tuple[Follower, ...] = (COARSE_DIS, COARSE_DIS, QUICK_DIS, QUICK_DIS)
"""Who follows the surface at each level of the blur pyramid where it is dense inverse search: what later levels correct may be coarse."""

CONTRAST = 0.15
"""Difference of colour (largest channel, of 1) to the surroundings at which a rim point counts fully as silhouette."""


@dataclass(frozen=True)
class Weights:
    """How much each kind of evidence counts, for a mean over the points of one item."""

    colour: float = 40000.0
    silhouette: float = 200.0
    outline: float = 200.0
    flow: float = 200.0


@dataclass(frozen=True)
class Places:
    """Points on the drawn surface. corners: int64[I, N, 3], welded vertices. mix: float32[I, N, 3], their shares, all zero for no point."""

    corners: Tensor
    mix: Tensor


@sent_once
@dataclass(frozen=True)
class Observation:
    """Points to follow and the objectives that pull them. skin: of the surface's points and, after them, the rim's."""

    surface: Places
    surface_objectives: tuple[Objective, ...]
    rim: Places
    rim_objectives: tuple[Objective, ...]
    skin: Skin

    @property
    def parts(self) -> tuple[tuple[slice, tuple[Objective, ...]], ...]:
        """Which of the skin's points each of the objectives pull."""
        count = self.surface.mix.shape[1]
        return (slice(0, count), self.surface_objectives), (slice(count, None), self.rim_objectives)


@dataclass(frozen=True)
class Sampled:
    """Chosen pixels of a drawing. pixels: int64[n, 2] (row, column). weights: float64[n]."""

    pixels: np.ndarray
    weights: Float64

    @property
    def positions(self) -> Float32:
        """float32[n, 2]: the pixels' centres, (x, y)."""
        return (self.pixels[:, ::-1] + 0.5).astype(np.float32)


@sent_once
@dataclass(frozen=True)
class Observer:
    """Compares poses with frames.

    rim_distance: pixels from a pixel on the drawing's rim to the frame's silhouette where they agree.
    surface_points: most points of the surface that are compared in a frame. followers: find the drawing's surface in the frame, one for each level.
    """

    problem: Problem
    look: Look
    evidence: Evidence
    followers: tuple[Follower, ...]
    weights: Weights = Weights()
    rim_distance: float = -0.5
    surface_points: int = SURFACE_POINTS

    @staticmethod
    def of(problem: Problem, look: Look, evidence: Evidence, followers: tuple[Follower, ...] = BY_DIS) -> "Observer":
        """An observer whose `rim_distance` is measured on frame 0, where the pose is known exactly: what the rasterizer, the mask's
        threshold and the codec's halo do to the silhouette then cancels, and no frame is pulled nearer or farther by it."""
        observer = Observer(problem, look, evidence, followers)
        rest = Poses.rest(1, problem.joints)
        drawing = look.draw(*problem.transforms(rest))[0]
        rim = observer._rim(0, drawing, drawing.colours)
        near = sample(evidence[0].distance, rim.positions) if len(rim.pixels) else np.zeros(0, np.float32)
        counted = (np.abs(near + 0.5) < 2 * evidence.pixel) * rim.weights
        if counted.sum() <= 0:
            return observer
        return replace(observer, rim_distance=float((near * counted).sum() / counted.sum()))

    def observe(self, frames: Sequence[int], drawings: Sequence[Drawing], level: int, flow: bool = False) -> Observation:
        """What to compare for some drawn poses, each against a frame of its own. level: of the blur pyramid."""
        shown = [self.shown(frame, drawing) for frame, drawing in zip(frames, drawings, strict=True)]
        surfaces = [self._surface(drawing) for drawing in drawings]
        rims = [self._rim(frame, drawing, picture) for frame, drawing, picture in zip(frames, drawings, shown, strict=True)]
        pulls: list[Objective] = [self._colour(frames, shown, surfaces, level)]
        if flow and self.weights.flow > 0:
            pulls.append(self._flow(frames, shown, surfaces, level))
        rim_weights = _padded([rim.weights for rim in rims], RIM_POINTS)
        rim_pulls: tuple[Objective, ...] = (
            SilhouetteObjective(self.evidence, frames, self.weights.silhouette * rim_weights, self.rim_distance, max(PIXEL_TOLERANCE[level], 4.0)),
            self._outline(frames, rims, level),
        )
        surface, rim = self._places(drawings, surfaces, self.surface_points), self._places(drawings, rims, RIM_POINTS)
        both = Places(torch.cat([surface.corners, rim.corners], 1), torch.cat([surface.mix, rim.mix], 1))
        return Observation(surface, tuple(pulls), rim, rim_pulls, merged(skin_at(self.problem.skin, both)))

    def shown(self, frame: int, drawing: Drawing) -> Float32:
        """float32[H, W, 3]: the drawing in a frame's light, over its background."""
        ready, one_pass = self.evidence[frame], passes()
        light = light_on(ready, drawing.colours, drawing.known)
        if one_pass:
            return one_pass.lay_over(drawing.triangle_ids, drawing.colours, light.numbers, ready.background)
        where, picture = np.flatnonzero(drawing.covered), ready.background.copy()
        picture.reshape(-1, 3)[where] = light.on(drawing.colours.reshape(-1, 3).take(where, 0), *np.divmod(where, picture.shape[1]))
        return picture

    def _surface(self, drawing: Drawing) -> Sampled:
        """Pixels of known surface, spread over the joints so that thin limbs are not lost."""
        scattered = _scattered(*drawing.known.shape)
        known = scattered.take(np.flatnonzero(drawing.known.reshape(-1).take(scattered)))
        if len(known) == 0:
            return Sampled(np.zeros((0, 2), np.int64), np.zeros(0))
        joint = self.problem.joint_of_triangle.take(drawing.triangle_ids.reshape(-1).take(known)).astype(np.int16)
        area = np.bincount(joint, minlength=self.problem.joints)
        wanted = np.minimum(area, np.ceil((self.surface_points - self.problem.joints) * np.sqrt(area) / np.sqrt(area).sum()).astype(int))
        before, chosen_before = np.cumsum(area) - area, np.cumsum(wanted) - wanted
        of_each = np.arange(wanted.sum()) + np.repeat(before - chosen_before, wanted)  # the first ones of every joint's
        chosen = np.argsort(joint, kind="stable")[of_each][:self.surface_points]
        weights = (area / np.maximum(wanted, 1))[joint[chosen]]
        return Sampled(np.stack(np.divmod(known[chosen], drawing.known.shape[1]), 1), weights / weights.sum())

    def _rim(self, frame: int, drawing: Drawing, shown: Float32) -> Sampled:
        """Pixels of the drawing's silhouette; surface that looks like the surroundings counts little. shown: float32[H, W, 3], the drawing's colours."""
        covered = drawing.covered.astype(np.uint8)
        inner = cv2.erode(covered, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
        edge = np.flatnonzero(covered != inner)
        if len(edge) > RIM_POINTS:
            edge = edge[np.linspace(0, len(edge) - 1, RIM_POINTS).astype(int)]
        rows, columns = np.divmod(edge, covered.shape[1])
        behind = self.evidence[frame].background[rows, columns]
        contrast = np.abs(shown[rows, columns] - behind).max(-1, initial=0)
        weights = np.clip(contrast / CONTRAST, 0, 1).astype(float) ** 2
        return Sampled(np.stack([rows, columns], 1), weights / max(len(rows), 50))

    def _colour(self, frames: Sequence[int], shown: Sequence[Float32], surfaces: Sequence[Sampled], level: int) -> Objective:
        colours = []
        for picture, surface in zip(shown, surfaces, strict=True):
            colours.append(blurred_at(picture, surface.pixels, BLURS[level] * self.evidence.pixel))
        weights = self.weights.colour * _padded([surface.weights for surface in surfaces], self.surface_points)
        return ColourObjective(self.evidence, frames, level, _padded(colours, self.surface_points).astype(np.float32), weights, COLOUR_TOLERANCE[level])

    def _flow(self, frames: Sequence[int], shown: Sequence[Float32], surfaces: Sequence[Sampled], level: int) -> Objective:
        """Optical flow from the drawing to the frame, where the way back agrees."""
        targets, weights = [], []
        for frame, drawn, surface in zip(frames, shown, surfaces, strict=True):
            ready, start = self.evidence[frame], surface.positions
            found = self.followers[level].follow(drawn, ready.image, start)
            target = start + found.moved
            agreed = found.shown / (1 + (found.missed / (0.5 * self.evidence.pixel)) ** 2)
            rows, columns = window(start, drawn.shape)
            agreed *= _texture(grey(drawn[rows, columns]), start - np.array([columns.start, rows.start], np.float32), self.evidence.pixel)
            agreed *= (sample(ready.distance, target) < 1.5 * self.evidence.pixel) & (agreed > 0.1) if len(start) else 1
            targets.append(target)
            weights.append(agreed * surface.weights)
        owners = np.broadcast_to(np.arange(self.surface_points), (len(frames), self.surface_points))
        strength = self.weights.flow * _padded(weights, self.surface_points)
        return TargetObjective(self.evidence.pixel, owners, _padded(targets, self.surface_points), strength, None, PIXEL_TOLERANCE[level])

    def _outline(self, frames: Sequence[int], rims: Sequence[Sampled], level: int) -> Objective:
        """Points of the frame's outline call for the rim point nearest to them."""
        owners, targets, normals, weights = [], [], [], []
        for frame, rim in zip(frames, rims, strict=True):
            ready = self.evidence[frame]
            every = max(1, -(-len(ready.outline) // OUTLINE_POINTS)) if len(rim.pixels) else None
            outline, normal = (part[::every] if every else part[:0] for part in (ready.outline, ready.normals))
            owners.append(_nearest(rim.positions, outline))
            targets.append(outline + self.rim_distance * normal)
            normals.append(normal)
            counted = rim.weights[owners[-1]] * max(len(rim.pixels), 50)
            weights.append(counted / max(len(outline), 50))
        return TargetObjective(
            self.evidence.pixel,
            _padded(owners, OUTLINE_POINTS).astype(np.int64),
            _padded(targets, OUTLINE_POINTS),
            self.weights.outline * _padded(weights, OUTLINE_POINTS),
            _padded(normals, OUTLINE_POINTS),
            tolerance=max(PIXEL_TOLERANCE[level], 5.0),
        )

    def _places(self, drawings: Sequence[Drawing], samples: Sequence[Sampled], count: int) -> Places:
        """Where on the surface the chosen pixels are."""
        corners, mix = [], []
        for drawing, chosen in zip(drawings, samples, strict=True):
            rows, columns = chosen.pixels[:, 0], chosen.pixels[:, 1]
            corners.append(_filled_to(torch.from_numpy(self.problem.triangles[drawing.triangle_ids[rows, columns]].astype(np.int64)), count))
            mix.append(_filled_to(torch.from_numpy(drawing.mix(rows, columns)), count))
        return Places(torch.stack(corners), torch.stack(mix))


def _texture(drawn: UInt8, positions: Float32, pixel: float) -> Float64:
    """0 to 1: how much there is to follow around positions in a grey picture. Where there is nothing, flow is only carried over from
    elsewhere, and agrees both ways all the same."""
    smooth = blur(drawn.astype(np.float32), pixel)
    slope = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8) ** 2 + cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8) ** 2
    energy = sample(blur(np.asarray(slope, np.float32), 3 * pixel), positions).astype(np.float64) * pixel**2
    return energy / (energy + LEAST_TEXTURE**2)


@cache
def _scattered(height: int, width: int) -> np.ndarray:
    """int64[H * W]: the pixels in an order of which any first few are spread evenly: the R2 low-discrepancy sequence as a key (Roberts 2018)."""
    rows, columns = np.divmod(np.arange(height * width), width)
    return np.argsort((rows * 0.7548776662466927 + columns * 0.5698402909980532) % 1, kind="stable")


def blurred_at(image: Float32, pixels: np.ndarray, sigma: float) -> Float32:
    """float32[n, 3]: pixels int64[n, 2] (row, column) of a blurred image; only what they see of it is blurred."""
    if len(pixels) == 0:
        return np.zeros((0, *image.shape[2:]), np.float32)
    reach = math.ceil(REACH * sigma)
    first = np.maximum(pixels.min(0) - reach, 0)
    last = pixels.max(0) + reach + 1
    part = blur(image[first[0] : last[0], first[1] : last[1]], sigma)
    return np.asarray(part[pixels[:, 0] - first[0], pixels[:, 1] - first[1]])


def _nearest(points: Float32, positions: Float32) -> np.ndarray:
    """int64[n]: which of the points [m, 2] is nearest to each position [n, 2]."""
    if len(positions) == 0:
        return np.zeros(0, np.int64)
    return ((points * points).sum(1) - 2 * positions @ points.T).argmin(1)


def _padded(arrays: Sequence[np.ndarray], count: int) -> Float64:
    """float64[I, count, ...]: ragged rows, padded with zeros."""
    result = np.zeros((len(arrays), count, *arrays[0].shape[1:]))
    for row, values in zip(result, arrays, strict=True):
        row[: len(values)] = values[:count]
    return result


def skin_at(skin: Skin, places: Places) -> Skin:
    """The chosen points as points that hang on joints, float32 [I, N, 3 K]: each hangs on the bones of its triangle's corners."""
    corners = places.corners
    weights = (skin.weights[corners] * places.mix[..., None]).flatten(2)
    return Skin(skin.bones[corners].flatten(2), weights.float(), skin.starts[corners].flatten(2, 3).float())


def _filled_to(values: Tensor, count: int) -> Tensor:
    """The first `count` rows, padded with zeros."""
    result = values.new_zeros((count, *values.shape[1:]))
    result[: len(values)] = values[:count]
    return result
