"""Cubic pieces between keys, fitted to samples by least squares; numpy alone, since Blender uses it too.

Of each piece the unknowns are its values and slopes at both ends (Hermite form), shared with its neighbours: the system is banded.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..types import Float64, Int32
from .banded import solve_forms

BENDING_WEIGHT = 1e-4
"""Weight of the curve's bending against its distance from the samples: settles what no sample says, and little else."""


@dataclass(frozen=True)
class Pieces:
    """Cubic pieces between n keys.

    values, slope_in, slope_out: float64[n, C], at each key and on both its sides. played: float64[T, C], on every frame.
    """

    values: Float64
    slope_in: Float64
    slope_out: Float64
    played: Float64


@dataclass(frozen=True)
class Held:
    """What is not to be found, since it is known: at each key its value, and its slope on both sides.

    which: bool[n, 2]. known: float64[n, 2, C], zero elsewhere.
    """

    which: NDArray[np.bool_]
    known: Float64


def best_pieces(samples: Float64, frames: Int32, corner: NDArray[np.bool_], held: Held) -> Pieces:
    """The pieces nearest to all samples.

    samples: float64[T, C], of the frames from the first key to the last. frames: int32[n], of the keys, ascending, two at least.
    corner: bool[n], where the slopes on both sides are apart; not at the ends.
    """
    starts = frames[:-1] - frames[0]
    lengths = (frames[1:] - frames[:-1]).tolist()
    # Unknowns key by key: a value, then a slope, two at a corner.
    count = np.array([1, 1]) + np.array([0, 1]) * corner[:, None]
    into = 2 * np.arange(len(frames)) + 1 + np.cumsum(corner) - corner
    out = into + corner
    value = into - 1
    # Of each piece: values at its begin and end, slopes there.
    columns = np.stack([value[:-1], value[1:], out[:-1], into[1:]], 1)
    basis = np.concatenate([*(_basis(length) for length in lengths), LAST])
    forms = np.array([_form(length) for length in lengths])
    forms[-1, 1, 1] += 1.0  # the last sample
    pulls = np.add.reduceat(basis[:, :, None] * samples[:, None], starts)

    known = held.known.reshape(-1, samples.shape[1]).repeat(count.ravel(), 0)
    fixed = held.which.ravel().repeat(count.ravel())
    free = ~fixed[columns]
    pulls = (pulls - forms @ known[columns]) * free[..., None]
    right = known.copy()
    for place in range(4):  # no unknown is twice in the same place of two pieces
        right[columns[:, place]] += pulls[:, place]
    found = solve_forms(columns, forms * (free[:, :, None] & free[:, None]), right, fixed.astype(np.float64))
    piece = np.repeat(columns, lengths, 0)
    played = np.empty_like(samples)
    played[:-1] = np.einsum("tk,tkc->tc", basis[:-1], found[piece])
    played[-1] = found[value[-1]]
    return Pieces(found[value], found[into], found[out], played)


LAST = np.array([[0.0, 1, 0, 0]])
"""What a piece's unknowns give on its last frame."""


@lru_cache(1000)
def _basis(length: int) -> Float64:
    """float64[length, 4]: what a piece's values at begin and end and slopes there give on its frames but the last."""
    u = np.arange(length) / length
    ease, left = u * u * (3 - 2 * u), 1 - u
    return np.stack([1 - ease, ease, length * u * left * left, -length * u * u * left], 1)


@lru_cache(1000)
def _form(length: int) -> Float64:
    """float64[4, 4]: the squared distance of a piece from its samples, with its bending, as a form in its unknowns."""
    return _basis(length).T @ _basis(length) + BENDING_WEIGHT * bending(length)


def bending(length: float) -> Float64:
    """float64[4, 4]: the integral of a cubic's squared second derivative, as a form in its values at both ends and its slopes there."""
    slopes, ends = np.array([[2.0, 1], [1, 2]]), np.array([[1.0, -1], [-1, 1]])
    mixed = np.array([[1.0, 1], [-1, -1]]) * 6 / length**2
    return np.block([[ends * 12 / length**3, mixed], [mixed.T, slopes * 2 / length]])
