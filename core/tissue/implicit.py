"""Implicit Euler steps by minimisation: projected Newton, preconditioned conjugate gradients, line search.

A step of length h ends where the incremental potential

    elastic energy + contact with the ground + |x - (2 x1 - x0)|^2 M / 2h^2 + damping |x - x1 - (s - s1)|^2 M / 2h + pull |x - s|^2 / 2 - forces . x

is least (x1, x0: the last two positions; s, s1: where the skinning puts the nodes now and before). Each Newton step goes
downhill on it, which bounds the motion whatever the step length and stiffness. Damping acts on the motion relative to the
skinned motion, so that it never slows the bones' own. N is the number of nodes, A of free nodes.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse

from ..types import Float64
from .conjugate import solve_or_none
from .elasticity import Elasticity
from .ground import Ground

MAX_NEWTON_STEPS = 20
MAX_HALVINGS = 12
CG_TOLERANCE = 1e-2
"""Residual, relative to the right-hand side, to which each Newton direction is solved."""
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
    ground: what the flesh may not go below, or None.
    """

    seconds: float
    damping: float
    tolerance: float
    pull: Float64 | float = 0.0
    ground: Ground | None = None


def advance(
    body: Elasticity, state: State, skinned: Float64, acceleration: Float64, step: Step, guess: Float64 | None = None
) -> tuple[State, bool]:
    """One step.

    skinned: float64[N, 3], where the skinning puts the nodes at the end of the step; held nodes go there.
    acceleration: float64[N, 3], m/s^2, of outer forces such as gravity.
    guess: float64[N, 3], about where the step may end.
    Returns the new state and whether Newton's method came below the tolerance.
    """
    potential = Potential(body, state, skinned, acceleration, step)
    x = _start(potential, state, skinned, guess)
    for _ in range(MAX_NEWTON_STEPS):
        value, gradient = potential.value_and_gradient(x)
        if np.abs(gradient / potential.inertia).max(initial=0.0) < step.tolerance:
            return State(x, state.positions, skinned), True
        direction = _newton_direction(potential, x, gradient)
        longest = float(np.abs(direction).max())
        x, share = _search(potential, x, direction, value, float(np.vdot(gradient, direction)), step.tolerance / max(longest, 1e-300))
        moved = share * longest
        if moved < step.tolerance:
            # Where even a hair's step does not go downhill, rounding is in the way, and Newton's own step tells how near the end is.
            return State(x, state.positions, skinned), longest < SHORT * step.tolerance
    return State(x, state.positions, skinned), False


def _start(potential: "Potential", state: State, skinned: Float64, guess: Float64 | None) -> Float64:
    """float64[N, 3]: where the flesh would be if it kept its place relative to the skinned pose, or the guess where that is lower."""
    free, x = potential.body.free, skinned.copy()
    x[free] = (state.positions + (skinned - state.skinned))[free]
    if guess is None:
        return x
    guessed = skinned.copy()
    guessed[free] = guess[free]
    return min(x, guessed, key=potential.value)


class Potential:
    """The incremental potential of one step, as a function of all nodes, differentiated by the free ones.

    inertia, drag, pull: float64[A, 1], N/m, strengths of its quadratic terms.
    """

    def __init__(self, body: Elasticity, state: State, skinned: Float64, acceleration: Float64, step: Step) -> None:
        free = body.free
        self.body = body
        self.mass = body.mass[free][:, None]
        self.inertia = self.mass / step.seconds**2
        self.drag = self.mass * (step.damping / step.seconds)
        self.pull = np.broadcast_to(np.asarray(step.pull, np.float64), len(body.mass))[free][:, None]
        self.skinned = skinned[free]
        self.ground = step.ground
        self.inertial_end = (2.0 * state.positions - state.previous)[free] + acceleration[free] * step.seconds**2
        self.following_end = (state.positions + (skinned - state.skinned))[free]

    def value(self, x: Float64) -> float:
        """The potential at node positions float64[N, 3], joules."""
        contact = self.ground.energy(x) if self.ground is not None else 0.0
        return self.body.energy(x) + contact + self._quadratic(x[self.body.free])

    def value_and_gradient(self, x: Float64) -> tuple[float, Float64]:
        """The potential and its gradient float64[A, 3]."""
        free = x[self.body.free]
        energy, gradient = self.body.energy_and_gradient(x)
        if self.ground is not None:
            energy, gradient = energy + self.ground.energy(x), gradient + self.ground.gradient(x)
        outer = self.inertia * (free - self.inertial_end) + self.drag * (free - self.following_end) + self.pull * (free - self.skinned)
        return energy + self._quadratic(free), gradient[self.body.free] + outer

    def curvature(self, x: Float64, projected: bool) -> sparse.bsr_matrix:
        """The second derivative, sparse [3A, 3A]; positive definite if projected."""
        matrix = self.body.stiffness(x, projected)
        matrix.data[self.body.diagonal_slots] += (self.inertia + self.drag + self.pull)[:, :, None] * np.eye(3)
        if self.ground is not None:
            self.ground.add_curvature(x, matrix.data)
        return matrix

    def _quadratic(self, free: Float64) -> float:
        terms = ((self.inertia, self.inertial_end), (self.drag, self.following_end), (self.pull, self.skinned))
        return 0.5 * sum(float((strength * (free - goal) ** 2).sum()) for strength, goal in terms)


def _search(
    potential: Potential, x: Float64, direction: Float64, value: float, slope: float, least_share: float
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


def _newton_direction(potential: Potential, x: Float64, gradient: Float64) -> Float64:
    """float64[A, 3], downhill: by the true second derivative where that is positive definite, else by the projected one."""
    slots = potential.body.diagonal_slots
    for projected in (False, True):
        direction = solve_or_none(potential.curvature(x, projected), slots, -gradient, CG_TOLERANCE)
        if direction is not None:
            return direction
    return -gradient / potential.inertia
