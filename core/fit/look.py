"""The estimate, drawn as the video would show it: the subject wears the look of frame 0.

The first frame shows the mesh as it stands, so that frame is the texture: a surface point's colour is read where the point
was in frame 0, if it was visible there. A point that was not takes the colour of the nearest vertex that was, and counts
as unknown, which keeps it out of the comparison of colours.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..render import Raster, interpolate, rasterize
from ..render.passes import Texture, passes
from ..sent_once import sent_once
from ..types import Float32, Float64, Int32
from ..video.pictures import sample
from .problem import Problem

DEPTH_SLACK = 0.006
"""How far behind the visible surface a point may lie and still be the visible one, fraction of the diagonal."""

NEAREST = 1e-3
"""Points nearer to the camera than this share of the subject's distance are projected as if they were there."""

RIM = 1.5
"""Pixels next to a silhouette or an inner outline whose colour is mixed with what lies behind it."""


@dataclass(frozen=True)
class Drawing:
    """One pose as the camera sees it.

    points: float64[W, 3], the skinned vertices, normalised. raster: of a batch of poses, of which this is number `index`.
    colours: float32[H, W, 3], zero where there is no subject. known: bool[H, W], surface that frame 0 showed.
    """

    points: Float64
    raster: Raster
    index: int
    colours: Float32
    known: np.ndarray

    @cached_property
    def triangle_ids(self) -> Int32:
        """int32[H, W], -1 where there is no subject."""
        return np.asarray(self.raster.triangle_ids[self.index])

    @cached_property
    def covered(self) -> np.ndarray:
        """bool[H, W]: where the subject is."""
        return self.triangle_ids >= 0

    def mix(self, rows: np.ndarray, columns: np.ndarray) -> Float32:
        """float32[n, 3]: shares of the triangle's corners in n pixels of the subject; see `core.render.warp_screen` for the formula."""
        height, width = self.triangle_ids.shape
        corners = self.raster.clip[self.index].numpy()[self.raster.triangles.numpy()[self.triangle_ids[rows, columns]]].astype(np.float64)
        place = np.stack([2 * (columns + 0.5) / width - 1, 1 - 2 * (rows + 0.5) / height], -1)
        x, y = np.moveaxis(corners[..., :2] - corners[..., 3:] * place[:, None], -1, 0)
        edges = x[:, [1, 2, 0]] * y[:, [2, 0, 1]] - x[:, [2, 0, 1]] * y[:, [1, 2, 0]]
        return (edges / edges.sum(1, keepdims=True)).astype(np.float32)

    def interpolated(self, values: Float32) -> Float32:
        """float32[H, W]: what vertices have [W], carried to the pixels; zero where there is no subject."""
        attributes = _tensor(values[:, None].astype(np.float32))
        return np.asarray(interpolate(attributes, self.raster, self.raster.triangles)[self.index, ..., 0])

    def over(self, background: Float32) -> Float32:
        """float32[H, W, 3]: the subject in front of a background."""
        return np.asarray(cv2.copyTo(self.colours, self.covered.view(np.uint8), background.copy()), np.float32)


