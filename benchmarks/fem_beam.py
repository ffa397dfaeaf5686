# mypy: ignore-errors
"""The hanging beam in warp.fem: linear tetrahedra, stable neo-Hookean (Smith et al. 2018), implicit Euler by Newton's method.

warp.fem integrates and assembles what is written down here; steps, Newton's method and the boundary are ours. No line search, no
projection of the second derivative and no adjoint: the beam moves little enough to do without.
"""

import time

import numpy as np
import warp as wp
import warp.fem as fem
from animamimic.core.tissue.elasticity import DENSITY, stable_parameters
from hanging_beam import GRAVITY, POISSON, SECONDS, STEPS, YOUNG, Beam, Course
from warp.optim.linear import cg, preconditioner

wp.set_module_options({"enable_backward": False})

MOST_NEWTON_STEPS = 10
CG_TOLERANCE = 1e-3


@wp.func
def cofactor(f: wp.mat33):
    """Derivative of the determinant."""
    first, second, third = wp.transpose(f)[0], wp.transpose(f)[1], wp.transpose(f)[2]
    return wp.matrix_from_cols(wp.cross(second, third), wp.cross(third, first), wp.cross(first, second))


@wp.func
def cofactor_change(f: wp.mat33, d: wp.mat33):
    """Derivative of the cofactor along d."""
    return cofactor(f + d) - cofactor(f) - cofactor(d)


@fem.integrand
def force_form(s: fem.Sample, u: fem.Field, v: fem.Field, mu: float, lame: float):
    """First derivative of the energy."""
    f = wp.identity(n=3, dtype=float) + fem.grad(u, s)
    grown = wp.ddot(f, f) + 1.0
    excess = wp.determinant(f) - 1.0 - 0.75 * mu / lame
    return wp.ddot(mu * (1.0 - 1.0 / grown) * f + lame * excess * cofactor(f), fem.grad(v, s))


@fem.integrand
def stiffness_form(s: fem.Sample, u: fem.Field, d: fem.Field, v: fem.Field, mu: float, lame: float):
    """Second derivative of the energy."""
    f = wp.identity(n=3, dtype=float) + fem.grad(u, s)
    df = fem.grad(d, s)
    grown = wp.ddot(f, f) + 1.0
    excess = wp.determinant(f) - 1.0 - 0.75 * mu / lame
    change = mu * ((1.0 - 1.0 / grown) * df + 2.0 * wp.ddot(f, df) / (grown * grown) * f)
    change += lame * (wp.ddot(cofactor(f), df) * cofactor(f) + excess * cofactor_change(f, df))
    return wp.ddot(change, fem.grad(v, s))


@fem.integrand
def mass_form(s: fem.Sample, d: fem.Field, v: fem.Field, strength: float):
    """Lumped where it is assembled at the nodes."""
    return strength * wp.dot(d(s), v(s))


def fem_course(beam: Beam, tolerance: float) -> Course:
    """Implicit steps in warp.fem. tolerance: metres, of Newton's last correction. The first step is taken twice: it compiles."""
    with wp.ScopedDevice("cpu"):
        body = _Body(beam)
        body.step(np.zeros_like(beam.nodes), np.zeros_like(beam.nodes), tolerance)
        before = now = np.zeros_like(beam.nodes)
        heights, begun = [], time.process_time()
        for _ in range(STEPS):
            before, now = now, body.step(before, now, tolerance)
            heights.append(beam.tip(beam.nodes + now))
        return np.array(heights), time.process_time() - begun


class _Body:
    """What stays the same over all steps."""

    def __init__(self, beam: Beam) -> None:
        geometry = fem.Tetmesh(wp.array(beam.tetrahedra, dtype=int), wp.array(beam.nodes, dtype=wp.vec3))
        space = fem.make_polynomial_space(geometry, degree=1, dtype=wp.vec3)
        domain = fem.Cells(geometry)
        self.displacement = space.make_field()
        self.test, self.trial = fem.make_test(space, domain=domain), fem.make_trial(space, domain=domain)
        self.inertia = DENSITY * (STEPS / SECONDS) ** 2
        mu, lame = stable_parameters(np.array([YOUNG]), POISSON)
        self.material = {"mu": float(mu[0]), "lame": float(lame[0])}
        fields = {"d": self.trial, "v": self.test}
        self.mass = fem.integrate(mass_form, fields=fields, values={"strength": self.inertia}, assembly="nodal", output_dtype=float)
        held = np.zeros((len(beam.nodes), 3, 3), np.float32)
        held[beam.held] = np.eye(3)
        self.boundary = wp.sparse.bsr_diag(wp.array(held, dtype=wp.mat33))

    def step(self, before: np.ndarray, now: np.ndarray, tolerance: float) -> np.ndarray:
        """float64[N, 3]: the displacements after a step, from the last two."""
        goal = 2.0 * now - before - np.array([0.0, 0.0, GRAVITY]) * (SECONDS / STEPS) ** 2
        u = now.copy()
        for _ in range(MOST_NEWTON_STEPS):
            correction = self._correction(u, goal)
            u -= correction
            if np.abs(correction).max() < tolerance:
                break
        return u

    def _correction(self, u: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """float64[N, 3]: Newton's direction, to be subtracted."""
        self.displacement.dof_values = wp.array(u, dtype=wp.vec3)
        fields = {"u": self.displacement, "v": self.test}
        gradient = fem.integrate(force_form, fields=fields, values=self.material, output_dtype=wp.vec3)
        matrix = fem.integrate(stiffness_form, fields={**fields, "d": self.trial}, values=self.material, output_dtype=float)
        wp.sparse.bsr_axpy(x=self.mass, y=matrix)
        wp.sparse.bsr_mv(self.mass, wp.array(u - goal, dtype=wp.vec3), gradient, 1.0, 1.0)
        fem.project_linear_system(matrix, gradient, self.boundary, normalize_projector=False)
        solution = wp.zeros_like(gradient)
        cg(matrix, gradient, solution, tol=CG_TOLERANCE, M=preconditioner(matrix, "diag"))
        return solution.numpy().astype(np.float64)
