"""The gradient of the flesh's course by its material against finite differences, on a small bending beam."""

from dataclasses import replace

import numpy as np
import pytest
from animamimic.core.tissue.adjoint import material_gradient
from animamimic.core.tissue.cage_motion import move_cage
from animamimic.core.tissue.ground import Ground
from animamimic.core.tissue.softbody import soft_body
from animamimic.core.types import TissueParameters
from soft_subjects import FPS, SETTINGS, column, hinge, motion_of

PARAMETERS = TissueParameters(np.array([3e4, 2e4]), 3.0, 0.6)


@pytest.fixture(scope="module", params=["free", "on the ground"])
def beam(request):
    """A column that wags its upper half, two regions, steps solved far below what is needed, and weights of a loss."""
    mesh = column(radius=0.2)
    motion = motion_of(angles=0.9 * np.sin(np.arange(7) / FPS * 2 * np.pi * 3), bones=2, bone=1)
    body = soft_body(mesh, hinge(mesh), motion, FPS, replace(SETTINGS, tissue_resolution=12.0))
    upper = body.recipe.cage.nodes[body.recipe.cage.tetrahedra].mean(axis=1)[:, 2] > 0.5
    ground = None
    if request.param != "free":  # a table that the column's upper end comes down on
        ground = Ground.under(body.recipe.cage, body.motion.body, 0.95, 1e4, body.motion.scale)
        assert ground.floors.max() > 0.5
    motion = replace(body.motion, tolerance=2e-10, ground=ground)
    return replace(body.recipe, region=upper.astype(np.int32)), motion


def loss_and_gradient(beam, parameters, differentiated=True):
    recipe, motion = beam
    weights = np.random.default_rng(0).normal(size=(motion.frames, len(recipe.cage.nodes), 3))
    material = recipe.material(parameters)
    course = move_cage(motion, material)
    assert course.unsolved_steps == 0
    loss = float((weights * course.offsets + 5.0 * course.offsets**2).sum())
    if not differentiated:
        return loss, None
    found = material_gradient(motion, material, course, weights + 10.0 * course.offsets)
    return loss, recipe.gradient(parameters, found.young, found.damping, found.pull)


def difference(beam, changed, step):
    """Central difference of the loss along a change of the parameters."""
    return (loss_and_gradient(beam, changed(step), False)[0] - loss_and_gradient(beam, changed(-step), False)[0]) / (2 * step)


def test_the_adjoint_is_the_derivative_by_stiffness_damping_and_softness(beam):
    _, gradient = loss_and_gradient(beam, PARAMETERS)
    for region in range(2):
        way = np.eye(2)[region]
        measured = difference(beam, lambda step, way=way: replace(PARAMETERS, stiffness=PARAMETERS.stiffness + step * way), 3.0)
        assert gradient.stiffness[region] == pytest.approx(measured, rel=1e-3)
    measured = difference(beam, lambda step: replace(PARAMETERS, damping=PARAMETERS.damping + step), 1e-3)
    assert gradient.damping == pytest.approx(measured, rel=1e-3)
    measured = difference(beam, lambda step: replace(PARAMETERS, free_depth=PARAMETERS.free_depth + step), 1e-4)
    assert gradient.free_depth == pytest.approx(measured, rel=1e-3)


def test_the_usual_tolerances_change_the_gradient_by_less_than_a_thousandth(beam):
    recipe, motion = beam
    _, tight = loss_and_gradient(beam, PARAMETERS)
    loose_motion = replace(motion, tolerance=2e-4 * recipe.cage.cell_size * motion.scale)
    _, loose = loss_and_gradient((recipe, loose_motion), PARAMETERS)
    np.testing.assert_allclose(loose.stiffness, tight.stiffness, rtol=2e-3)
    assert loose.damping == pytest.approx(tight.damping, rel=2e-3)
    assert loose.free_depth == pytest.approx(tight.free_depth, rel=2e-3)