@sent_once
@dataclass(frozen=True)
class Look:
    """What frame 0 tells about the subject's surface.

    picture: float32[H, W, 3], frame 0 with the mixed colours at its outlines replaced by those just inside.
    depth: float32[H, W], deepest visible surface around the pixel, normalised. front: bool[F], triangles facing the camera
    in frame 0. vertex_colours: float32[W, 3], for what frame 0 does not show. in_view: whether it shows the subject at all.
    """

    problem: Problem
    width: int
    height: int
    picture: Float32
    depth: Float32
    front: np.ndarray
    vertex_colours: Float32
    in_view: bool

    @staticmethod
    def of(problem: Problem, image: Float32, width: int, height: int) -> "Look":
        """Take the look from frame 0 (image [H, W, 3] of any size); drawings are width x height.

        Where the subject is, the mesh says and not the mask: a mask misses surface that looks like the background.
        """
        rows, columns = image.shape[:2]
        clip = problem.clip_points(problem.vertices)
        ids, _, depth = _raster(problem, problem.vertices, columns, rows)
        reliable = _away_from_rims(depth)
        picture = _filled(image, reliable if reliable.any() else depth < np.inf)
        deepest = cv2.dilate(np.where(np.isfinite(depth), depth, -1e3), np.ones((3, 3), np.uint8)).astype(np.float32)
        front = _facing(clip, problem.triangles)
        position = to_pixels(clip, columns, rows)
        shown = np.zeros(len(problem.vertices), bool)
        shown[problem.triangles[np.unique(ids[ids >= 0])].ravel()] = True
        shown &= problem_depth(problem, problem.vertices) <= sample(deepest, position) + DEPTH_SLACK
        colours = sample(picture, position)
        if shown.any() and not shown.all():
            nearest = cKDTree(problem.vertices[shown]).query(problem.vertices[~shown])[1]
            colours[~shown] = colours[shown][nearest]
        return Look(problem, width, height, picture, deepest, front, colours, bool((ids >= 0).any()))

    def draw(self, world: Tensor, shift: Tensor) -> list[Drawing]:
        """Draw a batch of poses, given by their joints' transforms [T, J, 3, 3] and [T, J, 3]."""
        return self.draw_points(self.problem.skinned(world, shift))

    def draw_points(self, points: Float64) -> list[Drawing]:
        """Draw the welded vertices where they are said to be: float64[T, W, 3], normalised."""
        clip, one_pass = self.problem.clip_points(points), passes()
        raster = rasterize(_tensor(clip), _tensor(self.problem.triangles), self.height, self.width)
        colours, known = one_pass.wear(raster, self._texture) if one_pass else self._worn(clip, raster)
        return [Drawing(points[index], raster, index, colours[index], known[index]) for index in range(len(points))]

    def project(self, points: Tensor) -> tuple[Float64, Tensor]:
        """Pixel positions float64[..., 2] of normalised points [..., 3], and their derivatives [..., 2, 3] in the points' own dtype."""
        places = points.numpy()
        matrix = self.problem.clip_matrix.astype(places.dtype)
        clip = places.reshape(-1, 3) @ matrix[:, :3].T + matrix[:, 3]
        depth = np.maximum(clip[:, 3:], places.dtype.type(NEAREST * self.problem.clip_matrix[3, 3]))
        half = np.array([self.width / 2, -self.height / 2], places.dtype)
        flat = clip[:, :2] / depth
        positions = flat * half + np.abs(half)
        rows = (half / depth)[:, :, None] * (matrix[:2, :3] - flat[:, :, None] * matrix[3, :3])
        return positions.astype(np.float64, copy=False).reshape(*points.shape[:-1], 2), torch.from_numpy(rows.reshape(*points.shape[:-1], 2, 3))

    def _worn(self, clip: Float32, raster: Raster) -> tuple[Float32, np.ndarray]:
        """Colours float32[T, H, W, 3] and whether frame 0 showed the surface bool[T, H, W], for clip-space points [T, W, 4]: `wear` in several passes."""
        ids = np.asarray(raster.triangle_ids)
        covered = np.flatnonzero(ids >= 0)
        triangle = ids.reshape(-1)[covered]
        then = np.asarray(interpolate(_tensor(self._texture.places), raster, _tensor(self.problem.triangles))).reshape(-1, 4).take(covered, 0)
        position = then[:, :2] / then[:, 2:3]
        same_side = (_facing(clip, self.problem.triangles) == self.front)[covered // ids[0].size, triangle]
        shown = same_side & (then[:, 3] <= sample(self.depth, position) + DEPTH_SLACK)
        hidden = np.flatnonzero(~shown)
        seen = sample(self.picture, position)
        mix = _three(np.asarray(raster.barycentric).reshape(-1, 2).take(covered[hidden], 0))
        seen[hidden] = np.einsum("nkc,nk->nc", self.vertex_colours[self.problem.triangles[triangle[hidden]]], mix)
        colours, known = np.zeros((*ids.shape, 3), np.float32), np.zeros(ids.shape, bool)
        colours.reshape(-1, 3)[covered] = seen
        known.reshape(-1)[covered] = shown
        return colours, known

    @cached_property
    def _texture(self) -> Texture:
        clip = self.problem.clip_points(self.problem.vertices)
        pixels = to_pixels(clip, self.picture.shape[1], self.picture.shape[0])
        places = np.concatenate([pixels * clip[:, 3:], clip[:, 3:], problem_depth(self.problem, self.problem.vertices)[:, None]], 1)
        return Texture(places, self.front, self.vertex_colours, np.concatenate([self.picture, self.depth[..., None]], 2), DEPTH_SLACK)


def to_pixels(clip: Float32, width: int, height: int) -> Float32:
    """Pixel positions [..., 2] of clip-space points [..., 4]."""
    scaled = clip[..., :2] / clip[..., 3:]
    return np.stack([(scaled[..., 0] + 1) * (width / 2), (1 - scaled[..., 1]) * (height / 2)], -1).astype(np.float32)


def problem_depth(problem: Problem, points: Float64) -> Float32:
    """Distance along the camera's axis, normalised."""
    return (points @ problem.camera_axis).astype(np.float32)


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


def _raster(problem: Problem, points: Float64, width: int, height: int) -> tuple[Int32, Float32, Float32]:
    """Triangle ids, barycentric weights [H, W, 3] and normalised depth [H, W] (infinite outside) of one set of points."""
    raster = rasterize(_tensor(problem.clip_points(points)[None]), _tensor(problem.triangles), height, width)
    ids, pairs = np.asarray(raster.triangle_ids)[0], np.asarray(raster.barycentric)[0]
    weights = _three(pairs)
    depth = np.full(ids.shape, np.inf, np.float32)
    covered = ids >= 0
    corners = problem_depth(problem, points)[problem.triangles[ids[covered]]]
    depth[covered] = (corners * weights[covered]).sum(1)
    return ids, weights, depth


def _three(pairs: Float32) -> Float32:
    """Weights of all three corners from those of the first two."""
    return np.stack([pairs[..., 0], pairs[..., 1], 1 - pairs[..., 0] - pairs[..., 1]], -1)


def _facing(clip: Float32, triangles: Int32) -> np.ndarray:
    """bool[..., F]: triangles of points [..., W, 4] whose corners run counter-clockwise on the screen."""
    x, y = clip[..., 0] / clip[..., 3], clip[..., 1] / clip[..., 3]
    a, b, c = triangles.T
    x0, y0 = x[..., a], y[..., a]
    return (x[..., b] - x0) * (y[..., c] - y0) - (y[..., b] - y0) * (x[..., c] - x0) > 0


def _away_from_rims(depth: Float32) -> np.ndarray:
    """bool[H, W]: subject pixels more than `RIM` from the background and from jumps in depth."""
    filled = np.where(np.isfinite(depth), depth, 1e3).astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    jump = (cv2.dilate(filled, kernel) - cv2.erode(filled, kernel) > 0.05).astype(np.uint8)
    return np.isfinite(depth) & (cv2.distanceTransform(1 - jump, cv2.DIST_L2, 3) > RIM - 0.5)


def _filled(image: Float32, reliable: np.ndarray) -> Float32:
    """Every pixel that is not reliable takes the colour of the nearest one that is."""
    _, labels = cv2.distanceTransformWithLabels((~reliable).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    table = np.zeros((labels.max() + 1, 3), np.float32)
    table[labels[reliable]] = image[reliable]
    return table[labels]
