"""The rasterizer's primitives by our own Warp kernels, on the CPU or on CUDA."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import warp as wp
from torch import Tensor

from . import warp_blend, warp_interpolation, warp_runs, warp_scan, warp_silhouette, warp_visibility
from .backends import Changes
from .warp_interpolation import of_channels, pixel_type
from .warp_lanes import LANES

wp.init()


def visible(clip: Tensor, triangles: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """See `backends.Backend`."""
    shape = (clip.shape[0], height, width)
    surface = [_grid(clip, wp.vec4), _grid(triangles, wp.int32), width, height]
    if clip.is_cuda or width < LANES or height < 2:
        return _visible_by_triangles(clip, triangles.shape[0], shape, surface)
    ids, depth = torch.empty(shape, dtype=torch.int32), torch.empty(shape)
    outputs = [_array(ids, wp.int32), _array(depth.view(torch.int32), wp.int32)]
    _launch(warp_scan.visible, shape[:1], clip, [*surface, *outputs])
    return ids, depth


def _visible_by_triangles(clip: Tensor, count: int, shape: tuple[int, int, int], surface: list[Any]) -> tuple[Tensor, Tensor]:
    """The same with one thread a triangle, and then one a row."""
    key = torch.full(shape, torch.iinfo(torch.int64).max, dtype=torch.int64, device=clip.device)
    depth = torch.zeros(shape, device=clip.device)
    _launch(warp_visibility.nearest_triangle, (shape[0], count), clip, [*surface, _array(key, wp.int64)])
    ids = key.to(torch.int32)  # the lower half: -1 where nothing is
    _launch_rows(warp_visibility.resolve, ids, [_array(ids, wp.int32), *surface, _array(depth, wp.float32)])
    return ids, depth


def weights(clip: Tensor, triangles: Tensor, ids: Tensor) -> Tensor:
    """See `backends.Backend`."""
    barycentric = torch.empty((*ids.shape, 2), device=clip.device)
    inputs = [_array(ids, wp.int32), _grid(clip, wp.vec4), _grid(triangles, wp.int32), ids.shape[2], ids.shape[1]]
    kernel = warp_visibility.weigh if ids.is_cuda else warp_scan.weigh
    _launch_rows(kernel, ids, [*inputs, _array(barycentric, wp.vec2)])
    return barycentric


def visible_adjoint(clip: Tensor, triangles: Tensor, ids: Tensor, grad_barycentric: Tensor | None, grad_depth: Tensor | None) -> Tensor:
    """See `backends.Backend`."""
    height, width = ids.shape[1:]
    grad_clip = torch.zeros_like(clip)
    pairs = torch.zeros((*ids.shape, 2), device=clip.device) if grad_barycentric is None else grad_barycentric.contiguous()
    depth = torch.zeros(ids.shape, device=clip.device) if grad_depth is None else grad_depth.contiguous()
    inputs = [_array(ids, wp.int32), _grid(clip, wp.vec4), _grid(triangles, wp.int32), width, height]
    gradients = [_array(pairs, wp.vec2), _array(depth, wp.float32), _grid(grad_clip, wp.vec4)]
    _launch_rows(warp_visibility.resolve_adjoint, ids, [*inputs, *gradients])
    return grad_clip


def interpolate(attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor) -> Tensor:
    """See `backends.Backend`."""
    channels, layout = attributes.shape[-1], _layout(attributes, ids)
    image = torch.empty((*ids.shape, channels), device=ids.device)
    if _fits_runs(ids, channels):
        _by_runs(False, attributes, clip, ids, triangles, image, clip.new_empty(1))
        return image
    pixel = pixel_type(channels)
    inputs = [_array(ids, wp.int32), _grid(clip, wp.vec4), _grid(triangles, wp.int32), _array(attributes, pixel)]
    _launch_rows(of_channels(warp_interpolation.interpolate, channels), ids, [*inputs, *layout, _array(image, pixel)])
    return image


def position_adjoint(
    grad_image: Tensor, attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor, changes: Changes | None = None
) -> Tensor:
    """See `backends.Backend`."""
    channels, grad_clip = attributes.shape[-1], torch.zeros_like(clip)
    pixel = pixel_type(channels)
    surface = [
        _array(ids, wp.int32),
        _grid(clip, wp.vec4),
        _grid(triangles, wp.int32),
        _array(attributes, pixel),
        *_layout(attributes, ids),
    ]
    if _fits_runs(ids, channels):
        _by_runs(True, attributes, clip, ids, triangles, grad_image, grad_clip)
    else:
        gradients = [_array(grad_image, pixel), _grid(grad_clip, wp.vec4)]
        _launch_rows(of_channels(warp_interpolation.position_adjoint, channels), ids, [*surface, *gradients])
    if changes is not None:
        gradients = [_array(changes[0], wp.int64), _array(changes[1], pixel), _grid(grad_clip, wp.vec4)]
        _launch(of_channels(warp_interpolation.position_adjoint_at, channels), changes[0].shape, clip, [*surface, *gradients])
    return grad_clip


def attribute_adjoint(
    grad_image: Tensor, attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor, changes: Changes | None = None
) -> Tensor:
    """See `backends.Backend`."""
    channels, grad_attributes = attributes.shape[-1], torch.zeros_like(attributes)
    pixel = pixel_type(channels)
    surface = [_array(ids, wp.int32), _grid(clip, wp.vec4), _grid(triangles, wp.int32), *_layout(attributes, ids)]
    gradients = [_array(grad_image, pixel), _array(grad_attributes, pixel)]
    _launch_rows(of_channels(warp_interpolation.attribute_adjoint, channels), ids, [*surface, *gradients])
    if changes is not None:
        gradients = [_array(changes[0], wp.int64), _array(changes[1], pixel), _array(grad_attributes, pixel)]
        _launch(of_channels(warp_interpolation.attribute_adjoint_at, channels), changes[0].shape, ids, [*surface, *gradients])
    return grad_attributes


def silhouette_crossings(ids: Tensor, depth: Tensor, clip: Tensor, triangles: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor]:
    """See `backends.Backend`."""
    height, width = ids.shape[1:]
    screen = torch.empty((*clip.shape[:2], 2), device=clip.device)
    _launch(warp_silhouette.to_screen, screen.shape[:2], clip, [_grid(clip, wp.vec4), width, height, _grid(screen, wp.vec2)])
    surface = [_grid(screen, wp.vec2), _grid(triangles, wp.int32), _grid(neighbours, wp.int32)]
    capacity = 2 * ids.numel()  # untouched pages of it cost nothing on the CPU
    count = torch.zeros(1, dtype=torch.int32, device=ids.device)
    places = torch.empty(capacity, dtype=torch.int64, device=ids.device)
    edges = torch.empty(capacity, dtype=torch.int32, device=ids.device)
    rows, fours = -(-height // warp_silhouette.CELL), -(-width // (4 * warp_silhouette.CELL))
    cells = torch.zeros((len(ids), rows, 4 * fours), dtype=torch.uint8, device=ids.device)
    _launch(warp_silhouette.mark_turns, (len(ids), len(triangles)), clip, [*surface, width, height, _descriptor(cells, wp.uint8)])
    inputs = [_array(ids, wp.int32), _array(depth, wp.float32), *surface, _descriptor(cells, wp.uint8), width, height]
    outputs = [_array(count, wp.int32), _array(places, wp.int64), _array(edges, wp.int32)]
    _launch_rows(warp_silhouette.silhouette_crossings, ids, [*inputs, *outputs])
    found, crossed = places[: int(count)], edges[: int(count)]
    if not ids.is_cuda:
        return found, crossed
    found, order = torch.sort(found)  # the rows' threads append as they come
    return found, crossed[order]


def blend(image: Tensor, clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor, in_place: bool) -> tuple[Tensor, Tensor]:
    """See `backends.Backend`."""
    channels, height, width = image.shape[-1], *image.shape[1:3]
    pixel, difference = pixel_type(channels), torch.empty((len(places), channels), device=image.device)
    arguments = [_array(places, wp.int64), width, _array(image, pixel), _array(difference, pixel)]
    _launch(of_channels(warp_blend.differences, channels), places.shape, image, arguments)
    blended = image if in_place else image.clone()
    inputs = [*_crossings(clip, triangles, places, edges), width, height, _array(difference, pixel)]
    _launch(of_channels(warp_blend.blend, channels), places.shape, image, [*inputs, _array(blended, pixel)])
    return blended, difference


def blend_adjoint(
    grad_blended: Tensor, difference: Tensor, clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """See `backends.Backend`."""
    channels, height, width = grad_blended.shape[-1], *grad_blended.shape[1:3]
    pixel, grad_clip = pixel_type(channels), torch.zeros_like(clip)
    changed = torch.empty(2 * len(places), dtype=torch.int64, device=clip.device)
    change = torch.empty((2 * len(places), channels), device=clip.device)
    inputs = [*_crossings(clip, triangles, places, edges), width, height, _array(difference, pixel), _array(grad_blended, pixel)]
    outputs = [_array(changed, wp.int64), _array(change, pixel), _grid(grad_clip, wp.vec4)]
    _launch(of_channels(warp_blend.blend_adjoint, channels), places.shape, clip, [*inputs, *outputs])
    return changed, change, grad_clip


def _crossings(clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor) -> list[Any]:
    """What the kernels of blending are told of the crossings."""
    return [_array(places, wp.int64), _array(edges, wp.int32), _grid(triangles, wp.int32), _grid(clip, wp.vec4)]


def _fits_runs(ids: Tensor, channels: int) -> bool:
    """Whether the kernel of `warp_runs` can do it."""
    return not ids.is_cuda and channels <= warp_runs.MOST_CHANNELS


def _by_runs(adjoint: bool, attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor, image: Tensor, grad_clip: Tensor) -> None:
    """Run that kernel; the forward way leaves `grad_clip` alone."""
    inputs = [_array(ids, wp.int32), _array(clip, wp.float32), _array(triangles, wp.int32), _array(attributes, wp.float32)]
    sizes = [clip.shape[1], *_layout(attributes, ids), attributes.shape[-1]]
    _launch(warp_runs.interpolate, ids.shape[:1], ids, [adjoint, *inputs, *sizes, _array(image, wp.float32), _array(grad_clip, wp.float32)])


def _layout(attributes: Tensor, ids: Tensor) -> list[int]:
    """What the kernels of attributes are told of the shapes: vertices from frame to frame, width and height."""
    rows = attributes.shape[1] if attributes.shape[0] > 1 else 0
    return [rows, ids.shape[2], ids.shape[1]]


def _array(tensor: Tensor, dtype: Any) -> Any:
    """What a kernel takes for a tensor's memory as one row of numbers or, for vector types, of vectors (the last axis)."""
    return _descriptor(tensor.view(-1, dtype._length_) if hasattr(dtype, "_shape_") else tensor.view(-1), dtype)


