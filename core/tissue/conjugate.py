"""Linear systems of the time steps: conjugate gradients on sparse matrices of 3x3 blocks. A is the number of free nodes."""

from typing import Any

import numpy as np
import scipy.sparse as sparse
import warp as wp

from ..types import Float64, Int32
from .solver_kernels import conjugate_gradient_kernel

MAX_STEPS = 500


def solve_or_none(
    matrix: sparse.bsr_matrix, diagonal_slots: Int32, right: Float64, tolerance: float, start: Float64 | None = None, max_steps: int = MAX_STEPS
) -> Float64 | None:
    """The solution float64[A, 3] of matrix @ solution = right, preconditioned by the inverses of the blocks on the diagonal.

    matrix: symmetric, sparse [3A, 3A]. diagonal_slots: int32[A], places of the blocks on the diagonal. right: float64[A, 3].
    tolerance: share of the first residual, in the preconditioner's norm, that may be left. start: float64[A, 3], a guess.
    None where the matrix turns out not to be positive definite.
    """
    solution = np.zeros_like(right) if start is None else start.copy()
    residual = right - (matrix @ solution.ravel()).reshape(-1, 3) if start is not None else right.copy()
    share = 1.0
    if start is not None:  # the tolerance counts from the right-hand side, whatever the guess
        share = min(1.0, float(np.linalg.norm(right)) / max(float(np.linalg.norm(residual)), 1e-300))
    steps = np.zeros(1, np.int32)
    arguments = [
        _shared(matrix.indptr, wp.int32),
        _shared(matrix.indices, wp.int32),
        _shared(matrix.data, wp.mat33d),
        _shared(diagonal_slots, wp.int32),
        wp.float64((tolerance * share) ** 2),
        max_steps,
        *(_shared(one, wp.vec3d) for one in (solution, residual, np.empty_like(right), np.empty_like(right))),
        _shared(np.empty((len(right), 3, 3)), wp.mat33d),
        _shared(steps, wp.int32),
    ]
    wp.launch(conjugate_gradient_kernel, 1, arguments, device="cpu")
    return solution if steps[0] >= 0 else None


def _shared(values: np.ndarray, dtype: Any) -> wp.array:
    """The same memory as a Warp array."""
    return wp.array(values, dtype=dtype, device="cpu", copy=False)
