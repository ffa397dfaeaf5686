"""A plain shaded picture of a posed mesh, for films and quick looks without Blender."""

import dataclasses
import math

import numpy as np
import torch

from ..render import rasterize
from ..types import Float32, Float64, Int32, UInt8, View

GREY = (0.62, 0.66, 0.72)
"""The subject's colour where none is given."""
AMBIENT = 0.35
SUPERSAMPLING = 2


def draw(vertices: Float32 | Float64, triangles: Int32, view: View, colours: Float32 | None = None) -> UInt8:
    """Lambert-shaded picture on white, lit from beside the camera.

    vertices: float[V, 3], world space, metres. triangles: int32[F, 3].
    colours: float32[V, 3] in 0 to 1, sRGB, or None for plain grey. Both sides of a triangle are drawn.
    Returns uint8[H, W, 3] of the view's size.
    """
    height, width = view.height * SUPERSAMPLING, view.width * SUPERSAMPLING
    points = np.asarray(vertices, np.float64)
    clip = np.column_stack([points, np.ones(len(points))]) @ view.world_to_clip.T
    raster = rasterize(torch.from_numpy(clip[None].astype(np.float32)), torch.from_numpy(triangles), height, width)
    ids = raster.triangle_ids[0].numpy()
    face_colours = np.full((len(triangles), 3), GREY) if colours is None else colours[triangles].mean(1)
    shaded = face_colours * _brightness(points[triangles], view)[:, None]
    picture = np.where((ids >= 0)[..., None], shaded[np.maximum(ids, 0)], 1.0) if len(triangles) else np.ones((height, width, 3))
    small = picture.reshape(view.height, SUPERSAMPLING, view.width, SUPERSAMPLING, 3).mean((1, 3))
    return np.round(np.clip(small, 0, 1) * 255).astype(np.uint8)


def orbit(view: View, centre: Float64, degrees: float) -> View:
    """The view turned around the vertical (world Z) through `centre` [3], counter-clockwise seen from above."""
    angle = math.radians(degrees)
    turn = np.eye(4)
    turn[:2, :2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    turn[:3, 3] = centre - turn[:3, :3] @ centre
    return dataclasses.replace(view, camera_to_world=turn @ view.camera_to_world)


def _brightness(corners: Float64, view: View) -> Float64:
    """float64[F] of triangles [F, 3, 3]: light from above the camera's left shoulder."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    light = view.camera_to_world[:3, :3] @ np.array([-0.4, 0.5, 0.77])
    # Unoriented: game assets often have triangles that face inwards.
    return AMBIENT + (1 - AMBIENT) * np.abs(normals @ light)
