"""Elasticity and time steps against what a bar and a falling block are known to do."""

import numpy as np
import pytest
from animamimic.core.tissue.elasticity import DENSITY, Elasticity
from animamimic.core.tissue.implicit import State, Step, advance
from bars import YOUNG, at_rest, bar


def stretched_bar(poisson_ratio, traction):
    """A bar 16 x 2 x 2 cells, held at its left face and pulled at its right one: nodes, and where they settle."""
    cell = 0.05
    nodes, tetrahedra = bar((16, 2, 2), cell)
    held = nodes[:, 0] == 0
    body = Elasticity(nodes, tetrahedra, YOUNG, ~held, poisson_ratio)
    acceleration = np.zeros_like(nodes)
    acceleration[:, 0] = end_areas(nodes, tetrahedra) * traction / body.mass
    state = at_rest(nodes)
    for _ in range(6):
        state, solved = advance(body, state, nodes, acceleration, Step(100.0, 1.0, 1e-7))
        assert solved
    return nodes, state.positions


def end_areas(nodes, tetrahedra):
    """Share of each node in the area of the right end face: a third of each triangle there."""
    areas = np.zeros(len(nodes))
    for left_out in range(4):
        faces = np.delete(tetrahedra, left_out, axis=1)
        faces = faces[(nodes[faces, 0] == nodes[:, 0].max()).all(axis=1)]
        edges = nodes[faces[:, 1:]] - nodes[faces[:, :1]]
        np.add.at(areas, faces, np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)[:, None] / 6)
    return areas


def test_rest_and_rigid_motion_cost_no_energy_and_pull_nowhere():
    nodes, tetrahedra = bar((3, 2, 2), 0.1)
    body = Elasticity(nodes, tetrahedra, YOUNG, np.ones(len(nodes), bool))
    assert body.volume.sum() == pytest.approx(0.3 * 0.2 * 0.2)
    assert body.mass.sum() == pytest.approx(DENSITY * 0.012)
    turned = nodes @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]]).T + 5
    for x in (nodes, turned):
        energy, gradient = body.energy_and_gradient(x)
        assert abs(energy) < 1e-9
        assert np.abs(gradient).max() < 1e-9


@pytest.mark.parametrize("distortion", [0.005, 0.05, 0.6])
def test_gradient_and_stiffness_are_derivatives(distortion):
    generator = np.random.default_rng(1)
    nodes, tetrahedra = bar((2, 2, 2), 0.1)
    body = Elasticity(nodes, tetrahedra, YOUNG, np.ones(len(nodes), bool))
    x = nodes + distortion * 0.1 * generator.normal(size=nodes.shape)
    way, step = generator.normal(size=nodes.shape), 1e-7
    _, gradient = body.energy_and_gradient(x)
    assert np.vdot(gradient, way) == pytest.approx((body.energy(x + step * way) - body.energy(x - step * way)) / (2 * step), rel=1e-5)
    assert body.energy(x) == pytest.approx(body.energy_and_gradient(x)[0])
    change = (body.energy_and_gradient(x + step * way)[1] - body.energy_and_gradient(x - step * way)[1]) / (2 * step)
    exact = body.stiffness(x, projected=False) @ way.ravel()
    np.testing.assert_allclose(exact.reshape(-1, 3), change, atol=1e-4 * np.abs(change).max())


def test_stiffness_at_rest_is_exact_and_never_negative_when_turned_inside_out():
    generator = np.random.default_rng(2)
    nodes, tetrahedra = bar((2, 1, 1), 0.1)
    body = Elasticity(nodes, tetrahedra, YOUNG, np.ones(len(nodes), bool))
    way, step = generator.normal(size=nodes.shape), 1e-7
    change = (body.energy_and_gradient(nodes + step * way)[1] - body.energy_and_gradient(nodes - step * way)[1]) / (2 * step)
    np.testing.assert_allclose((body.stiffness(nodes) @ way.ravel()).reshape(-1, 3), change, atol=1e-4 * np.abs(change).max())
    for x in (nodes * [-1, 1, 1], nodes * 0, nodes + generator.normal(size=nodes.shape)):
        values = np.linalg.eigvalsh(body.stiffness(x).toarray())
        assert np.isfinite(values).all()
        assert values.min() >= -1e-9 * values.max()


