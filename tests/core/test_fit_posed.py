"""A skin in its poses on an arm whose answers are known by hand, and Warp's kernels against the written-out derivatives."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from animamimic.core.fit.kinematics import Moments, Skeleton, Skin, exponential
from animamimic.core.fit.look import Look
from animamimic.core.fit.posed import PosedSkin, merged, transforms
from animamimic.core.render.backends import VARIABLE, available

WAYS = ["numpy", pytest.param("warp", marks=pytest.mark.skipif(not available("warp"), reason="Warp is not installed"))]


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Both ways, one after the other."""
    monkeypatch.setenv(VARIABLE, request.param)
    return request.param


def straight_arm():
    """Two bones along X, jointed at 0 and 1, in frame 0; the hand at 2, and a point at 1.5 that hangs on both alike."""
    skin = Skin(torch.tensor([[1, 0], [0, 1]]), torch.tensor([[1.0, 0], [0.5, 0.5]]), torch.tensor([[[2.0, 0, 0]] * 2, [[1.5, 0, 0]] * 2]))
    identity = torch.eye(3, dtype=torch.float64).repeat(1, 2, 1, 1)
    return PosedSkin(Skeleton.of([-1, 0], [[0, 0, 0], [1, 0, 0]]), skin, identity, torch.zeros(1, 2, 3, dtype=torch.float64))


def random_case(own):
    """Three poses of a tree of five with sheared bones. own: each has points of its own."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    skeleton = Skeleton.of([-1, 0, 1, 1, 0], normal(5, 3))
    shape = (3, 7) if own else (7,)
    bones = torch.randint(5, (*shape, 4), generator=generator)
    weights = torch.rand(*shape, 4, generator=generator) * (torch.rand(*shape, 4, generator=generator) > 0.3)
    skin = Skin(bones, weights, normal(*shape, 4, 3).float())
    posed = PosedSkin(skeleton, skin, *skeleton.transforms(exponential(normal(3, 5, 3)), normal(3, 5, 3)))
    root = normal(3, 7, 2, 2)
    return posed, (normal(3, 7, 2, 3), root @ root.transpose(-1, -2), normal(3, 7, 2), torch.tensor([True, False, False, True, False]))


def test_points_hang_on_their_bones(way):
    """The elbow bent up by a quarter turn: the hand comes to (1, 1, 0), the other point half-way between (1.5, 0, 0) and (1, 0.5, 0)."""
    arm = straight_arm()
    arm.world[0, 1], arm.shift[0, 1] = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), torch.tensor([1.0, -1, 0])
    np.testing.assert_allclose(arm.points[0], [[1, 1, 0], [1.25, 0.25, 0]], atol=1e-12)


def test_bones_are_placed_from_the_root_to_the_tips(way):
    """Both joints of the arm turned up by a quarter and the elbow moved on by 1, the shoulder by 5 along Z: the elbow comes to (0, 2, 5), the hand to (-1, 2, 5)."""
    up = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64).repeat(1, 2, 1, 1)
    world, shift = transforms(straight_arm().skeleton, up, torch.tensor([[[0, 0, 5], [1, 0, 0]]], dtype=torch.float64))
    np.testing.assert_allclose(world[0, 1] @ torch.tensor([[1.0, 2], [0, 0], [0, 0]], dtype=torch.float64) + shift[0, 1, :, None], [[0, -1], [2, 2], [5, 5]], atol=1e-12)


def test_rows_are_the_derivatives_of_positions():
    look = SimpleNamespace(width=200, height=100, problem=SimpleNamespace(clip_matrix=np.array([[2.0, 0.1, 0.2, 0.3], [0, 3, 0.1, 0], [0, 0, 1, 0], [0.1, 0, -1, 4]])))
    point, step = torch.tensor([[[0.3, -0.2, 0.5]]], dtype=torch.float64), 1e-6
    rows = Look.project(look, point)[1][0, 0]
    for axis, move in enumerate(step * torch.eye(3, dtype=torch.float64)):
        difference = (Look.project(look, point + move)[0] - Look.project(look, point - move)[0]) / (2 * step)
        np.testing.assert_allclose(rows[:, axis], difference[0, 0], atol=1e-6)


def test_a_spring_at_the_hand_is_felt_by_all_joints_above(way):
    """Strength 3 across the arm, 0.1 away: by the levers of 2 (shoulder) and 1 (elbow) for turns about Z, and by 1 for the shoulder's shift."""
    rows = torch.tensor([0.0, 1, 0], dtype=torch.float64).repeat(1, 2, 1, 1)
    strength = torch.tensor([3.0, 0], dtype=torch.float64)[None, :, None]
    hessian, gradient = straight_arm().normal(rows, strength[..., None], 0.1 * strength, torch.tensor([True, False]))
    felt = np.zeros(9)
    felt[[2, 5, 7]] = 2, 1, 1
    np.testing.assert_allclose(hessian[0], 3 * np.outer(felt, felt), atol=1e-6)
    np.testing.assert_allclose(gradient[0], 0.3 * felt, atol=1e-6)


