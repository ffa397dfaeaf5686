"""Films of moving surfaces, drawn by the project's rasterizer, for the tests and benchmarks of the material fit."""

import numpy as np
import torch
from animamimic.core.render import antialias, interpolate, rasterize, topology
from animamimic.core.types import Clip, View


def front_view(width, side=256, height=0.5):
    """An orthographic picture `width` metres wide, looking along +Y at a height of `height` metres."""
    camera = np.eye(4)
    camera[:3, :3] = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    camera[:3, 3] = [0, -20, height]
    projection = np.diag([2 / width, 2 / width, -2 / 60, 1.0])
    projection[2, 3] = -1.0
    return View(side, side, camera, projection)


def film(mesh, view, vertices, fps):
    """The surface [T, V, 3] in smooth colours before white."""
    triangles = torch.as_tensor(mesh.triangles)
    surface, world_to_clip = topology(triangles, mesh.vertices), torch.as_tensor(view.world_to_clip, dtype=torch.float32)
    x, y, z = (mesh.vertices / mesh.diagonal).T
    colours = 0.5 + 0.4 * np.sin(np.stack([31 * x + 17 * z, 23 * y - 29 * z, 37 * z], axis=1))
    frames, masks = [], []
    for points in vertices:
        clip = torch.nn.functional.pad(torch.as_tensor(points[None], dtype=torch.float32), (0, 1), value=1.0) @ world_to_clip.T
        raster = rasterize(clip, triangles, view.height, view.width)
        covered = antialias(raster.covered.float()[..., None], raster, clip, triangles, surface)
        drawn = antialias(interpolate(torch.as_tensor(colours, dtype=torch.float32), raster, triangles), raster, clip, triangles, surface)
        frames.append(_bytes(drawn + 1 - covered))
        masks.append(_bytes(covered)[..., 0])
    return Clip(np.array(frames), np.array(masks), fps)


def _bytes(image):
    return (image[0].clamp(0, 1).numpy() * 255 + 0.5).astype(np.uint8)
