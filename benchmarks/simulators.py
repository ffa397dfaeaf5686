"""One beam in our simulation, in warp.fem and in newton's solvers, which were candidates for it.

    PYTHONPATH=FOLDER_WITH_NEWTON python benchmarks/simulators.py     # pip install --no-deps --target FOLDER newton==1.8.0

Without newton its rows are left out.

A clamped beam of 480 linear tetrahedra, ten times as long as thick, 1e5 Pa, Poisson's ratio 0.3, onto which gravity is switched: 48 steps of
1/48 s. All have the same nodes, tetrahedra and energy. The measure is implicit Euler's exact answer, which our own solver gives at a tight
tolerance. CPU seconds of one process, compilation and making left out.
"""

import sys
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import warp as wp
from animamimic.core.tissue.elasticity import DENSITY, Elasticity
from animamimic.core.tissue.implicit import State, Step, advance
from fem_beam import fem_course
from hanging_beam import GRAVITY, POISSON, SECONDS, STEPS, YOUNG, Beam, Course

MU, LAMBDA = YOUNG / (2 * (1 + POISSON)), YOUNG * POISSON / ((1 + POISSON) * (1 - 2 * POISSON))


def ours(beam: Beam, tolerance: float) -> Course:
    """Our implicit steps. tolerance: metres."""
    body = Elasticity(beam.nodes, beam.tetrahedra, YOUNG, ~beam.held, POISSON)
    state, pull, heights = State(beam.nodes, beam.nodes, beam.nodes), np.tile([0, 0, -GRAVITY], (len(beam.nodes), 1)), []
    begun = time.process_time()
    for _ in range(STEPS):
        state, _ = advance(body, state, beam.nodes, pull, Step(SECONDS / STEPS, 0.0, tolerance))
        heights.append(beam.tip(state.positions))
    return np.array(heights), time.process_time() - begun


def newton_course(beam: Beam, solver_of: Callable, substeps: int) -> Course:
    """A solver of newton's, `substeps` to each of ours."""
    import newton

    builder = newton.ModelBuilder(gravity=(0.0, 0.0, -GRAVITY))
    corners = beam.tetrahedra.ravel().tolist()
    builder.add_soft_mesh(
        pos=wp.vec3(), rot=wp.quat_identity(), scale=1.0, vel=wp.vec3(), vertices=[wp.vec3(*one) for one in beam.nodes], indices=corners,
        density=DENSITY, k_mu=MU, k_lambda=LAMBDA, k_damp=0.0,
    )
    for node in np.flatnonzero(beam.held):
        builder.particle_mass[node] = 0.0
    builder.color()
    model = builder.finalize(device="cpu")
    solver, now, after, control = solver_of(model), model.state(), model.state(), model.control()
    heights, begun = [], 0.0
    for step in range(-1, STEPS):
        if step == 0:  # the first one compiles
            now, after, begun = model.state(), model.state(), time.process_time()
        for _ in range(substeps):
            now.clear_forces()
            solver.step(now, after, control, None, SECONDS / STEPS / substeps)
            now, after = after, now
        if step >= 0:
            heights.append(beam.tip(now.particle_q.numpy()))
    return np.array(heights), time.process_time() - begun


def newton_runs(beam: Beam) -> dict[str, Callable[[], Course]]:
    """The rows of newton's solvers, none where it is not installed."""
    if find_spec("newton") is None:
        print("newton is not installed: its rows are left out", file=sys.stderr)
        return {}
    from newton import solvers

    runs: dict[str, Callable[[], Course]] = {}
    for count in (10, 100, 1000):
        runs[f"newton VBD, {count} iterations"] = lambda count=count: newton_course(
            beam, lambda model: solvers.SolverVBD(model, iterations=count, particle_enable_tile_solve=False), 1
        )
    runs["newton XPBD, 100 iterations"] = lambda: newton_course(beam, lambda model: solvers.SolverXPBD(model, iterations=100), 1)
    runs["newton semi-implicit, 40 substeps"] = lambda: newton_course(beam, solvers.SolverSemiImplicit, 40)
    return runs


def main() -> int:
    """Print the table."""
    beam = Beam.of(2)
    exact = ours(beam, 1e-9)[0]
    runs: dict[str, Callable[[], Course]] = {"ours": lambda: ours(beam, 1e-5), "warp.fem": lambda: fem_course(beam, 1e-5), **newton_runs(beam)}
    print("| | off by, % of the deepest sag (RMS) | CPU s |\n|---|---|---|")
    for name, run in runs.items():
        heights, seconds = run()
        error = 100 * np.sqrt(np.mean((heights - exact) ** 2)) / np.abs(exact).max()
        print(f"| {name} | {error:.3g} | {seconds:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