def test_a_mirrored_block_has_negative_volume_and_comes_back():
    nodes, tetrahedra = bar((2, 2, 2), 0.1)
    held = nodes[:, 0] == 0
    body = Elasticity(nodes, tetrahedra, YOUNG, ~held)
    mirrored = nodes * [-0.5, 1, 1]
    assert body.determinants(mirrored).max() == pytest.approx(-0.5)
    state = State(mirrored, mirrored, nodes)
    for _ in range(40):
        state, _ = advance(body, state, nodes, np.zeros_like(nodes), Step(0.05, 5.0, 1e-6))
    np.testing.assert_allclose(state.positions, nodes, atol=2e-3)


@pytest.mark.parametrize(("poisson_ratio", "tolerance"), [(0.0, 0.005), (0.4, 0.03)])
def test_a_pulled_bar_lengthens_by_force_times_length_over_modulus_and_area(poisson_ratio, tolerance):
    strain = 0.002
    nodes, settled = stretched_bar(poisson_ratio, traction=strain * YOUNG)
    tip = nodes[:, 0] == nodes[:, 0].max()
    assert (settled - nodes)[tip, 0].mean() == pytest.approx(strain * 0.8, rel=tolerance)
    middle = np.isclose(nodes[:, 0], 0.4)
    narrowing = np.ptp(settled[middle, 1]) / 0.1 - 1
    assert narrowing == pytest.approx(-poisson_ratio * strain, abs=0.03 * strain)


def test_a_free_block_falls_by_half_g_t_squared():
    nodes, tetrahedra = bar((2, 2, 2), 0.1)
    body = Elasticity(nodes, tetrahedra, YOUNG, np.ones(len(nodes), bool))
    gravity = np.tile([0, 0, -9.81], (len(nodes), 1))
    state, steps = at_rest(nodes), 50
    for _ in range(steps):
        state, _ = advance(body, state, nodes, gravity, Step(0.01, 0.0, 1e-9))
    fall = (nodes - state.positions)[:, 2]
    # Implicit Euler is ahead of g t^2 / 2 by exactly one part in the number of steps.
    np.testing.assert_allclose(fall, 0.5 * 9.81 * 0.5**2 * (1 + 1 / steps), rtol=1e-6)


def test_springs_hold_a_free_block_at_force_over_stiffness():
    nodes, tetrahedra = bar((2, 2, 2), 0.1)
    body = Elasticity(nodes, tetrahedra, YOUNG, np.ones(len(nodes), bool))
    gravity = np.tile([0, 0, -9.81], (len(nodes), 1))
    state = at_rest(nodes)
    for _ in range(5):
        state, _ = advance(body, state, nodes, gravity, Step(100.0, 0.0, 1e-9, pull=500.0 * body.mass))
    # Springs in proportion to the mass: everything sinks by g / 500 without deforming.
    np.testing.assert_allclose(nodes - state.positions, np.tile([0, 0, 9.81 / 500], (len(nodes), 1)), atol=1e-5)


def test_a_released_bar_passes_its_rest_length_after_the_time_a_wave_takes():
    cell, count = 0.05, 16
    nodes, tetrahedra = bar((count, 1, 1), cell)
    held = nodes[:, 0] == 0
    body = Elasticity(nodes, tetrahedra, YOUNG, ~held, poisson_ratio=0.0)
    stretched = nodes * [1.01, 1, 1]
    state, step = State(stretched, stretched, nodes), 5e-4
    tip = nodes[:, 0] == nodes[:, 0].max()
    time = 0.0
    while (state.positions - nodes)[tip, 0].mean() > 0:
        state, _ = advance(body, state, nodes, np.zeros_like(nodes), Step(step, 0.0, 1e-8))
        time += step
    # Tip of a bar under uniform strain: a triangular wave of period 4 L / c, c = sqrt(modulus / density).
    assert time == pytest.approx(cell * count / np.sqrt(YOUNG / DENSITY), rel=0.05)


def test_a_shape_that_was_taken_is_free_of_stress():
    nodes, tetrahedra = bar((2, 2, 2), 0.1)
    body = Elasticity(nodes, tetrahedra, YOUNG, np.ones(len(nodes), bool))
    bent = nodes * [1.3, 0.8, 1.0] + 0.2 * nodes[:, [1, 2, 0]]
    assert body.energy(bent) > 1.0
    body.take_shape(bent)
    energy, gradient = body.energy_and_gradient(bent)
    assert abs(energy) < 1e-9
    assert np.abs(gradient).max() < 1e-8
    body.take_shape(nodes * [0.1, 1, 1])
    # A shape pressed flat is followed to half its thickness, no further.
    assert body.energy(nodes * [0.5, 1, 1]) == pytest.approx(0.0, abs=1e-9)