def _grid(tensor: Tensor, dtype: Any) -> Any:
    """The same as a table: all axes but the last run together, except that vectors take the last one up."""
    return _descriptor(tensor if hasattr(dtype, "_shape_") else tensor.view(-1, tensor.shape[-1]), dtype)


def _descriptor(tensor: Tensor, dtype: Any) -> Any:
    """Cheaper than a `wp.array`, but it does not keep the memory alive: the caller holds the tensor until the launch. Hence
    views above, which a tensor that is not contiguous refuses, where `reshape` would copy it into memory soon freed."""
    if not tensor.is_contiguous():
        raise ValueError("A kernel was given a tensor that is not contiguous.")
    return _place(tensor.data_ptr(), tuple(tensor.shape), dtype, tensor.device)


@lru_cache(maxsize=4096)
def _place(pointer: int, shape: tuple[int, ...], dtype: Any, device: torch.device) -> Any:
    """The descriptor, remembered: most of what is drawn lies where the last frame's did, and telling it anew costs more than a small kernel."""
    vectors = shape[:-1] if hasattr(dtype, "_shape_") else shape
    return wp.array(ptr=pointer, dtype=dtype, shape=vectors, device=wp.device_from_torch(device), copy=False).__ctype__()


def _launch_rows(kernel: Any, ids: Tensor, arguments: list[Any]) -> None:
    """Run a kernel with one thread a frame and row of pixels."""
    _launch(kernel, ids.shape[:2], ids, arguments)


def _launch(kernel: Any, size: Sequence[int], like: Tensor, arguments: list[Any]) -> None:
    """Run a kernel where `like` lies, on torch's stream there."""
    device = wp.device_from_torch(like.device)
    stream = wp.stream_from_torch(like.device) if like.is_cuda else None
    wp.launch(kernel, tuple(size), arguments, device=device, stream=stream)
