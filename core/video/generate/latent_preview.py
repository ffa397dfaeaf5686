"""A look at a video while it is made, without decoding it: the colours that a linear map finds in the latents.

Which map depends on the model's autoencoder. It is found anew at every step, by least squares, from the one frame whose picture is known:
the latents' first frame shows the start picture.
"""

from typing import Any

import numpy as np

from ...types import Float32, UInt8
from ..letterbox import resize
from .picture import Shape

RIDGE = 0.01
"""Share of the latents' spread that is added to it where the map is solved for, so that channels of mere noise count little."""


def preview(pipeline: Any, latents: Any, shape: Shape, start: UInt8) -> UInt8 | None:
    """The middle frame as a small picture, uint8[h, w, 3], of the latents' own size; None for latents whose arrangement is not known.

    start: uint8[H, W, 3], the picture that the video begins with.
    """
    video = arranged(pipeline, latents, shape)
    return None if video is None else coloured(video, start)


def arranged(pipeline: Any, latents: Any, shape: Shape) -> Float32 | None:
    """float32[C, t, h, w] of a pipeline's latents: [1, C, t, h, w], [1, t, C, h, w], or packed as [1, t h w, C]; else None."""
    config = pipeline.vae.config
    channels = int(getattr(config, "z_dim", 0) or getattr(config, "latent_channels", 0))
    if latents.ndim == 5 and channels in latents.shape[1:3]:
        video = latents[0] if latents.shape[1] == channels else latents[0].transpose(0, 1)
    elif latents.ndim == 3 and hasattr(pipeline, "vae_temporal_compression_ratio"):
        space, time = pipeline.vae_spatial_compression_ratio, pipeline.vae_temporal_compression_ratio
        sides = ((shape.frames - 1) // time + 1, shape.height // space, shape.width // space)
        if latents.shape[1] != sides[0] * sides[1] * sides[2]:
            return None
        video = latents[0].reshape(*sides, -1).permute(3, 0, 1, 2)
    else:
        return None
    return np.asarray(video.detach().float().cpu().numpy(), np.float32)


def coloured(video: Float32, start: UInt8) -> UInt8:
    """The middle frame of latents float32[C, t, h, w] in colours, uint8[h, w, 3]; see the module."""
    height, width = video.shape[2:]
    known = resize(start, width, height).reshape(-1, 3).astype(np.float64)
    first, middle = (video[:, frame].reshape(len(video), -1).T.astype(np.float64) for frame in (0, video.shape[1] // 2))
    centre, colour = first.mean(0), known.mean(0)
    spread = (first - centre).T @ (first - centre)
    spread += np.eye(len(spread)) * max(RIDGE * np.trace(spread) / len(spread), 1e-9)
    colours = np.linalg.solve(spread, (first - centre).T @ (known - colour))
    return np.clip((middle - centre) @ colours + colour, 0, 255).round().astype(np.uint8).reshape(height, width, 3)
