"""Implicit Euler steps by minimisation: projected Newton, preconditioned conjugate gradients, line search.

A step of length h ends where the incremental potential

    elastic energy + |x - (2 x1 - x0)|^2 M / 2h^2 + damping |x - x1 - (s - s1)|^2 M / 2h + pull |x - s|^2 / 2 - forces . x

is least (x1, x0: the last two positions; s, s1: where the skinning puts the nodes now and before). Each Newton step goes
downhill on it, which bounds the motion whatever the step length and stiffness. Damping acts on the motion relative to the
skinned motion, so that it never slows the bones' own. N is the number of nodes, A of free nodes.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse

from ..types import Float64, Int32
from .elasticity import Elasticity

MAX_NEWTON_STEPS = 20
MAX_HALVINGS = 12
MAX_CG_STEPS = 500
CG_TOLERANCE = 1e-2
"""Residual, relative to the right-hand side, to which each Newton direction is solved."""
NEAR = 1e3
"""Newton's last correction, in tolerances, below which the exact second derivative is tried."""
SHORT = 10.0
"""Newton's full step, in tolerances, below which a step counts as solved though rounding ended it."""
SUFFICIENT_DECREASE = 1e-4
"""Armijo's constant."""


@dataclass(frozen=True)
class State:
    """Where a body is: now and one step before, and where the skinning put its nodes. Each float64[N, 3], metres."""

    positions: Float64
    previous: Float64
    skinned: Float64


@dataclass(frozen=True)
class Step:
    """What a step does.

    seconds: its length. damping: per second. tolerance: metres, the largest correction ignored.
    pull: float64[N] or one number, N/m, of springs that draw nodes to where the skinning puts them.
    """

    seconds: float
    damping: float
    tolerance: float
    pull: Float64 | float = 0.0


def advance(body: Elasticity, state: State, skinned: Float64, acceleration: Float64, step: Step) -> tuple[State, bool]:
    """One step.

    skinned: float64[N, 3], where the skinning puts the nodes at the end of the step; held nodes go there.
    acceleration: float64[N, 3], m/s^2, of outer forces such as gravity.
    Returns the new state and whether Newton's method came below the tolerance.
    """
    potential = _Potential(body, state, skinned, acceleration, step)
    x = skinned.copy()
    # Start where the flesh would be if it kept its place relative to the skinned pose.
    x[body.free] = (state.positions + (skinned - state.skinned))[body.free]
    moved = np.inf
    for _ in range(MAX_NEWTON_STEPS):
        value, gradient = potential.value_and_gradient(x)
        if np.abs(gradient / potential.inertia).max(initial=0.0) < step.tolerance:
            return State(x, state.positions, skinned), True
        direction = _newton_direction(potential, x, gradient, exact=moved < NEAR * step.tolerance)
        longest = float(np.abs(direction).max())
        x, share = _search(potential, x, direction, value, float(np.vdot(gradient, direction)), step.tolerance / max(longest, 1e-300))
        moved = share * longest
        if moved < step.tolerance:
            # Where even a hair's step does not go downhill, rounding is in the way, and Newton's own step tells how near the end is.
            return State(x, state.positions, skinned), longest < SHORT * step.tolerance
    return State(x, state.positions, skinned), False


class _Potential:
    """The incremental potential of one step, as a function of all nodes, differentiated by the free ones."""

    def __init__(self, body: Elasticity, state: State, skinned: Float64, acceleration: Float64, step: Step) -> None:
        free = body.free
        self.body = body
        self.mass = body.mass[free][:, None]
        self.inertia = self.mass / step.seconds**2
        self.drag = self.mass * (step.damping / step.seconds)
        self.pull = np.broadcast_to(np.asarray(step.pull, np.float64), len(body.mass))[free][:, None]
        self.skinned = skinned[free]
        self.inertial_end = (2.0 * state.positions - state.previous)[free] + acceleration[free] * step.seconds**2
        self.following_end = (state.positions + (skinned - state.skinned))[free]

    def value(self, x: Float64) -> float:
        """The potential at node positions float64[N, 3], joules."""
        return self.body.energy(x) + self._quadratic(x[self.body.free])

    def value_and_gradient(self, x: Float64) -> tuple[float, Float64]:
        """The potential and its gradient float64[A, 3]."""
        free = x[self.body.free]
        energy, gradient = self.body.energy_and_gradient(x)
        outer = self.inertia * (free - self.inertial_end) + self.drag * (free - self.following_end) + self.pull * (free - self.skinned)
        return energy + self._quadratic(free), gradient[self.body.free] + outer

    def curvature(self, x: Float64, projected: bool) -> sparse.bsr_matrix:
        """The second derivative, sparse [3A, 3A]; positive definite if projected."""
        matrix = self.body.stiffness(x, projected)
        matrix.data[self.body.diagonal_slots] += (self.inertia + self.drag + self.pull)[:, :, None] * np.eye(3)
        return matrix

    def _quadratic(self, free: Float64) -> float:
        terms = ((self.inertia, self.inertial_end), (self.drag, self.following_end), (self.pull, self.skinned))
        return 0.5 * sum(float((strength * (free - goal) ** 2).sum()) for strength, goal in terms)


def _search(
    potential: _Potential, x: Float64, direction: Float64, value: float, slope: float, least_share: float
) -> tuple[Float64, float]:
    """Go along the direction [A, 3], halving until the potential falls enough: the new nodes, and the share gone.

    A share below `least_share` is taken unseen; 0 where no share will do.
    """
    share = 1.0
    for _ in range(MAX_HALVINGS):
        trial = x.copy()
        trial[potential.body.free] += share * direction
        if share < least_share or potential.value(trial) <= value + SUFFICIENT_DECREASE * share * slope:
            return trial, share
        share *= 0.5
    return x, 0.0


def _newton_direction(potential: _Potential, x: Float64, gradient: Float64, exact: bool) -> Float64:
    """float64[A, 3], downhill. exact: try the true second derivative first, which converges faster near the end."""
    slots = potential.body.diagonal_slots
    if exact:
        direction = _solve_or_none(potential.curvature(x, projected=False), slots, -gradient)
        if direction is not None:
            return direction
    direction = _solve_or_none(potential.curvature(x, projected=True), slots, -gradient)
    return direction if direction is not None else -gradient / potential.inertia


def _solve_or_none(matrix: sparse.bsr_matrix, diagonal_slots: Int32, right: Float64) -> Float64 | None:
    """Conjugate gradients, preconditioned by the inverse of the 3x3 blocks on the diagonal. right, result: float64[A, 3].

    None where the matrix turns out not to be positive definite.
    """
    inverse_blocks = np.linalg.inv(matrix.data[diagonal_slots])
    solution = np.zeros_like(right)
    residual = right.copy()
    preconditioned = np.einsum("nij,nj->ni", inverse_blocks, residual)
    direction = preconditioned.copy()
    product = float(np.vdot(residual, preconditioned))
    goal = product * CG_TOLERANCE**2
    for _ in range(MAX_CG_STEPS):
        if product < 0:
            return None
        if product <= goal:
            break
        image = (matrix @ direction.ravel()).reshape(-1, 3)
        curvature = float(np.vdot(direction, image))
        if curvature <= 0:
            return None
        length = product / curvature
        solution += length * direction
        residual -= length * image
        preconditioned = np.einsum("nij,nj->ni", inverse_blocks, residual)
        before, product = product, float(np.vdot(residual, preconditioned))
        direction = preconditioned + (product / before) * direction
    return solution
