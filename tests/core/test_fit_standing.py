"""Parts that stand still in the picture are held in depth; what moves, or comes nearer, is not."""

import numpy as np
import pytest
import torch
from animamimic.core.fit.kinematics import exponential
from animamimic.core.fit.poses import Poses
from animamimic.core.fit.problem import Problem
from animamimic.core.fit.standing import BATCH, SHORTEST, STILL, Feelers, Standing, still_spans
from animamimic.core.types import Mesh, Rig, View

FRAMES = 12


@pytest.fixture(scope="module")
def arm():
    """Two stiff boxes on a chain that hangs down, seen from 40 m along +Y: depth is Y."""
    corners = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-2.0, 0.0)])
    vertices = np.concatenate([corners, corners - (0, 0, 2)]).astype(np.float32)
    triangles = np.array([(0, 1, 2), (4, 5, 6), (1, 3, 5), (8, 9, 10), (12, 13, 14), (9, 11, 13)], np.int32)
    heads = np.array([[0.0, 0, 0], [0, 0, -2]])
    influences = np.repeat([0, 1], 8)[:, None].astype(np.int32)
    rig = Rig(("upper", "lower"), np.array([-1, 0], np.int32), heads, heads - (0, 0, 2), np.tile([0.0, 1, 0], (2, 1)), influences, np.ones((16, 1), np.float32), vertices, np.tile(np.eye(3, 4), (2, 1, 1)))
    camera = np.array([[1.0, 0, 0, 0], [0, 0, -1, -40], [0, 1, 0, 0], [0, 0, 0, 1]])
    projection = np.array([[8.0, 0, 0, 0], [0, 8, 0, 0], [0, 0, -1.02, -0.2], [0, 0, -1, 0]])
    return Problem.of(Mesh(vertices, triangles), rig, View(200, 200, camera, projection))


def still(problem, frames=FRAMES):
    return Poses(torch.eye(3, dtype=torch.float64).expand(frames, problem.joints, 3, 3).clone(), torch.zeros(frames, problem.joints, 3, dtype=torch.float64))


def held(problem, poses):
    """bool[T, J]: which joints are held when."""
    feelers = Feelers.of(problem)
    standing = Standing.of(feelers, poses, 1.0)
    return np.stack([(standing.strength[:, feelers.joint == joint] > 0).all(1).numpy() for joint in range(problem.joints)], 1)


def test_a_drift_along_the_ray_is_pulled_back_to_frame_0(arm):
    """0.4 % of the diagonal a frame away from the camera shifts no point by more than the tolerance in the picture of a far camera."""
    poses = still(arm)
    poses.translations[:, 0, 1] = torch.linspace(0, 0.04, FRAMES, dtype=torch.float64)
    assert held(arm, poses).all()
    standing = Standing.of(Feelers.of(arm), poses, 1e3)
    hessian, gradient = standing.pull(poses, slice(1, None))
    change = -torch.linalg.lstsq(hessian + 1e-6 * torch.eye(hessian.shape[1]), gradient[..., None])[0][..., 0]
    back = change[:, 3 * arm.joints + 1]  # the root's shift along Y
    np.testing.assert_allclose(back, -poses.translations[1:, 0, 1], atol=2e-3)


def test_a_span_that_begins_later_is_pulled_to_its_mean(arm):
    poses = still(arm)
    poses.translations[:4, 0, 0] = torch.tensor([0, 0.1, 0.2, 0.3], dtype=torch.float64)
    poses.translations[4:, 0, 0] = 0.4
    poses.translations[4:, 0, 1] = torch.tensor([0.0, 0.01] * 4, dtype=torch.float64)
    feelers = Feelers.of(arm)
    standing = Standing.of(feelers, poses, 1.0)
    assert (standing.strength[:4] == 0).all()
    depth = feelers.skin.points(*arm.transforms(poses)) @ feelers.axis
    np.testing.assert_allclose(standing.target[4:], depth[4:].mean(0).expand(8, -1), atol=1e-6)


def test_a_limb_that_swings_is_free_while_the_body_stands(arm):
    poses = still(arm)
    turns = torch.zeros(FRAMES, 3, dtype=torch.float64)
    turns[:, 1] = torch.linspace(0, 1, FRAMES, dtype=torch.float64)
    poses.rotations[:, 1] = exponential(turns)
    found = held(arm, poses)
    assert found[:, 0].all()
    assert not found[:, 1].any()


def test_a_subject_that_comes_nearer_is_not_held(arm):
    """It grows by a fifth, which its outer points show."""
    poses = still(arm)
    poses.translations[:, 0, 1] = torch.linspace(0, -7 / arm.scale, FRAMES, dtype=torch.float64)
    assert not held(arm, poses).any()


def test_a_turning_point_is_too_short_to_count():
    swing = np.sin(np.linspace(0, np.pi, FRAMES))[:, None, None] * np.array([[[0.05, 0.0]]])  # still for four frames
    assert still_spans(swing) == []
    assert still_spans(np.zeros((SHORTEST - 1, 1, 2))) == []
    assert still_spans(np.zeros((SHORTEST, 1, 2))) == [slice(0, SHORTEST)]


@pytest.mark.parametrize("frames", [SHORTEST, SHORTEST + 1, SHORTEST + BATCH, SHORTEST + BATCH + 1, 60])
def test_a_span_ends_with_the_last_frame_that_stands_still(frames):
    """One point that stands still, and leaves in the frame after; two more frames of it, which are too few."""
    places = np.zeros((frames + 3, 1, 2))
    places[frames:, 0, 0] = 1.0
    assert still_spans(places) == [slice(0, frames)]


def test_a_slow_drift_is_cut_into_spans_within_the_tolerance():
    """At a tenth of the tolerance a frame, 21 places keep within it of their mean, which lies in their middle."""
    places = np.zeros((50, 1, 2))
    places[:, 0, 0] = np.arange(50) * 0.0999 * STILL
    assert still_spans(places) == [slice(0, 21), slice(21, 42), slice(42, 50)]
