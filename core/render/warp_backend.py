"""The rasterizer's primitives by our own Warp kernels, on the CPU or on CUDA."""

from typing import Any

import torch
import warp as wp
from torch import Tensor

from . import warp_kernels as kernels

wp.init()

VECTORS = (wp.vec2, wp.vec4)


def visible(clip: Tensor, triangles: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """See `backends.Backend`."""
    frames = clip.shape[0]
    key = torch.full((frames, height, width), torch.iinfo(torch.int64).max, dtype=torch.int64, device=clip.device)
    ids = torch.empty((frames, height, width), dtype=torch.int32, device=clip.device)
    barycentric = torch.empty((frames, height, width, 2), device=clip.device)
    depth = torch.empty((frames, height, width), device=clip.device)
    positions, corners, packed = _grid(clip, wp.vec4), _grid(triangles, wp.int32), _array(key, wp.int64)
    _launch(kernels.nearest_triangle, (frames, triangles.shape[0]), clip, [positions, corners, width, height, packed])
    outputs = [_array(ids, wp.int32), _array(barycentric, wp.vec2), _array(depth, wp.float32)]
    _launch(kernels.resolve, (frames, height), clip, [packed, positions, corners, width, height, *outputs])
    return ids, barycentric, depth


def visible_adjoint(clip: Tensor, triangles: Tensor, ids: Tensor, grad_barycentric: Tensor | None, grad_depth: Tensor | None) -> Tensor:
    """See `backends.Backend`."""
    frames, height, width = ids.shape
    grad_clip = torch.zeros_like(clip)
    weights = torch.zeros((frames, height, width, 2), device=clip.device) if grad_barycentric is None else grad_barycentric.contiguous()
    depth = torch.empty((1, 1, 1), device=clip.device) if grad_depth is None else grad_depth.contiguous()
    inputs = [_array(ids, wp.int32), _grid(clip, wp.vec4), _grid(triangles, wp.int32), width, height]
    gradients = [_array(weights, wp.vec2), _array(depth, wp.float32), int(grad_depth is not None), _grid(grad_clip, wp.vec4)]
    _launch(kernels.resolve_adjoint, (frames, height), clip, [*inputs, *gradients])
    return grad_clip


def interpolate(attributes: Tensor, ids: Tensor, barycentric: Tensor, triangles: Tensor) -> Tensor:
    """See `backends.Backend`."""
    frames, height, width = ids.shape
    image = torch.zeros((frames, height, width, attributes.shape[-1]), device=ids.device)
    inputs = _interpolation_inputs(attributes, ids, barycentric, triangles)
    _launch(kernels.interpolate, (frames, height), ids, [*inputs, _array(image, wp.float32)])
    return image


def interpolate_adjoint(
    grad_image: Tensor, attributes: Tensor, ids: Tensor, barycentric: Tensor, triangles: Tensor, with_attributes: bool
) -> tuple[Tensor | None, Tensor]:
    """See `backends.Backend`."""
    grad_barycentric = torch.zeros_like(barycentric)
    grad_attributes = torch.zeros_like(attributes) if with_attributes else None
    target = grad_attributes if grad_attributes is not None else torch.empty((1, 1, 1), device=ids.device)
    inputs = _interpolation_inputs(attributes, ids, barycentric, triangles)
    gradients = [_array(grad_image, wp.float32), int(with_attributes), _array(grad_barycentric, wp.vec2), _array(target, wp.float32)]
    _launch(kernels.interpolate_adjoint, (ids.shape[0], ids.shape[1]), ids, [*inputs, *gradients])
    return grad_attributes, grad_barycentric


def silhouette_crossings(ids: Tensor, depth: Tensor, screen: Tensor, triangles: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor]:
    """See `backends.Backend`."""
    frames, height, width = ids.shape
    capacity = 2 * ids.numel()  # untouched pages of it cost nothing on the CPU
    count = torch.zeros(1, dtype=torch.int32, device=ids.device)
    places = torch.empty(capacity, dtype=torch.int64, device=ids.device)
    edges = torch.empty(capacity, dtype=torch.int32, device=ids.device)
    inputs = [_array(ids, wp.int32), _array(depth, wp.float32), _grid(screen, wp.vec2), _grid(triangles, wp.int32)]
    outputs = [_array(count, wp.int32), _array(places, wp.int64), _array(edges, wp.int32)]
    _launch(kernels.silhouette_crossings, (frames, height), ids, [*inputs, _grid(neighbours, wp.int32), width, height, *outputs])
    found = int(count)
    places, edges = places[:found], edges[:found]
    if ids.is_cuda:  # appended in any order there, and the sums over them must not depend on it
        places, order = torch.sort(places)
        edges = edges[order]
    return places, edges


def _interpolation_inputs(attributes: Tensor, ids: Tensor, barycentric: Tensor, triangles: Tensor) -> list[Any]:
    """The arguments that `kernels.interpolate` and its adjoint share."""
    rows = attributes.shape[1] if attributes.shape[0] > 1 else 0
    arrays = [_array(ids, wp.int32), _array(barycentric, wp.vec2), _grid(triangles, wp.int32), _array(attributes, wp.float32)]
    return [*arrays, rows, ids.shape[2], ids.shape[1], attributes.shape[-1]]


def _array(tensor: Tensor, dtype: Any) -> Any:
    """What a kernel takes for a tensor's memory as one row of numbers or, for vector types, of vectors (the last axis)."""
    return _descriptor(tensor.view(-1, dtype._length_) if dtype in VECTORS else tensor.view(-1), dtype)


def _grid(tensor: Tensor, dtype: Any) -> Any:
    """The same as a table: all axes but the last run together, except that vectors take the last one up."""
    return _descriptor(tensor if dtype in VECTORS else tensor.view(-1, tensor.shape[-1]), dtype)


def _descriptor(tensor: Tensor, dtype: Any) -> Any:
    """Cheaper than a `wp.array`, but it does not keep the memory alive: the caller holds the tensor until the launch. Hence
    views above, which a tensor that is not contiguous refuses, where `reshape` would copy it into memory soon freed."""
    return wp.from_torch(tensor.detach(), dtype=dtype, requires_grad=False, return_ctype=True)


def _launch(kernel: Any, size: tuple[int, ...], like: Tensor, arguments: list[Any]) -> None:
    """Run a kernel where `like` lies, on torch's stream there."""
    device = wp.device_from_torch(like.device)
    stream = wp.stream_from_torch(like.device) if like.is_cuda else None
    wp.launch(kernel, size, arguments, device=device, stream=stream)
