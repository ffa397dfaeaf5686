"""The passes over the fit's pictures by our own Warp kernels, on the CPU; see `passes.Passes`."""

from typing import Any

import numpy as np
import torch
import warp as wp

from ..types import Float32, Int32
from . import warp_limbs, warp_wear
from .passes import Against, Camera, Markers, Scene, Texture
from .raster import Raster
from .warp_launch import array, grid, launch, launch_rows, numbers

HERE = torch.empty(0)
"""Where the kernels run: on the CPU."""


def wear(raster: Raster, texture: Texture) -> tuple[Float32, np.ndarray]:
    """See `passes.Passes`."""
    colours, known = torch.zeros((*raster.triangle_ids.shape, 3)), torch.zeros(raster.triangle_ids.shape, dtype=torch.uint8)
    vertices = [numbers(texture.places, wp.vec4), numbers(texture.front.view(np.uint8), wp.uint8), numbers(texture.vertex_colours, wp.vec3)]
    height, width = texture.texels.shape[:2]
    then = [numbers(texture.texels, wp.vec4), width, height, texture.slack]
    outputs = [array(colours, wp.vec3), array(known, wp.uint8)]
    launch_rows(warp_wear.wear, raster.triangle_ids, [*_drawn(raster), *vertices, *then, *outputs])
    return colours.numpy(), known.numpy().view(bool)


def lay_over(ids: Int32, colours: Float32, light: Float32, background: Float32) -> Float32:
    """See `passes.Passes`."""
    picture = background.copy()
    inputs = [numbers(ids, wp.int32), numbers(colours, wp.vec3), numbers(light, wp.float32), ids.shape[1]]
    launch(warp_wear.lay_over, ids.shape[:1], HERE, [*inputs, numbers(picture, wp.vec3)])
    return picture


def errors(ids: Int32, colours: Float32, against: Against, bare: Float32) -> Float32:
    """See `passes.Passes`."""
    result = bare.copy()
    inputs = [numbers(ids, wp.int32), numbers(colours, wp.vec3), ids.shape[1], *_against(against)]
    launch(warp_wear.mark_errors, ids.shape[:1], HERE, [*inputs, numbers(result, wp.float32)])
    return result


def light(
    drawn: Float32, seen: Float32, beside: Float32, offset: Float32, tolerances: tuple[float, ...], contrast: float, held: float
) -> tuple[Float32, Float32, Float32]:
    """See `passes.Passes`."""
    found, share = np.zeros(8, np.float32), np.empty(len(drawn), np.float32)
    found[3:6] = offset
    points = [numbers(drawn, wp.vec3), numbers(seen, wp.vec3), numbers(beside, wp.vec2)]
    settings = [wp.vec4(*tolerances), contrast, held]
    launch(warp_wear.find_light, (1,), HERE, [*points, *settings, numbers(share, wp.float32), numbers(found, wp.float32)])
    return found[:3], found[3:6], found[6:]


def spared(raster: Raster, depths: Float32, colours: Float32, first: tuple[int, int], scene: Scene) -> Float32:
    """See `passes.Passes`."""
    worth = np.empty(len(depths), np.float32)
    limb = [numbers(depths, wp.float32, 2), numbers(colours, wp.vec3), *first]
    launch(warp_limbs.spared, worth.shape, HERE, [*_drawn(raster), *limb, *_scene(scene), numbers(worth, wp.float32)])
    return worth


def guessed(points: Float32, turns: Float32, markers: Markers, camera: Camera, scene: Scene) -> Float32:
    """See `passes.Passes`."""
    worth = np.empty(len(points), np.float32)
    placed = [numbers(points, wp.vec3, 2), numbers(turns, wp.mat33, 2)]
    surface = [numbers(markers.normals, wp.vec3), numbers(markers.joints, wp.int32), numbers(markers.colours, wp.vec3)]
    view = [wp.mat44(*camera.clip_matrix.ravel().tolist()), wp.vec3(*camera.axis.tolist()), camera.nearest]
    launch(warp_limbs.guessed, worth.shape, HERE, [*placed, *surface, *view, *_scene(scene), numbers(worth, wp.float32)])
    return worth


def _drawn(raster: Raster) -> list[Any]:
    """What kernels are told of a drawing."""
    height, width = raster.triangle_ids.shape[1:]
    return [array(raster.triangle_ids, wp.int32), grid(raster.clip, wp.vec4), grid(raster.triangles, wp.int32), width, height]


def _against(against: Against) -> list[Any]:
    """What they are told of a frame."""
    pixels = [numbers(against.colours, wp.uint8), numbers(against.covered, wp.uint8), numbers(against.background, wp.vec3)]
    return [numbers(against.light, wp.float32), *pixels, against.most_difference, against.contrast]


def _scene(scene: Scene) -> list[Any]:
    """What they are told of a frame without a limb."""
    height, width = scene.error.shape
    return [width, height, numbers(scene.error, wp.float32), numbers(scene.depth, wp.float32), *_against(scene.against)]
