"""Antialiasing with gradients at silhouettes.

The blend of two pixels across a silhouette edge is that of Laine et al. 2020, section 3.5. How the edge is found differs:
their rule looks at the edges of the triangle that the pixel sees, and on a dense mesh most silhouette edges belong to
triangles too small for any pixel to see. Here the mesh is walked along the scanline, from the nearer pixel's triangle
across one edge after another, to the edge where the surface turns away.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from .backends import primitives
from .raster import Raster, rasterize
from .topology import Topology


@dataclass(frozen=True)
class Crossings:
    """Where a silhouette passes between two neighbouring pixels' centres, N of them.

    inside, outside: int64[N], flat indices into [T, H, W]; inside is the nearer surface's pixel.
    vertical: bool[N], the pixels lie one above the other.
    first, second: int64[N], the edge's ends, flat indices into [T, V].
    """

    inside: Tensor
    outside: Tensor
    vertical: Tensor
    first: Tensor
    second: Tensor


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
    found = crossings(raster, clip, triangles, topology)
    distance = _distance(found, clip, raster.triangle_ids.shape[1], raster.triangle_ids.shape[2])
    return _Blend.apply(image, distance, found.inside, found.outside)


def silhouette(clip: Tensor, triangles: Tensor, topology: Topology, height: int, width: int, backend_name: str | None = None) -> Tensor:
    """How much of each pixel the mesh covers: float32[T, H, W], 0 to 1, with gradients to `clip`. Arguments as `rasterize`."""
    raster = rasterize(clip, triangles, height, width, backend_name)
    return antialias(raster.covered.float().unsqueeze(-1), raster, clip, triangles, topology).squeeze(-1)


def crossings(raster: Raster, clip: Tensor, triangles: Tensor, topology: Topology) -> Crossings:
    """Find the silhouette between all neighbouring pixels (no gradients)."""
    _, height, width = raster.triangle_ids.shape
    corners = triangles.to(torch.int32).contiguous()
    ops = primitives(raster.backend)
    screen = _screen(clip.detach().float(), height, width)
    places, edges = ops.silhouette_crossings(raster.triangle_ids, raster.depth.detach(), screen, corners, topology.neighbours)
    pixel, below, swapped = places >> 2, (places & 2) > 0, (places & 1) > 0
    other = pixel + torch.where(below, width, 1)
    base = torch.div(pixel, height * width, rounding_mode="floor") * clip.shape[1]
    triangle, edge = torch.div(edges, 3, rounding_mode="floor").long(), (edges % 3).long()
    ends = corners.reshape(-1).long()
    first, second = base + ends[3 * triangle + edge], base + ends[3 * triangle + (edge + 1) % 3]
    return Crossings(torch.where(swapped, other, pixel), torch.where(swapped, pixel, other), below, first, second)


def _screen(clip: Tensor, height: int, width: int) -> Tensor:
    """float32[T, V, 2]: where the vertices land, pixels; NaN for those that `rasterize` leaves out."""
    w = clip[..., 3]
    over = torch.where((w > 0) & (clip[..., 2] >= -w), 1 / w, torch.nan).unsqueeze(-1)
    half = torch.tensor([0.5 * width, -0.5 * height], device=clip.device)
    return clip[..., :2] * over * half + half.abs()


def _distance(found: Crossings, clip: Tensor, height: int, width: int) -> Tensor:
    """float32[N], 0 to 1: how far from the inside pixel's centre the edge crosses towards the outside one's."""
    flat = clip.float().reshape(-1, 4)
    # index_select rather than indexing: its adjoint sums in a fixed order
    along_p, across_p = _axes(flat.index_select(0, found.first), found.vertical, height, width)
    along_q, across_q = _axes(flat.index_select(0, found.second), found.vertical, height, width)
    column, row = found.inside % width, torch.div(found.inside, width, rounding_mode="floor") % height
    along, across = torch.where(found.vertical, row, column) + 0.5, torch.where(found.vertical, column, row) + 0.5
    sign = torch.sign(found.outside - found.inside)
    crossing = along_p + (across - across_p) / (across_q - across_p) * (along_q - along_p)
    return ((crossing - along) * sign).clamp(0.0, 1.0)


def _axes(corner: Tensor, vertical: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Pixel coordinates of clip-space points [N, 4] along and across each one's scanline."""
    u = 0.5 * width * (1 + corner[:, 0] / corner[:, 3])
    v = 0.5 * height * (1 - corner[:, 1] / corner[:, 3])
    return torch.where(vertical, v, u), torch.where(vertical, u, v)


class _Blend(torch.autograd.Function):
    """The edge at `distance` d from the inside centre: below 1/2 it cuts into the inside pixel, above it the outside one is
    partly covered, by |1/2 - d| either way."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, distance: Tensor, inside: Tensor, outside: Tensor) -> Tensor:
        flat = image.detach().reshape(-1, image.shape[-1])
        step = flat[outside] - flat[inside]
        cut = distance.detach() < 0.5
        ctx.save_for_backward(step, distance, inside, outside)
        amount = (0.5 - distance.detach()).unsqueeze(-1) * step  # negative beyond 1/2: the inside's colour flows out
        blended = flat.clone()
        blended.index_add_(0, torch.where(cut, inside, outside), amount)
        return blended.reshape(image.shape)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        step, distance, inside, outside = ctx.saved_tensors
        flat = grad.reshape(-1, grad.shape[-1])
        at_target = flat[torch.where(distance < 0.5, inside, outside)]
        grad_step = (0.5 - distance).unsqueeze(-1) * at_target
        grad_image = flat.clone()
        grad_image.index_add_(0, outside, grad_step).index_add_(0, inside, grad_step, alpha=-1)
        return grad_image.reshape(grad.shape), -(at_target * step).sum(-1), None, None
