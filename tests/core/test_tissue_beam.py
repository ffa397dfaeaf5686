"""Beams against beam theory: how far they hang, how fast they swing, and that no energy comes from nowhere."""

import numpy as np
import pytest
from animamimic.core.tissue.elasticity import DENSITY, Elasticity
from animamimic.core.tissue.implicit import State, Step, advance
from bars import YOUNG, at_rest, bar

LENGTH = 1.0


def beam(cells=4):
    """A slender beam, `cells` thick and ten times as long, that does not bulge (Poisson's ratio 0): the theory of thin beams holds."""
    nodes, tetrahedra = bar((10 * cells, cells, cells), LENGTH / (10 * cells))
    return nodes, Elasticity(nodes, tetrahedra, YOUNG, nodes[:, 0] > 0, poisson_ratio=0.0)


def stiffness_and_mass():
    """Bending stiffness E I [N m^2] and mass per length [kg/m] of a square section a tenth as thick as the beam is long."""
    thickness = LENGTH / 10
    return YOUNG * thickness**4 / 12, DENSITY * thickness**2


def tip(nodes, positions):
    return (positions - nodes)[nodes[:, 0] == LENGTH].mean(axis=0)


def settled(nodes, body, acceleration):
    state = at_rest(nodes)
    for _ in range(4):
        state, solved = advance(body, state, nodes, np.tile(acceleration, (len(nodes), 1)), Step(1e3, 0.0, 1e-7))
        assert solved
    return state.positions


def test_a_beam_held_at_one_end_sags_by_load_times_length_to_the_fourth_over_8_e_i():
    bending, mass = stiffness_and_mass()
    gravity = 0.05  # little, so that the sag is less than a hundredth of the length
    expected = mass * gravity * LENGTH**4 / (8 * bending)
    coarse, fine = (-tip(nodes, settled(nodes, body, [0, 0, -gravity]))[2] for nodes, body in (beam(2), beam(4)))
    # Linear tetrahedra are too stiff in bending, by the square of their size: so two sizes tell what none would sag.
    assert coarse < fine < expected
    assert (expected / coarse - 1) / (expected / fine - 1) == pytest.approx(4.0, rel=0.15)
    assert 1 / (4 / fine - 1 / coarse) * 3 == pytest.approx(expected, rel=0.03)


def test_a_hanging_bar_lengthens_by_density_g_length_squared_over_2_e():
    nodes, body = beam()
    gravity = 0.5
    assert tip(nodes, settled(nodes, body, [gravity, 0, 0]))[0] == pytest.approx(DENSITY * gravity * LENGTH**2 / (2 * YOUNG), rel=0.01)


def test_a_released_beam_swings_with_the_period_that_its_own_static_stiffness_gives():
    nodes, body = beam()
    bending, mass = stiffness_and_mass()
    # First mode of a clamped beam: angular frequency 1.8751^2 sqrt(E I / (m L^4)); stiffer in bending by what its sag lacks.
    gravity = 0.05
    start = settled(nodes, body, [0, 0, -gravity])
    lack = (mass * gravity * LENGTH**4 / (8 * bending)) / -tip(nodes, start)[2]
    period = 2 * np.pi / (1.8751**2 * np.sqrt(lack * bending / (mass * LENGTH**4)))
    state, step, crossings, time, before = State(start, start, nodes), period / 200, [], 0.0, tip(nodes, start)[2]
    while len(crossings) < 2:
        state, _ = advance(body, state, nodes, np.zeros_like(nodes), Step(step, 0.0, 1e-7))
        time += step
        height = tip(nodes, state.positions)[2]
        if before * height < 0:
            crossings.append(time - step * height / (height - before))
        before = height
    assert 2 * (crossings[1] - crossings[0]) == pytest.approx(period, rel=0.05)


@pytest.mark.parametrize("stiffness", [1e3, 1e5, 1e7])
@pytest.mark.parametrize("step", [1 / 24, 1 / 240])
def test_energy_never_grows_without_work(stiffness, step):
    cell = 0.1
    nodes, tetrahedra = bar((6, 2, 2), cell)
    body = Elasticity(nodes, tetrahedra, stiffness, nodes[:, 0] > 0)
    # Bent and stretched; the held end is where it is held, and does no work.
    stretched = nodes + nodes[:, :1] * [0.5, 0.3, -0.2]
    state = State(stretched, stretched, nodes)

    def energy(state):
        velocity = (state.positions - state.previous) / step
        return body.energy(state.positions) + 0.5 * float((body.mass[:, None] * velocity**2).sum())

    before = energy(state)
    for _ in range(30):
        state, _ = advance(body, state, nodes, np.zeros_like(nodes), Step(step, 0.0, 1e-6 * cell))
        now = energy(state)
        assert np.isfinite(state.positions).all()
        assert now <= before * (1 + 1e-6) + 1e-9
        before = now


@pytest.mark.parametrize("stiffness", [1e3, 1e7])
@pytest.mark.parametrize("step", [1 / 24, 1 / 240])
def test_flattened_and_scrambled_bars_come_out_of_it(stiffness, step):
    generator = np.random.default_rng(3)
    cell = 0.1
    nodes, tetrahedra = bar((4, 2, 2), cell)
    held = nodes[:, 0] == 0
    body = Elasticity(nodes, tetrahedra, stiffness, ~held)
    for start in (nodes * [1, 0, 1], nodes + 0.5 * cell * generator.normal(size=nodes.shape)):
        begun = np.where(held[:, None], nodes, start)
        assert body.determinants(begun).min() <= 0
        state = State(begun, begun, nodes)
        for _ in range(20):
            state, _ = advance(body, state, nodes, np.zeros_like(nodes), Step(step, 5.0, 1e-5 * cell))
            assert np.isfinite(state.positions).all()
        for _ in range(20):
            state, _ = advance(body, state, nodes, np.zeros_like(nodes), Step(1.0, 1.0, 1e-5 * cell))
        # Scrambled flesh may come to rest in a knot, but with no element turned inside out.
        assert body.determinants(state.positions).min() > 0.1
        assert body.energy(state.positions) < 0.1 * body.energy(begun)
