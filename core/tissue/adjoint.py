"""How a function of the flesh's whole course changes with its material: the adjoint of the implicit steps.

Every step ends where the gradient g of its potential vanishes, so that with the multipliers y_n, from the last step to the first,

    H_n y_n = dL/dx_n + (2 M / h^2 + D / h) y_n+1 - M / h^2 y_n+2        dL/dp = - sum of y_n . dg_n/dp

(H the true second derivative, M the masses, D masses times damping, p a parameter; the implicit function theorem). The cost is
one linear solve a step, without line search. S, T, N as in `cage_motion`, A is the number of free nodes.
"""

from dataclasses import dataclass

import numpy as np

from ..types import Float64
from .cage_motion import CageMotion, Trajectory, at_rest_near
from .conjugate import solve_or_none
from .implicit import Potential, State, Step
from .material import Material

TOLERANCE = 1e-6
"""Residual of each linear solve, relative to its right-hand side."""


@dataclass
class MaterialGradient:
    """Derivatives: young float64[E] by each modulus, damping, pull float64[N] by each spring."""

    young: Float64
    pull: Float64
    damping: float = 0.0


def material_gradient(motion: CageMotion, material: Material, trajectory: Trajectory, by_offsets: Float64) -> MaterialGradient:
    """Derivatives of L by the material, from those by the offsets.

    trajectory: of `move_cage` with the same motion and material. by_offsets: float64[T, N, 3], dL / d `trajectory.offsets`.
    """
    body, step = motion.body, motion.step(material)
    body.take_material(material.young)
    result = MaterialGradient(np.zeros(len(material.young)), np.zeros(len(material.pull)))
    next_one = next_but_one = np.zeros((len(body.free), 3))
    by_settled = np.zeros((len(body.free), 3))
    for index in range(len(motion.transforms) - 1, 0, -1):
        skinned, gravity = motion.skinned(index)
        before = _state_before(motion, trajectory, index)
        body.take_shape(skinned)
        potential = Potential(body, before, skinned, gravity, step)
        right = (2.0 * potential.inertia + potential.drag) * next_one - potential.inertia * next_but_one
        if index % motion.substeps == 0:
            wanted = by_offsets[index // motion.substeps][body.free] / motion.scale
            right = right + wanted
            by_settled = _settling_adjoint(motion, material, trajectory, index, by_settled - wanted, result)
        x = trajectory.positions[index]
        multipliers = _solve(potential, x, right, next_one)
        _collect(potential, x, multipliers, material, result)
        followed = (x - before.positions - (skinned - before.skinned))[body.free]
        result.damping -= float((multipliers * potential.mass / step.seconds * followed).sum())
        next_one, next_but_one = multipliers, next_one
    return result


def _state_before(motion: CageMotion, trajectory: Trajectory, index: int) -> State:
    """What the step to `index` started from."""
    start = motion.start()
    if index == 1:
        return start
    earlier = trajectory.positions[index - 2]
    return State(trajectory.positions[index - 1], earlier, motion.skinned(index - 1)[0])


def _settling_adjoint(
    motion: CageMotion, material: Material, trajectory: Trajectory, index: int, by_settled: Float64, result: MaterialGradient
) -> Float64:
    """Take the settling at the end of a frame into the gradient; returns dL by the rest of the frame before, float64[A, 3]."""
    frame = index // motion.substeps
    skinned, _ = motion.skinned(index)
    before = State(trajectory.settled[frame - 1], trajectory.settled[frame - 1], motion.skinned(index - motion.substeps)[0])
    settling: Step = motion.settling(material)
    potential = Potential(motion.body, at_rest_near(before, skinned), skinned, np.zeros_like(skinned), settling)
    x = trajectory.settled[frame]
    multipliers = _solve(potential, x, by_settled, None)
    _collect(potential, x, multipliers, material, result)
    return potential.inertia * multipliers


def _solve(potential: Potential, x: Float64, right: Float64, start: Float64 | None) -> Float64:
    """float64[A, 3]: the multipliers. The projected second derivative stands in where a step ended at no minimum."""
    slots = potential.body.diagonal_slots
    found = solve_or_none(potential.curvature(x, projected=False), slots, right, TOLERANCE, start)
    if found is None:
        found = solve_or_none(potential.curvature(x, projected=True), slots, right, TOLERANCE)
    return found if found is not None else right / potential.inertia


def _collect(potential: Potential, x: Float64, multipliers: Float64, material: Material, result: MaterialGradient) -> None:
    """Subtract multipliers . dg/dp for the moduli and the springs."""
    body = potential.body
    way = np.zeros_like(x)
    way[body.free] = multipliers
    result.young -= body.element_work(x, way) / material.young
    result.pull[body.free] -= (multipliers * (x[body.free] - potential.skinned)).sum(axis=1)
