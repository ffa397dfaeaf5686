"""Which code draws: Warp kernels, plain torch, or nvdiffrast."""

import importlib
import logging
import os
from functools import cache
from typing import Protocol, cast

import torch
from torch import Tensor

from ..errors import InputError

log = logging.getLogger(__name__)

VARIABLE = "ANIMAMIMIC_RASTERIZER"
MODULES = {"warp": "warp_backend", "numpy": "torch_backend", "nvdiffrast": "nvdiffrast_backend"}
NEEDS = {"warp": "warp", "numpy": "torch", "nvdiffrast": "nvdiffrast"}

Changes = tuple[Tensor, Tensor]
"""What is to be added to an image float32[T, H, W, C] in M pixels: int64[M], their flat indices, also several times the same, and float32[M, C]."""


class Backend(Protocol):
    """The primitives that a backend supplies; plain tensors without autograd, shapes as in `raster`."""

    def visible(self, clip: Tensor, triangles: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Triangle ids int32[T, H, W] and depth float32[T, H, W]."""

    def weights(self, clip: Tensor, triangles: Tensor, ids: Tensor) -> Tensor:
        """Weights float32[T, H, W, 2] of what is seen."""

    def visible_adjoint(
        self, clip: Tensor, triangles: Tensor, ids: Tensor, grad_barycentric: Tensor | None, grad_depth: Tensor | None
    ) -> Tensor:
        """Gradient float32[T, V, 4] to the positions from those to weights and depth (None: zero)."""

    def interpolate(self, attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor) -> Tensor:
        """float32[T, H, W, C] from attributes float32[1 or T, V, C]."""

    def position_adjoint(
        self, grad_image: Tensor, attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor, changes: Changes | None = None
    ) -> Tensor:
        """Gradient float32[T, V, 4] to the positions from that to the interpolated image and changes of it, through the weights."""

    def attribute_adjoint(
        self, grad_image: Tensor, attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor, changes: Changes | None = None
    ) -> Tensor:
        """Gradient to the attributes from that to the interpolated image and changes of it."""

    def silhouette_crossings(
        self, ids: Tensor, depth: Tensor, clip: Tensor, triangles: Tensor, neighbours: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Pairs of neighbouring pixels with a silhouette edge between their centres, N of them, in the same order every time.

        neighbours: see `topology.Topology`.
        Returns places int64[N] and edges int32[N]: 4 * (flat index of the left or upper pixel) + 2 * (1 if the other lies
        below it, 0 if to its right) + (1 if the other is the inside one, which sees the nearer surface), and 3 * triangle + edge
        of the edge found.
        """

    def blend(self, image: Tensor, clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor, in_place: bool) -> tuple[Tensor, Tensor]:
        """Blend an image float32[T, H, W, C] across such crossings; `antialias` tells how.

        in_place: write over the image instead of into a new one. Returns the blended image, and by how much the outside pixel differed
        from the inside one, float32[N, C].
        """

    def blend_adjoint(
        self, grad_blended: Tensor, difference: Tensor, clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """From the gradient to the blended image: two pixels a crossing and what their changes add to it for that to the image
        (`Changes`), and the gradient float32[T, V, 4] to the positions."""


def backend(name: str | None = None, device: torch.device | str = "cpu") -> str:
    """The backend that will draw: "warp", "numpy" or "nvdiffrast".

    name: the one to use; None asks the environment variable ANIMAMIMIC_RASTERIZER, and without it takes Warp where it can be
    imported, otherwise the slower "numpy" (plain torch), which gives the same answers. device: where the tensors lie.
    Raises InputError for an unknown name, a backend that is not installed, or nvdiffrast without CUDA.
    """
    wanted = name or os.environ.get(VARIABLE, "")
    if not wanted:
        return "warp" if available("warp") else "numpy"
    if wanted not in MODULES:
        raise InputError(f"There is no rasterizer called {wanted!r}.", f"Use one of {', '.join(MODULES)}.")
    if not available(wanted):
        raise InputError(f"The rasterizer {wanted!r} is not installed.", f"Install it, or unset {VARIABLE}.")
    if wanted == "nvdiffrast" and torch.device(device).type != "cuda":
        raise InputError("The rasterizer 'nvdiffrast' draws on CUDA devices alone.", "Use warp or numpy for tensors on the CPU.")
    return wanted


@cache
def available(name: str) -> bool:
    """Whether a backend can be used: its package is installed and loads."""
    try:
        importlib.import_module(NEEDS[name])
    except (ImportError, OSError) as error:
        log.debug("The rasterizer %s is not available: %s", name, error)
        return False
    return True


def primitives(name: str) -> Backend:
    """The module that holds a backend's primitives, imported at first use."""
    return cast(Backend, importlib.import_module(f".{MODULES[name]}", __package__))


def changed(image: Tensor, changes: Changes | None) -> Tensor:
    """The image float32[T, H, W, C] with changes added, a new one; the same where there are none."""
    return image if changes is None else image.reshape(-1, image.shape[-1]).index_add(0, *changes).view_as(image)
