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
from .backends import Backend, primitives
from .raster import Raster, rasterize
from .topology import Topology


def antialias(image: Tensor, raster: Raster, clip: Tensor, triangles: Tensor, topology: Topology) -> Tensor:
    """Blend the pixels on both sides of each silhouette by how much of them it cuts off.

    image: float32[T, H, W, C], what was drawn on `raster`. clip, triangles: as given to `rasterize`. topology: of the same
    triangles. Returns float32[T, H, W, C], with gradients to the image and to the clip-space positions.
    Raises InputError where image and raster, or topology and triangles, do not belong together.
    """
    if image.shape[:3] != raster.triangle_ids.shape:
        raise InputError(f"The image has shape {tuple(image.shape)}.", f"It must be {tuple(raster.triangle_ids.shape)} and channels.")
    if topology.neighbours.shape != triangles.shape:
        raise InputError(
            f"The topology has {len(topology.neighbours)} triangles, the mesh {len(triangles)}.", "Build it from the same mesh."
        )
    corners, ops = triangles.to(torch.int32).contiguous(), primitives(raster.backend)
    positions, picture = clip.float().contiguous(), image.float().contiguous()
    found = ops.silhouette_crossings(raster.triangle_ids, raster.depth.detach(), positions.detach(), corners, topology.neighbours)
    return _Blend.apply(picture, positions, corners, *found, ops)


def silhouette(clip: Tensor, triangles: Tensor, topology: Topology, height: int, width: int, backend_name: str | None = None) -> Tensor:
    """How much of each pixel the mesh covers: float32[T, H, W], 0 to 1, with gradients to `clip`. Arguments as `rasterize`."""
    raster = rasterize(clip, triangles, height, width, backend_name)
    return antialias(raster.covered.float().unsqueeze(-1), raster, clip, triangles, topology).squeeze(-1)


class _Blend(torch.autograd.Function):
    """The backend's `blend` and its adjoint."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor, ops: Backend) -> Tensor:
        ctx.save_for_backward(image, clip, triangles, places, edges)
        ctx.ops = ops
        return ops.blend(image.detach(), clip.detach(), triangles, places, edges)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        saved = (one.detach() for one in ctx.saved_tensors)
        return *ctx.ops.blend_adjoint(grad.contiguous(), *saved), None, None, None, None
