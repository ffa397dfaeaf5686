"""What the fit's pictures are made from, and whether Warp kernels do in one pass over them what numpy does in several."""

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

import numpy as np

from ..types import Float32, Float64, Int32, UInt8
from .backends import backend
from .raster import Raster


@dataclass(frozen=True)
class Texture:
    """What a surface wears: the look of frame 0.

    places: float32[W, 4], of each vertex in frame 0 the pixel (x, y) in `texels` times w, w, and its depth: linear on the surface.
    front: bool[F], triangles that faced the camera then. vertex_colours: float32[W, 3], for what was not seen. texels: float32[h, w, 4],
    colours, and depth of the deepest surface seen around the pixel. slack: how far behind that surface still counts as seen.
    """

    places: Float32
    front: np.ndarray
    vertex_colours: Float32
    texels: Float32
    slack: float


@dataclass(frozen=True)
class Against:
    """A frame that colours of frame 0 are compared with.

    light: float32[11], see `core.fit.light.Light.numbers`. colours: uint8[H, W, 3]. covered: uint8[H, W], how much of the pixel is subject.
    background: float32[H, W, 3]. most_difference: of a channel, of 1. contrast: difference from the background from which on a colour stands out.
    """

    light: Float32
    colours: UInt8
    covered: UInt8
    background: Float32
    most_difference: float
    contrast: float


@dataclass(frozen=True)
class Scene:
    """A frame's picture without a limb: error, depth: float32[H, W], what the frame leaves unexplained, and before which depth a limb is seen."""

    against: Against
    error: Float32
    depth: Float32


@dataclass(frozen=True)
class Camera:
    """clip_matrix: float64[4, 4], normalised world to clip. axis: float64[3], unit, away from the camera. nearest: w of the nearest points."""

    clip_matrix: Float64
    axis: Float64
    nearest: float


@dataclass(frozen=True)
class Markers:
    """N points of a limb's surface. normals: float32[N, 3], unit, in frame 0. joints: int32[N], what turns them. colours: float32[N, 3]."""

    normals: Float32
    joints: Int32
    colours: Float32


class Passes(Protocol):
    """What the kernels do; arrays are contiguous."""

    def wear(self, raster: Raster, texture: Texture) -> tuple[Float32, np.ndarray]:
        """Colours float32[T, H, W, 3] of what is drawn, and where frame 0 showed it, bool[T, H, W]."""

    def lay_over(self, ids: Int32, colours: Float32, light: Float32, background: Float32) -> Float32:
        """float32[H, W, 3]: a drawing's colours in a frame's light over its background. ids: int32[H, W], negative where nothing is drawn."""

    def errors(self, ids: Int32, colours: Float32, against: Against, bare: Float32) -> Float32:
        """float32[H, W]: badness of every pixel of a frame with a drawing over it; bare: without."""

    def light(
        self, drawn: Float32, seen: Float32, beside: Float32, offset: Float32, tolerances: tuple[float, ...], contrast: float, held: float
    ) -> tuple[Float32, Float32, Float32]:
        """Gain and offset float32[3] and slope float32[2] from colours [n, 3], drawn and seen, at places [n, 2]; see `core.fit.light`.
        offset: float32[3], to begin with. tolerances: four."""

    def spared(self, raster: Raster, depths: Float32, colours: Float32, first: tuple[int, int], scene: Scene) -> Float32:
        """float32[K]: the error that a limb spares in K poses, drawn in a window whose first row and column is `first`. depths: [K, V],
        colours: [V, 3], of its vertices."""

    def guessed(self, points: Float32, turns: Float32, markers: Markers, camera: Camera, scene: Scene) -> Float32:
        """float32[K]: about the same from points [K, N, 3] of its surface, for a unit of it each. turns: [K, J, 3, 3], of the joints."""


def passes() -> Passes | None:
    """The kernels, on the CPU; None where Warp does not draw."""
    return cast(Passes, import_module(".warp_pictures", __package__)) if backend() == "warp" else None
