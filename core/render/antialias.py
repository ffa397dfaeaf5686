"""Antialiasing with gradients at silhouettes.

The blend of two pixels across a silhouette edge is that of Laine et al. 2020, section 3.5: with the edge at distance d from the inside
pixel's centre towards the outside one's, below 1/2 it cuts into the inside pixel, above it the outside one is partly covered, by
|1/2 - d| either way. How the edge is found differs: their rule looks at the edges of the triangle that the pixel sees, and on a dense
mesh most silhouette edges belong to triangles too small for any pixel to see. Here the mesh is walked along the scanline, from the
nearer pixel's triangle across one edge after another, to the edge where the surface turns away.
"""

from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from .backends import Backend, changed, primitives
from .raster import Raster, checked_attributes, rasterize
from .topology import Topology


def antialias(image: Tensor, raster: Raster, clip: Tensor, triangles: Tensor, topology: Topology) -> Tensor:
    """Blend the pixels on both sides of each silhouette by how much of them it cuts off.

    image: float32[T, H, W, C], what was drawn on `raster`. clip, triangles: as given to `rasterize`. topology: of the same
    triangles. Returns float32[T, H, W, C], with gradients to the image and to the clip-space positions.
    Raises InputError where image and raster, or topology and triangles, do not belong together.
    """
    if image.shape[:3] != raster.triangle_ids.shape:
        raise InputError(f"The image has shape {tuple(image.shape)}.", f"It must be {tuple(raster.triangle_ids.shape)} and channels.")
    positions, picture = clip.float().contiguous(), image.float().contiguous()
    return _Blend.apply(picture, positions, *_crossings(raster, positions, triangles, topology), primitives(raster.backend))


def draw(attributes: Tensor, raster: Raster, triangles: Tensor, topology: Topology) -> Tensor:
    """Vertex attributes on the surface, antialiased: what `antialias` makes of the picture that `interpolate` gives, without that picture.

    Arguments as of these two. Returns float32[T, H, W, C], the same numbers, with gradients to the attributes and to the positions
    `raster.clip`; two pictures less are written on the way there, and one on the way back.
    Raises InputError where either of them does.
    """
    values, ops = checked_attributes(attributes, raster), primitives(raster.backend)
    crossings = _crossings(raster, raster.clip, triangles, topology)
    return _Draw.apply(values, raster.clip, raster.triangle_ids, *crossings, ops)


def silhouette(clip: Tensor, triangles: Tensor, topology: Topology, height: int, width: int, backend_name: str | None = None) -> Tensor:
    """How much of each pixel the mesh covers: float32[T, H, W], 0 to 1, with gradients to `clip`. Arguments as `rasterize`."""
    raster = rasterize(clip, triangles, height, width, backend_name)
    return antialias(raster.covered.float().unsqueeze(-1), raster, clip, triangles, topology).squeeze(-1)


def _crossings(raster: Raster, clip: Tensor, triangles: Tensor, topology: Topology) -> tuple[Tensor, Tensor, Tensor]:
    """The triangles as the kernels take them, and places and edges of the crossings, see `Backend.silhouette_crossings`."""
    if topology.neighbours.shape != triangles.shape:
        raise InputError(
            f"The topology has {len(topology.neighbours)} triangles, the mesh {len(triangles)}.", "Build it from the same mesh."
        )
    corners, ops = triangles.to(torch.int32).contiguous(), primitives(raster.backend)
    return corners, *ops.silhouette_crossings(raster.triangle_ids, raster.depth.detach(), clip.detach(), corners, topology.neighbours)


class _Blend(torch.autograd.Function):
    """The backend's `blend` and its adjoint."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor, ops: Backend) -> Tensor:
        blended, difference = ops.blend(image.detach(), clip.detach(), triangles, places, edges, in_place=False)
        ctx.save_for_backward(difference, clip, triangles, places, edges)
        ctx.ops = ops
        return blended

    @staticmethod
    def backward(ctx: Any, grad_blended: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        grad = grad_blended.contiguous()
        *changes, to_clip = ctx.ops.blend_adjoint(grad, *(one.detach() for one in ctx.saved_tensors))
        return changed(grad, tuple(changes)) if ctx.needs_input_grad[0] else None, to_clip, None, None, None, None


class _Draw(torch.autograd.Function):
    """The backend's `interpolate` and `blend`, and the adjoints of both."""

    @staticmethod
    def forward(
        ctx: Any, attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor, places: Tensor, edges: Tensor, ops: Backend
    ) -> Tensor:
        image = ops.interpolate(attributes.detach(), clip.detach(), ids, triangles)
        blended, difference = ops.blend(image, clip.detach(), triangles, places, edges, in_place=True)
        ctx.save_for_backward(attributes, clip, ids, triangles, places, edges, difference)
        ctx.ops = ops
        return blended

    @staticmethod
    def backward(ctx: Any, grad_blended: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        attributes, clip, ids, triangles, places, edges, difference = (one.detach() for one in ctx.saved_tensors)
        grad, ops = grad_blended.contiguous(), ctx.ops
        *changes, to_clip = ops.blend_adjoint(grad, difference, clip, triangles, places, edges)
        to_attributes = ops.attribute_adjoint(grad, attributes, clip, ids, triangles, changes) if ctx.needs_input_grad[0] else None
        if ctx.needs_input_grad[1]:
            to_clip += ops.position_adjoint(grad, attributes, clip, ids, triangles, changes)
        return to_attributes, to_clip, None, None, None, None, None
