"""The rasterizer's primitives by our own Warp kernels, on the CPU or on CUDA."""

from typing import Any

import torch
import warp as wp
from torch import Tensor

from . import warp_blend, warp_interpolation, warp_runs, warp_scan, warp_silhouette, warp_visibility
from .backends import Changes
from .warp_interpolation import of_channels, pixel_type
from .warp_lanes import LANES
from .warp_launch import array, descriptor, grid, launch, launch_rows


def visible(clip: Tensor, triangles: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """See `backends.Backend`."""
    shape = (clip.shape[0], height, width)
    surface = [grid(clip, wp.vec4), grid(triangles, wp.int32), width, height]
    if clip.is_cuda or width < LANES or height < 2:
        return _visible_by_triangles(clip, triangles.shape[0], shape, surface)
    ids, depth = torch.empty(shape, dtype=torch.int32), torch.empty(shape)
    outputs = [array(ids, wp.int32), array(depth.view(torch.int32), wp.int32)]
    launch(warp_scan.visible, shape[:1], clip, [*surface, *outputs])
    return ids, depth


def _visible_by_triangles(clip: Tensor, count: int, shape: tuple[int, int, int], surface: list[Any]) -> tuple[Tensor, Tensor]:
    """The same with one thread a triangle, and then one a row."""
    key = torch.full(shape, torch.iinfo(torch.int64).max, dtype=torch.int64, device=clip.device)
    depth = torch.zeros(shape, device=clip.device)
    launch(warp_visibility.nearest_triangle, (shape[0], count), clip, [*surface, array(key, wp.int64)])
    ids = key.to(torch.int32)  # the lower half: -1 where nothing is
    launch_rows(warp_visibility.resolve, ids, [array(ids, wp.int32), *surface, array(depth, wp.float32)])
    return ids, depth


def weights(clip: Tensor, triangles: Tensor, ids: Tensor) -> Tensor:
    """See `backends.Backend`."""
    barycentric = torch.empty((*ids.shape, 2), device=clip.device)
    inputs = [array(ids, wp.int32), grid(clip, wp.vec4), grid(triangles, wp.int32), ids.shape[2], ids.shape[1]]
    kernel = warp_visibility.weigh if ids.is_cuda else warp_scan.weigh
    launch_rows(kernel, ids, [*inputs, array(barycentric, wp.vec2)])
    return barycentric


def visible_adjoint(clip: Tensor, triangles: Tensor, ids: Tensor, grad_barycentric: Tensor | None, grad_depth: Tensor | None) -> Tensor:
    """See `backends.Backend`."""
    height, width = ids.shape[1:]
    grad_clip = torch.zeros_like(clip)
    pairs = torch.zeros((*ids.shape, 2), device=clip.device) if grad_barycentric is None else grad_barycentric.contiguous()
    depth = torch.zeros(ids.shape, device=clip.device) if grad_depth is None else grad_depth.contiguous()
    inputs = [array(ids, wp.int32), grid(clip, wp.vec4), grid(triangles, wp.int32), width, height]
    gradients = [array(pairs, wp.vec2), array(depth, wp.float32), grid(grad_clip, wp.vec4)]
    launch_rows(warp_visibility.resolve_adjoint, ids, [*inputs, *gradients])
    return grad_clip


def interpolate(attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor) -> Tensor:
    """See `backends.Backend`."""
    channels, layout = attributes.shape[-1], _layout(attributes, ids)
    image = torch.empty((*ids.shape, channels), device=ids.device)
    if _fits_runs(ids, channels):
        _by_runs(False, attributes, clip, ids, triangles, image, clip.new_empty(1))
        return image
    pixel = pixel_type(channels)
    inputs = [array(ids, wp.int32), grid(clip, wp.vec4), grid(triangles, wp.int32), array(attributes, pixel)]
    launch_rows(of_channels(warp_interpolation.interpolate, channels), ids, [*inputs, *layout, array(image, pixel)])
    return image


def position_adjoint(
    grad_image: Tensor, attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor, changes: Changes | None = None
) -> Tensor:
    """See `backends.Backend`."""
    channels, grad_clip = attributes.shape[-1], torch.zeros_like(clip)
    pixel = pixel_type(channels)
    surface = [
        array(ids, wp.int32),
        grid(clip, wp.vec4),
        grid(triangles, wp.int32),
        array(attributes, pixel),
        *_layout(attributes, ids),
    ]
    if _fits_runs(ids, channels):
        _by_runs(True, attributes, clip, ids, triangles, grad_image, grad_clip)
    else:
        gradients = [array(grad_image, pixel), grid(grad_clip, wp.vec4)]
        launch_rows(of_channels(warp_interpolation.position_adjoint, channels), ids, [*surface, *gradients])
    if changes is not None:
        gradients = [array(changes[0], wp.int64), array(changes[1], pixel), grid(grad_clip, wp.vec4)]
        launch(of_channels(warp_interpolation.position_adjoint_at, channels), changes[0].shape, clip, [*surface, *gradients])
    return grad_clip


def attribute_adjoint(
    grad_image: Tensor, attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor, changes: Changes | None = None
) -> Tensor:
    """See `backends.Backend`."""
    channels, grad_attributes = attributes.shape[-1], torch.zeros_like(attributes)
    pixel = pixel_type(channels)
    surface = [array(ids, wp.int32), grid(clip, wp.vec4), grid(triangles, wp.int32), *_layout(attributes, ids)]
    gradients = [array(grad_image, pixel), array(grad_attributes, pixel)]
    launch_rows(of_channels(warp_interpolation.attribute_adjoint, channels), ids, [*surface, *gradients])
    if changes is not None:
        gradients = [array(changes[0], wp.int64), array(changes[1], pixel), array(grad_attributes, pixel)]
        launch(of_channels(warp_interpolation.attribute_adjoint_at, channels), changes[0].shape, ids, [*surface, *gradients])
    return grad_attributes


def silhouette_crossings(ids: Tensor, depth: Tensor, clip: Tensor, triangles: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor]:
    """See `backends.Backend`."""
    height, width = ids.shape[1:]
    screen = torch.empty((*clip.shape[:2], 2), device=clip.device)
    launch(warp_silhouette.to_screen, screen.shape[:2], clip, [grid(clip, wp.vec4), width, height, grid(screen, wp.vec2)])
    surface = [grid(screen, wp.vec2), grid(triangles, wp.int32), grid(neighbours, wp.int32)]
    capacity = 2 * ids.numel()  # untouched pages of it cost nothing on the CPU
    count = torch.zeros(1, dtype=torch.int32, device=ids.device)
    places = torch.empty(capacity, dtype=torch.int64, device=ids.device)
    edges = torch.empty(capacity, dtype=torch.int32, device=ids.device)
    rows, fours = -(-height // warp_silhouette.CELL), -(-width // (4 * warp_silhouette.CELL))
    cells = torch.zeros((len(ids), rows, 4 * fours), dtype=torch.uint8, device=ids.device)
    launch(warp_silhouette.mark_turns, (len(ids), len(triangles)), clip, [*surface, width, height, descriptor(cells, wp.uint8)])
    inputs = [array(ids, wp.int32), array(depth, wp.float32), *surface, descriptor(cells, wp.uint8), width, height]
    outputs = [array(count, wp.int32), array(places, wp.int64), array(edges, wp.int32)]
    launch_rows(warp_silhouette.silhouette_crossings, ids, [*inputs, *outputs])
    found, crossed = places[: int(count)], edges[: int(count)]
    if not ids.is_cuda:
        return found, crossed
    found, order = torch.sort(found)  # the rows' threads append as they come
    return found, crossed[order]


def blend(image: Tensor, clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor, in_place: bool) -> tuple[Tensor, Tensor]:
    """See `backends.Backend`."""
    channels, height, width = image.shape[-1], *image.shape[1:3]
    pixel, difference = pixel_type(channels), torch.empty((len(places), channels), device=image.device)
    arguments = [array(places, wp.int64), width, array(image, pixel), array(difference, pixel)]
    launch(of_channels(warp_blend.differences, channels), places.shape, image, arguments)
    blended = image if in_place else image.clone()
    inputs = [*_crossings(clip, triangles, places, edges), width, height, array(difference, pixel)]
    launch(of_channels(warp_blend.blend, channels), places.shape, image, [*inputs, array(blended, pixel)])
    return blended, difference


def blend_adjoint(
    grad_blended: Tensor, difference: Tensor, clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """See `backends.Backend`."""
    channels, height, width = grad_blended.shape[-1], *grad_blended.shape[1:3]
    pixel, grad_clip = pixel_type(channels), torch.zeros_like(clip)
    changed = torch.empty(2 * len(places), dtype=torch.int64, device=clip.device)
    change = torch.empty((2 * len(places), channels), device=clip.device)
    inputs = [*_crossings(clip, triangles, places, edges), width, height, array(difference, pixel), array(grad_blended, pixel)]
    outputs = [array(changed, wp.int64), array(change, pixel), grid(grad_clip, wp.vec4)]
    launch(of_channels(warp_blend.blend_adjoint, channels), places.shape, clip, [*inputs, *outputs])
    return changed, change, grad_clip


def _crossings(clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor) -> list[Any]:
    """What the kernels of blending are told of the crossings."""
    return [array(places, wp.int64), array(edges, wp.int32), grid(triangles, wp.int32), grid(clip, wp.vec4)]


def _fits_runs(ids: Tensor, channels: int) -> bool:
    """Whether the kernel of `warp_runs` can do it."""
    return not ids.is_cuda and channels <= warp_runs.MOST_CHANNELS


def _by_runs(adjoint: bool, attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor, image: Tensor, grad_clip: Tensor) -> None:
    """Run that kernel; the forward way leaves `grad_clip` alone."""
    inputs = [array(ids, wp.int32), array(clip, wp.float32), array(triangles, wp.int32), array(attributes, wp.float32)]
    sizes = [clip.shape[1], *_layout(attributes, ids), attributes.shape[-1]]
    launch(warp_runs.interpolate, ids.shape[:1], ids, [adjoint, *inputs, *sizes, array(image, wp.float32), array(grad_clip, wp.float32)])


def _layout(attributes: Tensor, ids: Tensor) -> list[int]:
    """What the kernels of attributes are told of the shapes: vertices from frame to frame, width and height."""
    rows = attributes.shape[1] if attributes.shape[0] > 1 else 0
    return [rows, ids.shape[2], ids.shape[1]]
