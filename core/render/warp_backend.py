"""The rasterizer's primitives by our own Warp kernels, on the CPU or on CUDA."""

from typing import Any

import torch
import warp as wp
from torch import Tensor

from . import warp_kernels as kernels

wp.init()


def visible(clip: Tensor, triangles: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """See `backends.Backend`."""
    frames = clip.shape[0]
    key = torch.full((frames, height, width), torch.iinfo(torch.int64).max, dtype=torch.int64, device=clip.device)
    ids = torch.empty((frames, height, width), dtype=torch.int32, device=clip.device)
    barycentric = torch.zeros((frames, height, width, 2), device=clip.device)
    depth = torch.zeros((frames, height, width), device=clip.device)
    positions, corners, packed = _vec4(clip), _array(triangles, wp.int32), _array(key, wp.int64)
    _launch(kernels.nearest_triangle, (frames, triangles.shape[0]), clip, [positions, corners, width, height, packed])
    outputs = [_array(ids, wp.int32), _array(barycentric, wp.vec2), _array(depth, wp.float32)]
    _launch(kernels.resolve, (frames, height), clip, [packed, positions, corners, width, height, *outputs])
    return ids, barycentric, depth


def visible_adjoint(clip: Tensor, triangles: Tensor, ids: Tensor, grad_barycentric: Tensor | None, grad_depth: Tensor | None) -> Tensor:
    """See `backends.Backend`."""
    frames, height, width = ids.shape
    grad_clip = torch.zeros_like(clip)
    weights = grad_barycentric if grad_barycentric is not None else torch.zeros((frames, height, width, 2), device=clip.device)
    depth = grad_depth if grad_depth is not None else torch.empty((1, 1, 1), device=clip.device)
    inputs = [_array(ids, wp.int32), _vec4(clip), _array(triangles, wp.int32), width, height]
    gradients = [_array(weights, wp.vec2), _array(depth, wp.float32), int(grad_depth is not None), _vec4(grad_clip)]
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
    inputs = [_array(ids, wp.int32), _array(depth, wp.float32), _array(screen, wp.vec2), _array(triangles, wp.int32)]
    outputs = [_array(count, wp.int32), _array(places, wp.int64), _array(edges, wp.int32)]
    _launch(kernels.silhouette_crossings, (frames, height), ids, [*inputs, _array(neighbours, wp.int32), width, height, *outputs])
    found = int(count)
    order = torch.argsort(places[:found])  # CUDA appends in any order; the sums over them must not depend on it
    return places[:found][order], edges[:found][order]


def _interpolation_inputs(attributes: Tensor, ids: Tensor, barycentric: Tensor, triangles: Tensor) -> list[Any]:
    """The arguments that `kernels.interpolate` and its adjoint share."""
    per_frame = int(attributes.shape[0] > 1)
    arrays = [_array(ids, wp.int32), _array(barycentric, wp.vec2), _array(triangles, wp.int32), _array(attributes, wp.float32)]
    return [*arrays, per_frame, ids.shape[2], attributes.shape[-1]]


def _array(tensor: Tensor, dtype: Any) -> Any:
    """A Warp view of a tensor's memory."""
    return wp.from_torch(tensor.detach().contiguous(), dtype=dtype, requires_grad=False)


def _vec4(clip: Tensor) -> Any:
    """float32[T, V, 4] as an array of vectors [T, V]."""
    return _array(clip, wp.vec4)


def _launch(kernel: Any, size: tuple[int, ...], like: Tensor, arguments: list[Any]) -> None:
    """Run a kernel where `like` lies, on torch's stream there."""
    device = wp.device_from_torch(like.device)
    stream = wp.stream_from_torch(like.device) if like.is_cuda else None
    wp.launch(kernel, size, arguments, device=device, stream=stream)
