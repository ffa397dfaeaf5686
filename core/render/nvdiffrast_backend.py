"""nvdiffrast's CUDA rasterizer, where the user has installed it (its licence is non-commercial: never bundled or required).

It only finds the visible triangles. Weights, gradients, interpolation and antialiasing stay ours: nvdiffrast's antialiasing does not
see silhouettes of dense meshes (see `antialias`). Unlike ours it cuts triangles at the near and far planes, moves corners to sixteenths
of a pixel before it asks which centres they hold, and refuses a mesh without triangles, which is not passed on to it.
"""

from functools import cache
from typing import Any

import nvdiffrast.torch as nvdiffrast
import torch
from torch import Tensor

from .backends import available

if available("warp"):
    from .warp_backend import (
        attribute_adjoint,
        blend,
        blend_adjoint,
        interpolate,
        position_adjoint,
        silhouette_crossings,
        visible_adjoint,
        weights,
    )
else:
    from .torch_backend import (
        attribute_adjoint,
        blend,
        blend_adjoint,
        interpolate,
        position_adjoint,
        silhouette_crossings,
        visible_adjoint,
        weights,
    )

__all__ = [
    "attribute_adjoint",
    "blend",
    "blend_adjoint",
    "interpolate",
    "position_adjoint",
    "silhouette_crossings",
    "visible",
    "visible_adjoint",
    "weights",
]

UPSIDE_DOWN = (1.0, -1.0, 1.0, 1.0)
"""nvdiffrast's row 0 is at the bottom; so it is given the scene upside down."""


def visible(clip: Tensor, triangles: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """See `backends.Backend`."""
    size = (height, width)
    if triangles.numel():
        flipped = (clip * torch.tensor(UPSIDE_DOWN, device=clip.device)).contiguous()
        drawn, _ = nvdiffrast.rasterize(_context(str(clip.device)), flipped, triangles, size, grad_db=False)
    else:
        drawn = clip.new_zeros((clip.shape[0], *size, 4))
    ids = drawn[..., 3].to(torch.int32) - 1
    return ids, drawn[..., 2].contiguous()


@cache
def _context(device: str) -> Any:
    """nvdiffrast's state for a device, made once."""
    return nvdiffrast.RasterizeCudaContext(device=device)
