"""The axes that joints turn about, estimated from made turns."""

import math

import numpy as np
import pytest
import torch
from animamimic.core.fit.hinge import Hinges, common_axis, inverse_left_jacobian
from animamimic.core.fit.kinematics import exponential, logarithm
from animamimic.core.fit.poses import Poses


def posed(turns):
    """Poses of turns [T, J, 3]."""
    turns = torch.as_tensor(turns, dtype=torch.float64)
    return Poses(exponential(turns), torch.zeros_like(turns))


def swings(*amplitudes, frames=40):
    """float64[T, J, 3]: joints that swing like sines of given amplitudes [J][3], radians, out of step with each other in every axis."""
    time = torch.arange(frames, dtype=torch.float64)[:, None, None] * (2 * math.pi / frames)
    peaks = torch.tensor(amplitudes, dtype=torch.float64)
    return peaks * torch.sin(time * torch.tensor([1.0, 2.0, 3.0]))


def test_only_turns_across_the_main_axis_are_held():
    # a sine of 0.6 about X has a variance of 0.18; with the floor's 0.01: 1 / 0.01 - 1 / 0.19 about Y and Z
    precision = Hinges.of(posed(swings((0.6, 0.0, 0.0)))).precision[0]
    assert precision.numpy() == pytest.approx(np.diag([0, 1, 1]) * (1 / 0.01 - 1 / 0.19), abs=1e-9)


def test_a_joint_that_turns_every_way_is_left_alone():
    assert Hinges.of(posed(swings((0.6, 0.6, 0.6)))).precision.abs().max() < 1e-6


def test_joints_lean_on_the_axis_that_others_use():
    hinges = Hinges.of(posed(swings((0.6, 0, 0), (0.6, 0, 0), (0.6, 0, 0), (0.3, 0.3, 0.0)))).precision
    unclear = hinges[3].diagonal()
    assert unclear[0] < 0.05 * unclear[1] < 0.05 * unclear[2]


def test_how_much_joints_have_an_axis_in_common():
    assert common_axis(torch.eye(3) / 3) == pytest.approx(0, abs=1e-3)
    assert common_axis(torch.diag(torch.tensor([1.0, 0, 0]))) == pytest.approx(1)
    assert common_axis(torch.diag(torch.tensor([0.5, 0.5, 0]))) == pytest.approx(0.5)


def test_gradient_is_that_of_the_squared_turns():
    poses = posed(torch.tensor([[[0.5, -0.2, 0.3]], [[-1.2, 0.8, 0.4]]]))
    hinges = Hinges(torch.diag(torch.tensor([0.0, 3, 5], dtype=torch.float64))[None])

    def cost(turn):
        turns = logarithm(exponential(turn) @ poses.rotations)
        return 0.5 * (turns[..., None, :] @ hinges.precision @ turns[..., None]).sum()

    _, gradient = hinges.pull(poses)
    for axis in range(3):
        step = torch.zeros(2, 1, 3, dtype=torch.float64)
        step[..., axis] = 1e-5
        assert float((cost(step) - cost(-step)) / 2e-5) == pytest.approx(float(gradient[..., axis].sum()), rel=1e-6)


def test_turns_after_a_turn_change_its_vector_as_the_inverse_jacobian_says():
    vector, small = torch.tensor([0.7, -0.4, 1.1], dtype=torch.float64), torch.tensor([2e-6, 1e-6, -3e-6], dtype=torch.float64)
    after = logarithm(exponential(small) @ exponential(vector))
    assert (after - vector).numpy() == pytest.approx((inverse_left_jacobian(vector) @ small).numpy(), rel=1e-4)
    assert inverse_left_jacobian(torch.zeros(3, dtype=torch.float64)).numpy() == pytest.approx(torch.eye(3).numpy())


def test_a_hinge_is_recovered_from_turns_that_stray():
    """Turns of 0.6 about X are seen with 0.15 about Y that are not there, about as sure of either as of the prior."""
    seen = swings((0.6, 0.15, 0.0))
    turns = seen.clone()
    for _ in range(6):
        hinges = Hinges.of(posed(turns)).scaled(0.2)
        hessian, gradient = hinges.pull(posed(turns))
        hessian = hessian + 5 * torch.eye(3, dtype=torch.float64)
        turns = turns - torch.linalg.solve(hessian, gradient + 5 * (turns - seen))
    about = turns.pow(2).mean(0).sqrt()[0]
    assert about[0] > 0.95 * 0.6 / math.sqrt(2)
    assert about[1] < 0.4 * 0.15 / math.sqrt(2)
