"""What it is worth to the picture to paint a limb here rather than there.

The drawing of a frame without the limb is made once; the limb alone is then painted over it, in front of or behind the rest, in
any number of poses. A pose is worth the error that its pixels had without it, less the error that they have with it (see `compare`).
Values are in pixels of a 256-pixel picture.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..render import rasterize
from ..render.passes import Camera, Markers, Scene, passes
from ..sent_once import sent_once
from ..surface import spread_by_area
from ..types import Float32, Float64
from .compare import against, error_map, painted_error
from .kinematics import Skin
from .light import Light, light_on
from .look import DEPTH_SLACK, NEAREST, Drawing, problem_depth
from .observe import Observer, Places, skin_at
from .posed import skinned
from .poses import Poses

POINTS = 60
"""Points of a limb's surface that stand for it where its worth is only guessed."""

MOST_VERTICES = 500_000
"""Vertices placed at once; a core takes about 0.1 GB for them."""


@dataclass(frozen=True)
class Backdrop:
    """A frame without the limb. frame: its index. error: float32[H, W]. depth: float32[H, W] along the camera's axis, before which a limb is seen.
    light: of the frame."""

    frame: int
    error: Float32
    depth: Float32
    light: Light


@sent_once
@dataclass(frozen=True)
class Paint:
    """A limb's surface. skin: of its V vertices. triangles: int32[F, 3]. colours: float32[V, 3], as frame 0 shows them.
    points: the skin of N points spread evenly over it; point_colours: float32[N, 3]; normals: float32[N, 3], unit, in frame 0;
    joints: int64[N], what turns them; area: of surface for each point. root: the joint that the limb hangs on. own: bool[W], the subject's vertices that belong to it."""

    observer: Observer
    skin: Skin
    triangles: Tensor
    colours: Float32
    points: Skin
    point_colours: Float32
    normals: Tensor
    joints: Tensor
    area: float
    root: int
    own: np.ndarray

    @staticmethod
    def of(observer: Observer, root: int) -> "Paint":
        """The limb that hangs on a joint."""
        problem = observer.problem
        own = problem.skeleton.descends[root].numpy().astype(bool)[problem.joint_of_vertex]
        used, triangles = np.unique(problem.triangles[own[problem.triangles].any(1)], return_inverse=True)
        triangles = triangles.reshape(-1, 3)
        a, b, c = (problem.vertices[used[triangles[:, corner]]] for corner in range(3))
        normals = np.cross(b - a, c - a) / 2
        areas = np.linalg.norm(normals, axis=1)
        chosen = spread_by_area(areas, POINTS)
        mix = _spread(POINTS)
        spread = skin_at(problem.skin, Places(torch.from_numpy(used[triangles[chosen]])[None], torch.from_numpy(mix)[None]))
        return Paint(
            observer=observer,
            skin=problem.skin[used].single(),
            triangles=torch.from_numpy(triangles.astype(np.int32)),
            colours=observer.look.vertex_colours[used],
            points=spread[0],
            point_colours=np.einsum("nkc,nk->nc", observer.look.vertex_colours[used[triangles[chosen]]], mix),
            normals=torch.from_numpy(normals[chosen] / np.maximum(areas[chosen, None], 1e-12)).float(),
            joints=torch.from_numpy(problem.joint_of_vertex[used[triangles[chosen, 0]]]),
            area=float(areas.sum()) / POINTS,
            root=root,
            own=own,
        )

    def backdrop(self, frame: int, pose: Poses) -> Backdrop:
        """A frame without the limb, whose vertices are gathered in its joint."""
        problem = self.observer.problem
        world, shift = problem.transforms(pose)
        points = problem.skinned(world, shift)
        points[:, self.own] = problem.skeleton.joints(world, shift)[:, self.root].numpy()
        drawing = self.observer.look.draw_points(points)[0]
        ready = self.observer.evidence[frame]
        light = light_on(ready, drawing.colours, drawing.known)
        return Backdrop(frame, error_map(ready, drawing, light), _depth(self.observer, drawing), light)

    def guessed_worth(self, backdrop: Backdrop, world: Tensor, shift: Tensor) -> Float64:
        """float64[K]: about what K poses (transforms [K, J, 3, 3] and [K, J, 3]) are worth, from points of the surface alone. What hides
        itself counts twice."""
        look, (height, width), one_pass = self.observer.look, backdrop.error.shape, passes()
        points, world = skinned(self.points, world, shift).float(), world.float()
        if one_pass:
            guessed = one_pass.guessed(points.numpy(), world.numpy(), self._markers, self._camera, self._scene(backdrop))
            return self.area * guessed.astype(np.float64) / self.observer.evidence.pixel**2
        positions, rows = look.project(points)
        across = np.cross(rows[..., 0, :].numpy(), rows[..., 1, :].numpy())  # towards or from the camera, as long as a unit of area has pixels
        across *= -np.sign(across[:1, :1] @ self.observer.problem.camera_axis)[..., None]
        area = np.maximum(((world[:, self.joints] @ self.normals[..., None])[..., 0].numpy() * across).sum(-1), 0) * self.area
        column, row = positions[..., 0].astype(int), positions[..., 1].astype(int)
        inside = (positions.min(-1) >= 0) & (column < width) & (row < height)
        column, row = np.clip(column, 0, width - 1), np.clip(row, 0, height - 1)
        depth = points.numpy() @ self.observer.problem.camera_axis
        spared = self._spared(backdrop, row, column, depth, self.point_colours)
        return (np.where(inside, spared, 0) * area).sum(1) / self.observer.evidence.pixel**2

    def worth(self, backdrop: Backdrop, world: Tensor, shift: Tensor) -> Float64:
        """float64[K]: what K poses (transforms [K, J, 3, 3] and [K, J, 3]) are worth."""
        at_once = max(MOST_VERTICES // len(self.skin.starts), 1)
        parts = (slice(first, first + at_once) for first in range(0, len(world), at_once))
        return np.concatenate([self._worth(backdrop, world[part], shift[part]) for part in parts])

    def _worth(self, backdrop: Backdrop, world: Tensor, shift: Tensor) -> Float64:
        """The same of some poses together. Only the window that they take is drawn."""
        problem = self.observer.problem
        points, one_pass = skinned(self.skin, world, shift).float().numpy(), passes()
        clip, first, size = _window(problem.clip_points(points), backdrop.error.shape)
        raster = rasterize(torch.from_numpy(clip), self.triangles, *size)
        if one_pass:
            worth = one_pass.spared(raster, problem_depth(problem, points), self.colours, first, self._scene(backdrop))
            return worth.astype(np.float64) / self.observer.evidence.pixel**2
        item, row, column = torch.nonzero(raster.triangle_ids >= 0, as_tuple=True)
        pairs = raster.barycentric[item, row, column].numpy()
        corners = self.triangles[raster.triangle_ids[item, row, column].long()].numpy()
        mix = np.stack([pairs[:, 0], pairs[:, 1], 1 - pairs[:, 0] - pairs[:, 1]], 1)
        depth = np.einsum("nk,nk->n", (points @ problem.camera_axis)[item.numpy()[:, None], corners], mix)
        colours = np.einsum("nkc,nk->nc", self.colours[corners], mix)
        spared = self._spared(backdrop, row.numpy() + first[0], column.numpy() + first[1], depth, colours)
        return np.bincount(item.numpy(), spared, len(points)) / self.observer.evidence.pixel**2

    def _scene(self, backdrop: Backdrop) -> Scene:
        return Scene(against(self.observer.evidence[backdrop.frame], backdrop.light), backdrop.error, backdrop.depth)

    @cached_property
    def _camera(self) -> Camera:
        problem = self.observer.problem
        return Camera(problem.clip_matrix, problem.camera_axis, float(NEAREST * problem.clip_matrix[3, 3]))

    @cached_property
    def _markers(self) -> Markers:
        return Markers(self.normals.numpy(), self.joints.numpy().astype(np.int32), self.point_colours.astype(np.float32))

    def _spared(self, backdrop: Backdrop, row: np.ndarray, column: np.ndarray, depth: Float64, colours: Float32) -> Float64:
        """Error that painting colours over pixels spares; nothing where the rest of the subject lies in front."""
        ready = self.observer.evidence[backdrop.frame]
        painted = painted_error(ready, (row, column), backdrop.light.on(colours, row, column))
        return np.where(depth < backdrop.depth[row, column], backdrop.error[row, column] - painted, 0)


def _spread(count: int) -> Float64:
    """float64[N, 3]: barycentric weights of points spread over triangles (the R2 low-discrepancy sequence, Roberts 2018, folded)."""
    one, other = ((np.arange(1, count + 1) * step % 1) for step in (0.7548776662466927, 0.5698402909980532))
    outside = one + other > 1
    one, other = np.where(outside, 1 - one, one), np.where(outside, 1 - other, other)
    return np.stack([one, other, 1 - one - other], 1)


def _depth(observer: Observer, drawing: Drawing) -> Float32:
    """float32[H, W]: along the camera's axis, before which a limb is seen: a little behind the subject, infinite where there is none."""
    depth = drawing.interpolated(problem_depth(observer.problem, drawing.points))
    return np.where(drawing.covered, depth + np.float32(DEPTH_SLACK), np.float32(np.inf))


def _window(clip: Float32, shape: tuple[int, ...]) -> tuple[Float32, tuple[int, int], tuple[int, int]]:
    """Clip-space points for a picture that is only the part of [H, W] in which they lie; its first row and column, and its size."""
    limits = []
    for axis, (pixels, sign) in enumerate(((shape[1], 1), (shape[0], -1))):
        place = (1 + sign * clip[..., axis] / clip[..., 3]) * (pixels / 2)
        first = int(np.clip(np.floor(place.min()) - 1, 0, pixels - 1))
        limits.append((first, int(np.clip(np.ceil(place.max()) + 1, first + 1, pixels)) - first))
    (left, across), (top, down) = limits
    moved = clip.copy()
    moved[..., 0] = (shape[1] * (clip[..., 0] + clip[..., 3]) - 2 * left * clip[..., 3]) / across - clip[..., 3]
    moved[..., 1] = (shape[0] * (clip[..., 1] - clip[..., 3]) + 2 * top * clip[..., 3]) / down + clip[..., 3]
    return moved, (top, left), (down, across)
