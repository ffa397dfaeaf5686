"""Rasterization and interpolation with gradients (the operations of Laine et al. 2020, "Modular Primitives").

T is the number of frames, V of vertices, F of triangles, C of channels; images are [T, H, W, C], row 0 on top. The pixel in
row y and column x has its centre at (x + 0.5, y + 0.5); clip space (cx, cy, cz, cw) lands at u = W/2 (1 + cx/cw),
v = H/2 (1 - cy/cw).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from .backends import Backend, backend, primitives


@dataclass(frozen=True)
class Raster:
    """What each pixel's centre sees.

    triangle_ids: int32[T, H, W], -1 for background.
    depth: float32[T, H, W], z/w in normalised device coordinates, -1 near to 1 far; zero on background; carries gradients.
    clip: float32[T, V, 4], the positions it was drawn from, which the gradients of `interpolate` go to.
    triangles: int32[F, 3], what was drawn.
    backend: what made it, and what the operations on it use.
    """

    triangle_ids: Tensor
    depth: Tensor
    clip: Tensor
    triangles: Tensor
    backend: str

    @cached_property
    def barycentric(self) -> Tensor:
        """float32[T, H, W, 2]: perspective-correct weights of the triangle's vertices 0 and 1 (vertex 2 has the rest); zero on background;
        carries gradients to the clip-space positions. Found when first asked for: the other operations do without."""
        with torch.set_grad_enabled(self.depth.requires_grad):  # whoever asks first must not decide for all
            return _Weigh.apply(self.clip, self.triangles, self.triangle_ids, primitives(self.backend))

    @property
    def covered(self) -> Tensor:
        """bool[T, H, W]: where a triangle is seen."""
        return self.triangle_ids >= 0


def rasterize(clip: Tensor, triangles: Tensor, height: int, width: int, backend_name: str | None = None) -> Raster:
    """The nearest triangle at each pixel's centre.

    clip: float32[T, V, 4], clip-space positions (OpenGL's, looking at increasing z/w). triangles: int32[F, 3], on the same
    device. height, width: pixels. backend_name: see `backends.backend`.

    Both windings are drawn. Of two triangles at the same depth the one with the smaller index wins. A triangle that touches
    or crosses the near plane (any vertex with w <= 0 or z < -w), has a coordinate that is not finite, or has a vertex some
    1e9 pixels away is left out whole; nothing is cut at the far plane. Degenerate triangles cover nothing.
    Takes 8 bytes a pixel and frame, weights 8 and every image 4 a channel more: draw long clips in batches of frames.
    Raises InputError for wrong shapes, and for more pixels than 32 bits can number.
    """
    _check(clip, triangles, height, width)
    _check_count(clip.shape[0] * height * width)
    name = backend(backend_name, clip.device)
    positions = clip.float().contiguous()
    corners = _indices(triangles)
    ids, depth = _Rasterize.apply(positions, corners, height, width, primitives(name))
    return Raster(ids, depth, positions, corners, name)


def interpolate(attributes: Tensor, raster: Raster, triangles: Tensor) -> Tensor:
    """Vertex attributes at each pixel's centre, perspective-correct, zero on background.

    attributes: float32[V, C] for all frames or float32[T, V, C]. triangles: as given to `rasterize`.
    Returns float32[T, H, W, C], with gradients to the attributes and, through the weights, to the positions `raster.clip`
    (straight to them: no image of gradients to the weights is written in between).
    Raises InputError for wrong shapes.
    """
    values = checked_attributes(attributes, raster)
    return _Interpolate.apply(values, raster.clip, raster.triangle_ids, _indices(triangles), primitives(raster.backend))


def checked_attributes(attributes: Tensor, raster: Raster) -> Tensor:
    """float32[1 or T, V, C], contiguous, of attributes as `interpolate` takes them. Raises InputError for wrong shapes."""
    frames = raster.triangle_ids.shape[0]
    batched = attributes if attributes.ndim == 3 else attributes.unsqueeze(0)
    if batched.ndim != 3 or batched.shape[0] not in (1, frames):
        raise InputError(f"The attributes have shape {tuple(attributes.shape)}.", f"Give [V, C] or [{frames}, V, C].")
    _check_count(raster.triangle_ids.numel() * attributes.shape[-1])
    return batched.float().contiguous()


class _Rasterize(torch.autograd.Function):
    """The backend's `visible` and its adjoint."""

    @staticmethod
    def forward(ctx: Any, clip: Tensor, triangles: Tensor, height: int, width: int, ops: Backend) -> tuple[Tensor, Tensor]:
        ids, depth = ops.visible(clip.detach(), triangles, height, width)
        ctx.save_for_backward(clip, triangles, ids)
        ctx.ops = ops
        ctx.mark_non_differentiable(ids)
        ctx.set_materialize_grads(False)
        return ids, depth

    @staticmethod
    def backward(ctx: Any, _: Tensor | None, grad_depth: Tensor | None) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        clip, triangles, ids = ctx.saved_tensors
        if grad_depth is None:
            return None, None, None, None, None
        return ctx.ops.visible_adjoint(clip.detach(), triangles, ids, None, grad_depth), None, None, None, None


class _Weigh(torch.autograd.Function):
    """The backend's `weights` and their adjoint."""

    @staticmethod
    def forward(ctx: Any, clip: Tensor, triangles: Tensor, ids: Tensor, ops: Backend) -> Tensor:
        ctx.save_for_backward(clip, triangles, ids)
        ctx.ops = ops
        return ops.weights(clip.detach(), triangles, ids)

    @staticmethod
    def backward(ctx: Any, grad_barycentric: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        clip, triangles, ids = ctx.saved_tensors
        return ctx.ops.visible_adjoint(clip.detach(), triangles, ids, grad_barycentric, None), None, None, None


class _Interpolate(torch.autograd.Function):
    """The backend's `interpolate` and its adjoints."""

    @staticmethod
    def forward(ctx: Any, attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor, ops: Backend) -> Tensor:
        ctx.save_for_backward(attributes, clip, ids, triangles)
        ctx.ops = ops
        return ops.interpolate(attributes.detach(), clip.detach(), ids, triangles)

    @staticmethod
    def backward(ctx: Any, grad_image: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        attributes, clip, ids, triangles = (one.detach() for one in ctx.saved_tensors)
        grad, ops = grad_image.contiguous(), ctx.ops
        to_attributes = ops.attribute_adjoint(grad, attributes, clip, ids, triangles) if ctx.needs_input_grad[0] else None
        to_clip = ops.position_adjoint(grad, attributes, clip, ids, triangles) if ctx.needs_input_grad[1] else None
        return to_attributes, to_clip, None, None, None


def _indices(triangles: Tensor) -> Tensor:
    """int32, contiguous."""
    return triangles.to(torch.int32).contiguous()


def _check(clip: Tensor, triangles: Tensor, height: int, width: int) -> None:
    """Raise InputError unless the shapes fit."""
    if clip.ndim != 3 or clip.shape[2] != 4:
        raise InputError(f"The clip-space positions have shape {tuple(clip.shape)}.", "Give [frames, vertices, 4].")
    if triangles.ndim != 2 or triangles.shape[1] != 3:
        raise InputError(f"The triangles have shape {tuple(triangles.shape)}.", "Give [triangles, 3].")
    if height < 1 or width < 1:
        raise InputError(f"The picture is {width} x {height} pixels.", "Give at least one pixel each way.")
    least, greatest = torch.aminmax(triangles) if triangles.numel() else (0, -1)
    if int(least) < 0 or int(greatest) >= clip.shape[1]:
        raise InputError(f"A triangle names a vertex outside 0 to {clip.shape[1] - 1}.", "Give triangles that belong to these vertices.")


def _check_count(numbers: int) -> None:
    """Raise InputError where the kernels' 32-bit indices would overflow."""
    if numbers >= 2**31:
        raise InputError(f"The picture would hold {numbers} numbers, more than 2^31.", "Draw fewer frames at a time.")
