"""Colours from a picture."""

import torch
from torch import Tensor

from ..errors import InputError


def texture(image: Tensor, uv: Tensor) -> Tensor:
    """Bilinear lookup.

    image: float32[H, W, C], row 0 on top. uv: float32[T, h, w, 2], Blender's coordinates: (0, 0) is the lower left corner of
    the picture, (1, 1) the upper right; beyond it the border's colour goes on.
    Returns float32[T, h, w, C], with gradients to both. Raises InputError for wrong shapes.
    """
    if image.ndim != 3 or uv.ndim != 4 or uv.shape[-1] != 2:
        raise InputError(
            f"The texture has shape {tuple(image.shape)}, its coordinates {tuple(uv.shape)}.", "Give [H, W, C] and [T, h, w, 2]."
        )
    frames, height, width, _ = uv.shape
    # one batch of tall pictures, so that the gradient to the texture is summed in a fixed order
    grid = torch.stack([2 * uv[..., 0] - 1, 1 - 2 * uv[..., 1]], dim=-1).reshape(1, frames * height, width, 2)
    found = torch.nn.functional.grid_sample(image.permute(2, 0, 1)[None], grid, mode="bilinear", padding_mode="border", align_corners=False)
    return found[0].permute(1, 2, 0).reshape(frames, height, width, image.shape[-1])
