"""Offsets of all frames together: what the picture says, held near zero, smooth over the surface and in time."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, cg

from ..errors import EngineError
from ..types import Float64
from .handles import Handles

TOLERANCE, MOST_ITERATIONS = 1e-4, 200
"""Of the conjugate gradients: share of the right side that may be left."""


@dataclass(frozen=True)
class Priors:
    """Strength of what is believed without looking, per squared diagonal and as a mean over the surface.

    A picture that holds every point of the surface does so with about 8e6 in its plane. rest: towards where the bones put the
    surface. space: of neighbouring handles to each other. time: towards constant velocity.
    """

    rest: float = 4.0e5
    space: float = 1.6e6
    time: float = 1.0e6

    @staticmethod
    def held(hold: float) -> "Priors":
        """The usual ones, the pull to the bones `hold` times as strong."""
        return Priors(rest=hold * Priors.rest, space=hold * Priors.space)


def step(handles: Handles, priors: Priors, offsets: Float64, hessian: Float64, gradient: Float64) -> Float64:
    """The offsets float64[T, K, 3] after one Gauss-Newton step; frame 0 stays zero.

    hessian: float64[T - 1, 3 K, 3 K], gradient: float64[T - 1, 3 K], of the picture, for all frames but the first.
    Conjugate gradients over all frames, each frame's own matrix as preconditioner: only time ties them.
    """
    frames, size = gradient.shape
    still = np.kron(priors.rest * np.diag(handles.shares) + priors.space * handles.laplacian, np.eye(3))
    inertia = priors.time * np.repeat(handles.shares, 3)
    own = torch.from_numpy(hessian + still)
    bend = _second_differences(frames)
    tie = (bend.T @ bend).diagonal()
    factors = torch.linalg.cholesky(own + torch.from_numpy(tie[:, None, None] * np.diag(inertia)))

    def product(flat: Float64) -> Float64:
        x = flat.reshape(frames, size)
        held: Float64 = (own @ torch.from_numpy(x)[..., None])[..., 0].numpy()
        held = held + inertia * (bend.T @ (bend @ x))
        return held.ravel()

    def preconditioned(flat: Float64) -> Float64:
        solved: Float64 = torch.cholesky_solve(torch.from_numpy(flat.reshape(frames, size, 1)), factors).numpy()
        return solved.ravel()

    now = offsets[1:].reshape(frames, size)
    right = -(gradient + now @ still + inertia * (bend.T @ (bend @ now))).ravel()
    shape = (frames * size, frames * size)
    operator, inverse = LinearOperator(shape, product, dtype=np.float64), LinearOperator(shape, preconditioned, dtype=np.float64)
    change, unsolved = cg(operator, right, rtol=TOLERANCE, maxiter=MOST_ITERATIONS, M=inverse)
    if unsolved or not np.isfinite(change).all():
        raise EngineError("The offsets beyond the bones could not be solved for.", "Raise the distance between handles, or choose bones alone.")
    return offsets + np.concatenate([np.zeros((1, *offsets.shape[1:])), change.reshape(frames, -1, 3)])


def _second_differences(frames: int) -> Float64:
    """[T - 2 or more, T - 1]: second differences of free frames, the fixed frame before them at zero."""
    matrix = np.zeros((max(frames - 1, 1), frames))
    for row in range(frames - 1):
        for column, factor in ((row - 1, 1.0), (row, -2.0), (row + 1, 1.0)):
            if column >= 0:
                matrix[row, column] = factor
    return matrix
