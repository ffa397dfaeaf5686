"""Optical flow by RAFT (Teed and Deng 2020), torchvision's, where that and its weights are on this machine."""

from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any
from urllib.parse import urlparse

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import InputError
from ..types import Float32
from .flow import Followed, by_dense_flow
from .networks import OTHER_FLOW, as_batch, filled, read_weights, weights_file

STRIDE = 8
"""Pictures must be this many times some number of pixels large."""
SMALLEST = 128
"""Pixels of a side below which its pyramid of correlations has no top."""

FIRST_LAYER, FIRST_LAYER_OF_SMALL = "feature_encoder.convnormrelu.0.weight", 32
"""A parameter that tells the large network from the small one, by its number of channels."""


class Raft:
    """The large or the small network, whichever the weights are for. One picture pair at a time: the network notes what it works on."""

    def __init__(self, network: torch.nn.Module) -> None:
        self.network = network
        self._lock = Lock()

    @staticmethod
    def of(weights: str = "") -> "Raft":
        """Made from weights on this machine, see `flow.follower`."""
        models, path = _torchvision(), Raft.file(weights)
        values = read_weights(path)
        small = FIRST_LAYER in values and len(values[FIRST_LAYER]) == FIRST_LAYER_OF_SMALL
        return Raft(filled((models.raft_small if small else models.raft_large)(weights=None), values, "RAFT", path))

    @staticmethod
    def file(weights: str = "") -> Path:
        """The weights' file, see `flow.file_with_weights`."""
        models = _torchvision()
        kinds = (models.Raft_Large_Weights, models.Raft_Small_Weights)
        return weights_file("RAFT", [PurePosixPath(urlparse(kind.DEFAULT.url).path).name for kind in kinds], weights)

    def follow(self, one: Float32, other: Float32, points: Float32) -> Followed:
        """See `flow.Follower`."""
        height, width = one.shape[:2]
        pictures = _padded(2 * as_batch(one, other) - 1)
        with self._lock, torch.inference_mode():
            flows = self.network(pictures, pictures.flip(0))[-1]  # the last of its refinements
        onward, back = flows[:, :, :height, :width].permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return by_dense_flow(onward, back, points)


def _padded(pictures: Tensor) -> Tensor:
    """Pictures [N, 3, H, W] made large enough to the right and below, their borders going on."""
    height, width = pictures.shape[2:]
    wanted = (max(SMALLEST, -(-size // STRIDE) * STRIDE) for size in (height, width))
    more_height, more_width = (want - size for want, size in zip(wanted, (height, width), strict=True))
    return functional.pad(pictures, (0, more_width, 0, more_height), mode="replicate")


def _torchvision() -> Any:
    """Its module of optical flow. Raises InputError where it is missing, or made for another torch (which it says by a RuntimeError)."""
    try:
        from torchvision.models import optical_flow
    except (ImportError, RuntimeError) as error:
        raise InputError(
            "Flow by RAFT needs torchvision, which is not installed in the engine's Python or not made for its torch.",
            f"Install the torchvision that belongs to torch {torch.__version__}, {OTHER_FLOW}",
        ) from error
    return optical_flow