@pytest.mark.parametrize("own", [False, True])
def test_normal_equations_are_those_of_the_derivatives(way, own):
    posed, (rows, information, gradient, movable) = random_case(own)
    moments = Moments.of(posed.skeleton, Skin(posed.skin.bones, posed.skin.weights.double(), posed.skin.starts.double()), posed.world, posed.shift)
    jacobian = moments.jacobian(rows, movable).numpy()
    hessian, slope = posed.normal(rows, information, gradient, movable)
    np.testing.assert_allclose(posed.points, moments.points, atol=1e-12)
    wanted = np.einsum("tnrp,tnrs,tnsq->tpq", jacobian, information, jacobian)
    np.testing.assert_allclose(hessian, wanted, atol=1e-5 * np.abs(wanted).max())
    wanted = np.einsum("tnrp,tnr->tp", jacobian, gradient)
    np.testing.assert_allclose(slope, wanted, atol=1e-5 * np.abs(wanted).max())


def test_points_without_skin_are_no_points(way):
    """A frame in which nothing is seen: nothing is said of any joint."""
    arm = straight_arm()
    nothing = PosedSkin(arm.skeleton, Skin(arm.skin.bones[:0], arm.skin.weights[:0], arm.skin.starts[:0]), arm.world, arm.shift)
    rows, information, gradient = (torch.zeros(1, 0, *shape, dtype=torch.float64) for shape in ((2, 3), (2, 2), (2,)))
    hessian, slope = nothing.normal(rows, information, gradient, torch.tensor([True, False]))
    assert not hessian.any() and not slope.any() and hessian.shape == (1, 9, 9)


@pytest.mark.parametrize("own", [False, True])
def test_merged_slots_put_points_where_they_were(way, own):
    posed, _ = random_case(own)
    before = posed.skin.weights.clone()
    fewer = merged(posed.skin)
    np.testing.assert_allclose(PosedSkin(posed.skeleton, fewer, posed.world, posed.shift).points, posed.points, atol=1e-6)
    np.testing.assert_array_equal(posed.skin.weights, before)


@pytest.mark.skipif(not available("warp"), reason="Warp is not installed")
def test_slots_on_one_bone_become_one():
    """A quarter and a half on bone 2, starting 1 and 4 up: three quarters, starting 3 up. Nothing hangs on bone 7."""
    starts = torch.tensor([[1.0, 9, 4, 2]])[..., None] * torch.tensor([0.0, 1, 0])
    found = merged(Skin(torch.tensor([[2, 7, 2, 4]]), torch.tensor([[0.25, 0, 0.5, 0.25]]), starts))
    assert found.bones.tolist() == [[2, 4]]
    assert found.weights.tolist() == [[0.75, 0.25]]
    assert found.starts[0].tolist() == [[0, 3, 0], [0, 2, 0]]
