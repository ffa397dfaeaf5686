"""The other pose of a limb, on arms of one and two bones whose answers follow from Pythagoras."""

from itertools import pairwise

import numpy as np
import pytest
from animamimic.core.mirror import mirrored_limb

INTO = np.array([0.0, 0, -1])
"""A camera that looks down -Z, far away."""


def bone(joint, tip):
    """World matrix of a bone whose Y axis runs from joint to tip."""
    matrix = np.eye(4)
    y = np.subtract(tip, joint) / np.linalg.norm(np.subtract(tip, joint))
    x = np.cross(y, [0.3, 0.5, 0.8])
    x /= np.linalg.norm(x)
    matrix[:3, :3] = np.stack([x, y, np.cross(x, y)], 1)
    matrix[:3, 3] = joint
    return matrix


def mirrored(points, eye=None, flipped=None):
    """Joints and last tip of an arm through `points`, after mirroring."""
    points = np.array(points, float)
    poses = np.stack([bone(one, other) for one, other in pairwise(points)])[None]
    rays = np.broadcast_to(INTO, (1, len(points) - 1, 3)) if eye is None else (points[1:] - eye)[None]
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    found = mirrored_limb(poses, points[None, 1:], tuple(range(-1, len(points) - 2)), rays, flipped)[0]
    np.testing.assert_allclose(found[:, :3, :3] @ found[:, :3, :3].transpose(0, 2, 1), np.tile(np.eye(3), (len(found), 1, 1)), atol=1e-12)
    return np.concatenate([found[:, :3, 3], found[-1:, :3, 3] + lengths[-1] * found[-1:, :3, 1]])


def test_an_arm_towards_the_camera_turns_away_from_it():
    np.testing.assert_allclose(mirrored([[0, 0, 0], [3, 0, 4]]), [[0, 0, 0], [3, 0, -4]], atol=1e-12)


def test_every_segment_of_an_arm_is_mirrored():
    """Upper arm away by 4, forearm back by 12 while it goes 5 down: then towards by 4 and away by 12."""
    expected = [[0, 0, 0], [3, 0, 4], [3, -5, -8]]
    np.testing.assert_allclose(mirrored([[0, 0, 0], [3, 0, -4], [3, -5, 8]]), expected, atol=1e-12)


def test_a_segment_that_keeps_its_side_goes_along():
    """The upper arm alone is mirrored: the elbow comes to 4, and the hand, still 12 nearer than that, to 16."""
    np.testing.assert_allclose(mirrored([[0, 0, 0], [3, 0, -4], [3, -5, 8]], flipped=(True, False)), [[0, 0, 0], [3, 0, 4], [3, -5, 16]], atol=1e-12)


def test_under_perspective_every_joint_stays_on_its_ray_and_twice_is_none():
    eye = np.array([0.2, 0.1, 6.0])
    points = np.array([[0, 0, 0], [0.5, 0.2, 0.6], [0.9, -0.3, 0.1]])
    once = mirrored(points, eye)
    assert np.linalg.norm(once - points, axis=1)[1] > 0.5
    for before, after in zip(points, once, strict=True):
        np.testing.assert_allclose(np.cross(before - eye, after - eye), 0, atol=1e-9)
    np.testing.assert_allclose(mirrored(once, eye), points, atol=1e-9)


@pytest.mark.parametrize("points", [[[0, 0, 0], [1, 0, 0]], [[0, 0, 0], [0, 0, 1]]])
def test_across_the_view_stays_and_along_it_turns_round(points):
    along = points[1][2]
    np.testing.assert_allclose(mirrored(points)[1], [points[1][0], 0, -along], atol=1e-12)
