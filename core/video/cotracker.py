"""Points followed by CoTracker3 (Karaev et al. 2024), where its program and its weights are on this machine; its licence is non-commercial."""

import importlib.util
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from ..types import Float32
from .flow import Followed
from .networks import OTHER_FLOW, as_batch, device, filled, read_weights, weights_file

PACKAGE, HUB_FOLDER = "cotracker", "facebookresearch_co-tracker_main"
"""Its program as an installed package, and as torch.hub keeps it."""
WEIGHTS = "scaled_offline.pth"
WINDOW = 60
"""Frames that the network with those weights looks at together."""


class CoTracker:
    """The offline network, on a film of two pictures. One film at a time: the network notes what it works on."""

    def __init__(self, predictor: torch.nn.Module) -> None:
        self.predictor = predictor
        self._lock = Lock()

    @staticmethod
    def of(weights: str = "") -> "CoTracker":
        """Made from the program and weights on this machine, see `flow.follower`."""
        predictor = _predictor()
        path = CoTracker.file(weights)
        filled(predictor.model, read_weights(path), "CoTracker3", path)
        return CoTracker(predictor)

    @staticmethod
    def file(weights: str = "") -> Path:
        """The weights' file, see `flow.file_with_weights`."""
        return weights_file("CoTracker3", [WEIGHTS], weights)

    def follow(self, one: Float32, other: Float32, points: Float32) -> Followed:
        """See `flow.Follower`."""
        if not len(points):
            return Followed(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), np.zeros(0, np.float32))
        there, shown = self._track(one, other, points)
        back, _ = self._track(other, one, there)
        return Followed(there - points, np.linalg.norm(back - points, axis=1), shown)

    def _track(self, one: Float32, other: Float32, points: Float32) -> tuple[Float32, Float32]:
        """Positions float32[n, 2] in the second picture, and float32[n], whether they are seen there, 0 or 1.

        CoTracker counts colours to 255 and positions from the first pixel's centre, and takes them as (frame, x, y).
        """
        film = 255 * as_batch(one, other)[None]
        wanted = torch.from_numpy(np.pad(points - 0.5, ((0, 0), (1, 0)))).float()[None].to(device())
        with self._lock, torch.inference_mode():
            tracks, seen = self.predictor(film, queries=wanted)
        return tracks[0, 1].cpu().numpy() + np.float32(0.5), seen[0, 1].cpu().numpy().astype(np.float32)


def _predictor() -> Any:
    """CoTracker's own interface to its network, without weights. Raises InputError where its program is missing."""
    if importlib.util.find_spec(PACKAGE):
        from cotracker.predictor import CoTrackerPredictor

        return CoTrackerPredictor(checkpoint=None, offline=True, window_len=WINDOW)
    folder = Path(torch.hub.get_dir()) / HUB_FOLDER
    if not folder.is_dir():
        raise InputError(
            f"Flow by CoTracker needs its program, which is neither installed in the engine's Python nor in {folder}.",
            f"Install it from its repository, {OTHER_FLOW}",
        )
    return torch.hub.load(str(folder), "cotracker3_offline", source="local", pretrained=False)
