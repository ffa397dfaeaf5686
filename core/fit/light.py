"""How the light on the subject differs from that of frame 0, whose look the drawing wears.

Generated films brighten, darken and tint their subject while the background stays as it is, and shading moves over it. Compared by plain
colours, all of that pulls at the pose. So a drawing is put into the frame's light first: a gain and an offset of each channel, and a shade that
changes linearly over the picture, found from the colours of the surface that drawing and frame both show.

Gain and offset make mean and variance of the colours agree (Reinhard et al. 2001, Color Transfer between Images). Unlike a least-squares line
from pixel to pixel, that does not flatten the drawing's contrast where the pose is off and wrong pixels are compared. Pixels that stay apart
count less, as in all robust costs here.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..render.passes import passes
from ..types import Float32
from .evidence import FrameEvidence

MOST_POINTS = 400
"""Pixels compared."""

LEAST_POINTS = 50
"""Fewer say nothing."""

INSIDE = 0.95
"""Coverage from which on a pixel shows the subject alone."""

TOLERANCES = (0.5, 0.25, 0.15, 0.15)
"""Difference of colour, of 1, at which a pixel counts as an outlier, from round to round: at first all of a shade is still apart."""

USUAL_CONTRAST = 0.05
"""Standard deviation of colours, of 1, added to both sides: what is of one colour tells no gain."""

HELD_SHADE = 4e-4
"""How strongly the shade is held at none, against the mean over the pixels."""


@dataclass(frozen=True)
class Light:
    """gain, offset: float32[3], of each channel. slope: float32[2], how the shade changes along x and y, over `size` pixels from `centre`."""

    gain: Float32
    offset: Float32
    slope: Float32
    centre: Float32
    size: float

    @cached_property
    def numbers(self) -> Float32:
        """float32[11]: all of it, in the order above."""
        return np.concatenate([self.gain, self.offset, self.slope, self.centre, [self.size]]).astype(np.float32)

    def on(self, colours: Float32, rows: np.ndarray, columns: np.ndarray) -> Float32:
        """float32[..., n, 3]: colours [..., n, 3] of frame 0 as this light shows them at pixels (rows, columns) [..., n]."""
        shade = 1 + _beside(rows, columns, self.centre, self.size) @ self.slope
        return np.clip((colours * self.gain + self.offset) * shade[..., None], 0, 1)


UNCHANGED = Light(np.ones(3, np.float32), np.zeros(3, np.float32), np.zeros(2, np.float32), np.zeros(2, np.float32), 1.0)
"""That of frame 0."""


def light_on(ready: FrameEvidence, colours: Float32, known: np.ndarray) -> Light:
    """The light in a frame. colours: float32[H, W, 3], the subject drawn as frame 0 shows it. known: bool[H, W], where frame 0 did."""
    shared = np.flatnonzero(known & (ready.covered > int(255 * INSIDE)))
    if len(shared) < LEAST_POINTS:
        return UNCHANGED
    rows, columns = np.divmod(shared[:: -(-len(shared) // MOST_POINTS)], known.shape[1])
    centre = np.array([columns.mean() + 0.5, rows.mean() + 0.5], np.float32)
    size = float(max(np.ptp(columns), np.ptp(rows)) + 1) / 2
    beside = _beside(rows, columns, centre, size)
    drawn, seen = np.asarray(colours[rows, columns], np.float32), ready.image_at((rows, columns))
    offset, one_pass = _median((seen - drawn).T), passes()
    if one_pass:
        gain, offset, slope = one_pass.light(drawn, seen, beside, offset, TOLERANCES, USUAL_CONTRAST, HELD_SHADE)
    else:
        gain, offset, slope = _solved(drawn.T, seen.T, beside.T, offset)
    return Light(gain, offset, slope, centre, size)


def _median(values: Float32) -> Float32:
    """float32[m]: of each row [m, n]; np.median takes several times as long for few numbers."""
    ordered, count = np.sort(values, axis=1), values.shape[1]
    return (ordered[:, (count - 1) // 2] + ordered[:, count // 2]) / 2


def _solved(drawn: Float32, seen: Float32, beside: Float32, offset: Float32) -> tuple[Float32, Float32, Float32]:
    """Gain and offset float32[3] and slope float32[2] that bring drawn colours [3, n] at places [2, n] nearest to those seen. offset: to begin with."""
    lit = drawn + offset[:, None]
    slope, shade = np.zeros(2, np.float32), np.ones(drawn.shape[1], np.float32)
    for tolerance in TOLERANCES:
        apart = lit * shade - seen
        share = 1 / (1 + (apart * apart).sum(0) / tolerance**2) ** 2
        share /= share.sum()
        (drawn_mean, drawn_spread), (flat_mean, flat_spread) = (_mean_and_spread(colours, share) for colours in (drawn, seen / np.maximum(shade, 0.2)))
        gain = flat_spread / drawn_spread
        offset = flat_mean - gain * drawn_mean
        lit = drawn * gain[:, None] + offset[:, None]
        weighted = beside * (share * (lit * lit).sum(0))
        pull = beside @ (share * (lit * (seen - lit)).sum(0))
        slope = np.linalg.solve(weighted @ beside.T + HELD_SHADE * np.eye(2, dtype=np.float32), pull)
        shade = 1 + slope @ beside
    return gain, offset, slope


def _mean_and_spread(colours: Float32, share: Float32) -> tuple[Float32, Float32]:
    """Mean and standard deviation float32[3] of colours [3, n], with `USUAL_CONTRAST`."""
    mean = colours @ share
    beside = colours - mean[:, None]
    return mean, np.sqrt((beside * beside) @ share + USUAL_CONTRAST**2)


def _beside(rows: np.ndarray, columns: np.ndarray, centre: Float32, size: float) -> Float32:
    """float32[..., 2]: how far pixels lie beside the centre, in sizes."""
    return ((np.stack([columns, rows], -1) + np.float32(0.5) - centre) / size).astype(np.float32)
