"""Linear equations whose unknowns know only their neighbours, in time linear in their number. numpy alone, since Blender uses it too."""

import numpy as np

from ..types import Float64, Int64

BLOCK = 32
"""Unknowns eliminated at once: enough that numpy's own cost a call is small, few enough that their cube is."""


def solve_forms(columns: Int64, forms: Float64, right: Float64, diagonal: Float64) -> Float64:
    """The solution float64[N, C] of a symmetric positive definite system that is a sum of small forms.

    columns: int64[n, k], the unknowns of each form, all within `BLOCK` of each other. forms: float64[n, k, k], symmetric. right: float64[N, C].
    diagonal: float64[N], added to the sum's diagonal. Block elimination (Golub and Van Loan 2013, section 4.5.1).
    """
    size = len(right)
    if size <= 2 * BLOCK:
        place = columns[:, :, None] * size + columns[:, None]
        matrix = _sums(place.ravel(), forms.ravel(), size * size)
        matrix[:: size + 1] += diagonal
        return np.linalg.solve(matrix.reshape(size, size), right)
    count = -(-size // BLOCK)
    padding = count * BLOCK - size
    own, lower = _blocks(columns, forms, np.concatenate([diagonal, np.ones(padding)]))
    rest = np.concatenate([right, np.zeros((padding, right.shape[1]))]).reshape(count, BLOCK, -1)
    return _eliminated(own, lower, rest).reshape(count * BLOCK, -1)[:size]


def _blocks(columns: Int64, forms: Float64, diagonal: Float64) -> tuple[Float64, Float64]:
    """float64[b, BLOCK, BLOCK] each: the blocks on the diagonal, and those to the left of them."""
    count = len(diagonal) // BLOCK
    row, column = (np.broadcast_to(one, forms.shape) for one in (columns[:, :, None], columns[:, None]))
    left = row // BLOCK - column // BLOCK  # 0 on the diagonal, 1 to the left of it; -1 to its right tells nothing new
    place = ((left * count + row // BLOCK) * BLOCK + row % BLOCK) * BLOCK + column % BLOCK
    kept = left >= 0
    own, lower = _sums(place[kept], forms[kept], 2 * count * BLOCK * BLOCK).reshape(2, count, BLOCK, BLOCK)
    own.reshape(count, -1)[:, :: BLOCK + 1] += diagonal.reshape(count, BLOCK)
    return own, lower


def _sums(places: Int64, values: Float64, size: int) -> Float64:
    return np.asarray(np.bincount(places, values, size), np.float64)


def _eliminated(own: Float64, lower: Float64, right: Float64) -> Float64:
    """float64[b, BLOCK, C]: forwards, each block out of the next one's rows; then backwards."""
    solved = []
    for at in range(len(own) - 1):
        solved.append(np.linalg.solve(own[at], np.concatenate([lower[at + 1].T, right[at]], 1)))
        taken = lower[at + 1] @ solved[-1]
        own[at + 1] -= taken[:, :BLOCK]
        right[at + 1] -= taken[:, BLOCK:]
    right[-1] = np.linalg.solve(own[-1], right[-1])
    for at in reversed(range(len(own) - 1)):
        right[at] = solved[at][:, BLOCK:] - solved[at][:, :BLOCK] @ right[at + 1]
    return right
