"""The rasterizer's primitives by our own Warp kernels, on the CPU or on CUDA."""

from collections.abc import Sequence
from typing import Any

import torch
import warp as wp
from torch import Tensor

from . import warp_blend, warp_interpolation, warp_silhouette, warp_visibility
from .warp_interpolation import of_channels, pixel_type

wp.init()


def visible(clip: Tensor, triangles: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """See `backends.Backend`."""
    shape = (clip.shape[0], height, width)
    key = torch.full(shape, torch.iinfo(torch.int64).max, dtype=torch.int64, device=clip.device)
    barycentric, depth = torch.zeros((*shape, 2), device=clip.device), torch.zeros(shape, device=clip.device)
    positions, corners = _grid(clip, wp.vec4), _grid(triangles, wp.int32)
    _launch(warp_visibility.nearest_triangle, (shape[0], triangles.shape[0]), clip, [positions, corners, width, height, _array(key, wp.int64)])
    ids = key.to(torch.int32)  # the lower half: -1 where nothing is
    outputs = [_array(barycentric, wp.vec2), _array(depth, wp.float32)]
    _launch_rows(warp_visibility.resolve, ids, [_array(ids, wp.int32), positions, corners, width, height, *outputs])
    return ids, barycentric, depth


def visible_adjoint(clip: Tensor, triangles: Tensor, ids: Tensor, grad_barycentric: Tensor | None, grad_depth: Tensor | None) -> Tensor:
    """See `backends.Backend`."""
    height, width = ids.shape[1:]
    grad_clip = torch.zeros_like(clip)
    weights = torch.zeros((*ids.shape, 2), device=clip.device) if grad_barycentric is None else grad_barycentric.contiguous()
    depth = torch.zeros(ids.shape, device=clip.device) if grad_depth is None else grad_depth.contiguous()
    inputs = [_array(ids, wp.int32), _grid(clip, wp.vec4), _grid(triangles, wp.int32), width, height]
    gradients = [_array(weights, wp.vec2), _array(depth, wp.float32), _grid(grad_clip, wp.vec4)]
    _launch_rows(warp_visibility.resolve_adjoint, ids, [*inputs, *gradients])
    return grad_clip


def interpolate(attributes: Tensor, ids: Tensor, barycentric: Tensor, triangles: Tensor) -> Tensor:
    """See `backends.Backend`."""
    pixel = pixel_type(attributes.shape[-1])
    image = torch.zeros((*ids.shape, attributes.shape[-1]), device=ids.device)
    inputs = [_array(ids, wp.int32), _array(barycentric, wp.vec2), _grid(triangles, wp.int32), _array(attributes, pixel)]
    kernel = of_channels(warp_interpolation.interpolate, attributes.shape[-1])
    _launch_rows(kernel, ids, [*inputs, *_layout(attributes, ids), _array(image, pixel)])
    return image


def position_adjoint(grad_image: Tensor, attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor) -> Tensor:
    """See `backends.Backend`."""
    pixel = pixel_type(attributes.shape[-1])
    grad_clip = torch.zeros_like(clip)
    inputs = [_array(ids, wp.int32), _grid(clip, wp.vec4), _grid(triangles, wp.int32), _array(attributes, pixel)]
    gradients = [_array(grad_image, pixel), _grid(grad_clip, wp.vec4)]
    kernel = of_channels(warp_interpolation.position_adjoint, attributes.shape[-1])
    _launch_rows(kernel, ids, [*inputs, *_layout(attributes, ids), *gradients])
    return grad_clip


def attribute_adjoint(grad_image: Tensor, attributes: Tensor, ids: Tensor, barycentric: Tensor, triangles: Tensor) -> Tensor:
    """See `backends.Backend`."""
    pixel = pixel_type(attributes.shape[-1])
    grad_attributes = torch.zeros_like(attributes)
    inputs = [_array(ids, wp.int32), _array(barycentric, wp.vec2), _grid(triangles, wp.int32)]
    gradients = [_array(grad_image, pixel), _array(grad_attributes, pixel)]
    kernel = of_channels(warp_interpolation.attribute_adjoint, attributes.shape[-1])
    _launch_rows(kernel, ids, [*inputs, *_layout(attributes, ids), *gradients])
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
    inputs = [_array(ids, wp.int32), _array(depth, wp.float32), *surface, width, height]
    outputs = [_array(count, wp.int32), _array(places, wp.int64), _array(edges, wp.int32)]
    _launch_rows(warp_silhouette.silhouette_crossings, ids, [*inputs, *outputs])
    found, crossed = places[: int(count)], edges[: int(count)]
    if not ids.is_cuda:
        return found, crossed
    found, order = torch.sort(found)  # the rows' threads append as they come
    return found, crossed[order]


def blend(image: Tensor, clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor) -> Tensor:
    """See `backends.Backend`."""
    pixel, blended = pixel_type(image.shape[-1]), image.clone()
    inputs = _crossings(image, clip, triangles, places, edges)
    kernel = of_channels(warp_blend.blend, image.shape[-1])
    _launch(kernel, places.shape, image, [*inputs, _array(image, pixel), _array(blended, pixel)])
    return blended


def blend_adjoint(
    grad_blended: Tensor, image: Tensor, clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor
) -> tuple[Tensor, Tensor]:
    """See `backends.Backend`."""
    pixel, grad_image, grad_clip = pixel_type(image.shape[-1]), grad_blended.clone(), torch.zeros_like(clip)
    inputs = [*_crossings(image, clip, triangles, places, edges), _array(image, pixel)]
    gradients = [_array(grad_blended, pixel), _array(grad_image, pixel), _grid(grad_clip, wp.vec4)]
    _launch(of_channels(warp_blend.blend_adjoint, image.shape[-1]), places.shape, image, [*inputs, *gradients])
    return grad_image, grad_clip


def _crossings(image: Tensor, clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor) -> list[Any]:
    """What the kernels of blending are told of the crossings."""
    height, width = image.shape[1:3]
    return [_array(places, wp.int64), _array(edges, wp.int32), _grid(triangles, wp.int32), _grid(clip, wp.vec4), width, height]


def _layout(attributes: Tensor, ids: Tensor) -> list[int]:
    """What the kernels of attributes are told of the shapes: vertices from frame to frame, width and height."""
    rows = attributes.shape[1] if attributes.shape[0] > 1 else 0
    return [rows, ids.shape[2], ids.shape[1]]


def _array(tensor: Tensor, dtype: Any) -> Any:
    """What a kernel takes for a tensor's memory as one row of numbers or, for vector types, of vectors (the last axis)."""
    return _descriptor(tensor.view(-1, dtype._length_) if hasattr(dtype, "_length_") else tensor.view(-1), dtype)


def _grid(tensor: Tensor, dtype: Any) -> Any:
    """The same as a table: all axes but the last run together, except that vectors take the last one up."""
    return _descriptor(tensor if hasattr(dtype, "_length_") else tensor.view(-1, tensor.shape[-1]), dtype)


def _descriptor(tensor: Tensor, dtype: Any) -> Any:
    """Cheaper than a `wp.array`, but it does not keep the memory alive: the caller holds the tensor until the launch. Hence
    views above, which a tensor that is not contiguous refuses, where `reshape` would copy it into memory soon freed."""
    return wp.from_torch(tensor.detach(), dtype=dtype, requires_grad=False, return_ctype=True)


def _launch_rows(kernel: Any, ids: Tensor, arguments: list[Any]) -> None:
    """Run a kernel with one thread a frame and row of pixels."""
    _launch(kernel, ids.shape[:2], ids, arguments)


def _launch(kernel: Any, size: Sequence[int], like: Tensor, arguments: list[Any]) -> None:
    """Run a kernel where `like` lies, on torch's stream there."""
    device = wp.device_from_torch(like.device)
    stream = wp.stream_from_torch(like.device) if like.is_cuda else None
    wp.launch(kernel, tuple(size), arguments, device=device, stream=stream)
