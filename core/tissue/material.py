"""What flesh is made of: presets, and the few numbers that shape a cage's material.

E is the number of tetrahedra, N of nodes, R of regions.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..settings import TissueSettings
from ..types import Float64, Int32, TissueParameters
from .attachment import Attachment, held_depth
from .cage import TETRAHEDRA_PER_CELL, Cage

PULL = 0.25
"""Force of the springs on nodes that were let go, at a cell's length from their place, relative to the modulus times a cell's
area: enough to keep them about there, too little to press an element flat."""

GRIP, FADE = 0.5, 0.2
"""The same of the springs just outside the held flesh, and the relative depth over which they fade out: what makes softness a
smooth dial although nodes are held or not."""


@dataclass(frozen=True)
class Material:
    """What every element and node of a cage is made of.

    young: float64[E], Pa. damping: per second. pull: float64[N], N/m, of springs towards the skinned place.
    """

    young: Float64
    damping: float
    pull: Float64


PRESETS: dict[str, tuple[float, float]] = {
    "FAT": (1e4, 4.0),
    "MUSCLE": (5e4, 8.0),
    "JELLY": (5e3, 1.0),
    "RUBBER": (1e6, 2.0),
    "TAIL": (3e4, 1.5),
}
"""Young's modulus, Pa, and damping, per second, of known stuffs, for a subject of a metre."""


def start_parameters(settings: TissueSettings, regions: int = 1) -> TissueParameters:
    """The material that the settings name, the same in all regions."""
    stiffness, damping = PRESETS.get(settings.material, (settings.stiffness, settings.damping))
    return TissueParameters(np.full(regions, stiffness), damping, settings.softness)


def for_regions(parameters: TissueParameters, regions: int) -> TissueParameters:
    """The same flesh in a body of so many regions: where their number changed since, the stiffness is the mean (of logarithms) all over."""
    if len(parameters.stiffness) == regions:
        return parameters
    return replace(parameters, stiffness=np.full(regions, np.exp(np.log(parameters.stiffness).mean())))


@dataclass(frozen=True)
class Recipe:
    """How parameters become the material of a cage.

    stiffening: float64[E], factor on the modulus. region: int32[E]. scale: simulated metres for one of the scene.
    """

    cage: Cage
    attachment: Attachment
    stiffening: Float64
    region: Int32
    scale: float

    def material(self, parameters: TissueParameters) -> Material:
        """The material of these parameters."""
        young = parameters.stiffness[self.region] * self.stiffening
        return Material(young, parameters.damping, self._stiffness_around(young) * self._grip(parameters.free_depth)[0])

    def gradient(self, parameters: TissueParameters, by_young: Float64, by_damping: float, by_pull: Float64) -> TissueParameters:
        """Derivatives by the parameters, from those by what `material` returns.

        by_young: float64[E], by the modulus. by_damping: by the damping. by_pull: float64[N], by the springs.
        """
        young = parameters.stiffness[self.region] * self.stiffening
        grip, slope = self._grip(parameters.free_depth)
        through_springs = self._edge() * (by_pull * grip)[self.cage.tetrahedra].sum(axis=1)
        by_stiffness = np.bincount(self.region, (by_young + through_springs) * self.stiffening, len(parameters.stiffness)).astype(np.float64)
        by_depth = float((by_pull * self._stiffness_around(young) * slope).sum())
        return TissueParameters(by_stiffness, by_damping, by_depth)

    def _stiffness_around(self, young: Float64) -> Float64:
        """float64[N], N/m: modulus times edge of the flesh around each node."""
        return self._edge() * np.bincount(self.cage.tetrahedra.ravel(), np.repeat(young, 4), len(self.cage.nodes))

    def _edge(self) -> float:
        """A cell's edge, simulated metres, shared out to the corners of the tetrahedra around a node."""
        return self.cage.cell_size * self.scale / (4 * TETRAHEDRA_PER_CELL)

    def _grip(self, free_depth: float) -> tuple[Float64, Float64]:
        """float64[N], springs relative to the stiffness around, and its derivative by `free_depth`."""
        attachment = self.attachment
        softness = np.minimum(attachment.softness, 1.0)
        edge = held_depth(free_depth, softness)
        near = np.clip((edge + FADE - attachment.depth) / FADE, 0.0, 1.0)
        near[attachment.let_go] = 0.0
        by_edge = np.where(near < 1.0, 2.0 * near / FADE, 0.0)
        by_depth = held_depth(1.0, softness) - 1.0
        return PULL * attachment.let_go + GRIP * near**2, GRIP * by_edge * by_depth
