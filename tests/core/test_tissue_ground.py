"""Flesh that is lowered onto the ground stays on it."""

import dataclasses

import numpy as np
import pytest
from animamimic.core.fit.kinematics import skin
from animamimic.core.tissue import soft_body, start_parameters
from animamimic.core.tissue.cage_motion import move_cage
from soft_subjects import FPS, SETTINGS, column, motion_of, rig_of

LOWERED = 0.08


def lowest(ground, lift=0.0):
    """Metres above height zero of the lowest vertex in each frame: a column held at its top, lowered in half a second and then held."""
    mesh = column()
    mesh = dataclasses.replace(mesh, vertices=mesh.vertices + np.float32([0, 0, lift]))
    rig = rig_of(mesh, [[0, 0, lift + 1.0]], [[0, 0, lift + 0.7]], np.ones((len(mesh.vertices), 1)), [-1])
    places = np.zeros((25, 3))
    places[:, 2] = -LOWERED * np.clip(np.arange(25) / 12, 0, 1)
    motion = motion_of(places=places)
    settings = dataclasses.replace(SETTINGS, stiffness=1e5, damping=20.0, ground=ground)
    body = soft_body(mesh, rig, motion, FPS, settings)
    course = move_cage(body.motion, body.recipe.material(start_parameters(settings)))
    return (skin(rig, motion) + body.recipe.cage.at_vertices(course.offsets))[:, :, 2].min(axis=1)


@pytest.mark.parametrize("ground", ["ZERO", "LOWEST"])
def test_the_foot_of_a_column_that_is_pressed_down_stays_on_the_ground(ground):
    foot = lowest(ground)
    # The springs of the ground are ten times as hard as the flesh, so that a tenth of the way down is lost in them at most.
    assert foot[-1] > -0.1 * LOWERED
    assert foot[0] == pytest.approx(0.0, abs=1e-6)


def test_without_a_ground_and_above_it_the_foot_goes_all_the_way_down():
    assert lowest("OFF")[-1] == pytest.approx(-LOWERED, abs=0.02)
    assert lowest("ZERO", lift=0.5)[-1] == pytest.approx(0.5 - LOWERED, abs=0.02)
    # What is modelled below the ground may stay as deep, and is pushed up only by what it sinks further.
    assert lowest("ZERO", lift=-0.5)[-1] > -0.5 - 0.2 * LOWERED
