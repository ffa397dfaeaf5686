"""How smoothly every joint moves, and the step of all frames that this ties together.

True motion is smooth: from frame to frame its acceleration changes little, while noise changes it from one sign to the other. So the third difference
of a pose's unknowns is what is held small. At a period of twelve frames that holds a swing 0.27 times as much as the second difference would, at one
of three frames noise 3 times as much, where both hold a period of six alike.

How much it is held small, each joint tells itself: by the variance of its third differences in the present estimate (empirical Bayes). Their
plain mean square would be too small, the more so the tighter they are held, until nothing moves any more: where smoothness decides, they are small
because it made them so. Only what the picture determines may be counted, so that the sum of squares is shared by the effective number of parameters
(MacKay 1992, "Bayesian interpolation"): of n third differences held with strength w, n less the trace of w D A^-1 D^T, with A the normal matrix and D the
differencing. The trace is estimated with random signs (Hutchinson 1990), which ride along in the solve.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solveh_banded

from ..types import Float64, Int64

ORDER = 3
"""Of the differences that are held small."""

CALM = 1.0
"""A joint is wild where the usual variance of third differences is no more than so many times its own."""

PROBES = 8
"""Vectors of random signs by which traces are estimated: to a third for a joint of which the picture determines as little as two parameters."""

LEAST_DETERMINED = 1.0
"""Parameters of a joint that the picture determines at least."""


@dataclass(frozen=True)
class Smoothness:
    """The pull towards constant acceleration.

    turn, shift: strength per squared radian and squared diagonal of the third difference of a joint for which it usually is
    `usual_turn` radians or `usual_shift` diagonals. A joint that is calmer than that is held tighter, a wilder one looser, as its variance
    says, within the factors `loosest` and `tightest`. share: of the strength that wild joints keep; calm ones keep
    nearly all, since what is left of their change of motion is mostly noise. determined: float64[G], of each group of unknowns
    (see `groups`), how many parameters the picture determines; None where that is not known yet, and all are taken to be.
    """

    turn: float = 1500.0
    shift: float = 6000.0
    usual_turn: float = 0.03
    usual_shift: float = 0.004
    loosest: float = 0.3
    tightest: float = 1e6
    share: float = 1.0
    determined: Float64 | None = None

    def strengths(self, changes: Float64, joints: int, shifted: int) -> Float64:
        """float64[P] for present third differences [N, P] of turns (three a joint), then of shifts (three of each of the joints
        that are `shifted`), then of the logarithms of lengths, which count as turns do."""
        group = groups(changes.shape[1], joints, shifted)
        sizes, squares = np.bincount(group), np.bincount(group, (changes**2).sum(0))
        # few frames have no third difference
        determined = np.maximum(len(changes), 1) * sizes if self.determined is None else self.determined
        variance = sizes * squares / determined
        shift = (np.arange(len(sizes)) >= joints) & (np.arange(len(sizes)) < joints + shifted)
        usual, base = np.where(shift, self.usual_shift, self.usual_turn), np.where(shift, self.shift, self.turn)
        factor = usual**2 / np.clip(variance, usual**2 / self.tightest, usual**2 / self.loosest)
        return (base * factor * self.share ** np.minimum(CALM / factor, 1))[group]

    def learning(self, determined: Float64, changes: int, joints: int, shifted: int) -> "Smoothness":
        """The same, told how many parameters of each unknown [P] the picture determines, of a number of third differences: half-way in logarithms
        to what was known before, since it depends on the strengths that followed from that."""
        group = groups(len(determined), joints, shifted)
        most = np.maximum(changes * np.bincount(group), LEAST_DETERMINED)
        now: Float64 = np.clip(np.bincount(group, determined), LEAST_DETERMINED, most)
        return replace(self, determined=now if self.determined is None else np.sqrt(self.determined * now))


def groups(unknowns: int, joints: int, shifted: int) -> Int64:
    """int64[P]: which unknowns have one variance: those of a joint's turn, those of a shift, and every length by itself."""
    vectors = 3 * (joints + shifted)
    return np.concatenate([np.arange(vectors) // 3, joints + shifted + np.arange(unknowns - vectors)])


def differences(count: int) -> Float64:
    """float64[N, count]: third differences of frames 1 to `count` by the frames, those with frame 0 before them, which stays, included."""
    return np.diff(np.eye(count + 1), ORDER, axis=0)[:, 1:]


def smoothed(hessian: Float64, gradient: Float64, weights: Float64, changes: Float64) -> tuple[Float64, Float64]:
    """The step that minimises the pictures' models plus weights * |third difference|^2 / 2, and what the pictures determine.

    hessian: [T, P, P]. gradient: [T, P]. weights: [P]. changes: [N, P], present third differences, see `differences`.
    Returns the changes of the unknowns [T, P], and of each unknown the effective number of parameters [P], estimated: 0 to N without
    the noise of the estimate.
    """
    difference, root = differences(len(gradient)), np.sqrt(weights)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (PROBES, *changes.shape))
    right = np.concatenate([(gradient + weights * (difference.T @ changes))[None], root * (difference.T @ signs)])
    solved = solveh_banded(_banded(hessian, weights, difference), right.reshape(len(right), -1).T, lower=True, overwrite_ab=True, overwrite_b=True, check_finite=False)
    solved = solved.T.reshape(right.shape)
    held = signs * root * (difference @ solved[1:])
    return -solved[0], len(difference) - held.sum(1).mean(0)


def _banded(hessian: Float64, weights: Float64, difference: Float64) -> Float64:
    """The lower half of the normal matrix, as `solveh_banded` wants it and column after column, as LAPACK does. Frames are tied unknown by unknown, so
    that the band is no wider than `ORDER` frames, and Cholesky's factor neither."""
    count, size = hessian.shape[:2]
    tie, columns = difference.T @ difference, np.zeros((count, size, ORDER * size + 1))
    for unknown in range(size):
        columns[:, unknown, : size - unknown] = hessian[:, unknown, unknown:]
    for apart in range(min(ORDER + 1, count)):
        columns[: count - apart, :, apart * size] += np.diagonal(tie, -apart)[:, None] * weights
    return columns.reshape(count * size, -1).T
