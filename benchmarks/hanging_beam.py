"""The beam that simulators are compared on: clamped, ten times as long as thick, and gravity is switched on."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "core"))  # the bars of the tests

from bars import YOUNG, bar

POISSON, GRAVITY, SECONDS, STEPS = 0.3, 0.05, 1.0, 48
Course = tuple[np.ndarray, float]
"""Height of the tip after every step, metres, and CPU seconds."""


@dataclass(frozen=True)
class Beam:
    """nodes: float64[N, 3]. tetrahedra: int32[E, 4]. The end at x = 0 is held."""

    nodes: np.ndarray
    tetrahedra: np.ndarray

    @staticmethod
    def of(cells: int) -> "Beam":
        """`cells` thick."""
        return Beam(*bar((10 * cells, cells, cells), 0.1 / cells))

    @property
    def held(self) -> np.ndarray:
        """bool[N]."""
        return self.nodes[:, 0] == 0

    def tip(self, positions: np.ndarray) -> float:
        """Metres that the free end has moved upwards."""
        return float((positions - self.nodes)[self.nodes[:, 0] == self.nodes[:, 0].max(), 2].mean())


__all__ = ["GRAVITY", "POISSON", "SECONDS", "STEPS", "YOUNG", "Beam", "Course"]
