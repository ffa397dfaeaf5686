"""Forward kinematics and skinning on a two-bone arm whose answers are known by hand."""

import math
from dataclasses import replace

import numpy as np
import torch
from animamimic.core.fit.kinematics import (
    Moments,
    Skeleton,
    Skin,
    Stretching,
    bone_transforms,
    exponential,
    logarithm,
    skin,
    stretch_matrices,
)
from animamimic.core.types import Motion, Rig


def two_bone_arm(bind=None):
    """Upper arm from the origin to (1, 0, 0), forearm on to (2, 0, 0); points at both tips, and one half-way on both bones."""
    rest = np.array([[1.0, 0, 0], [2, 0, 0], [1.5, 0, 0]], np.float32)
    return Rig(
        names=("upper", "fore"),
        parents=np.array([-1, 0], np.int32),
        heads=np.array([[0.0, 0, 0], [1, 0, 0]]),
        tails=np.array([[1.0, 0, 0], [2, 0, 0]]),
        z_axes=np.array([[0.0, 0, 1], [0, 0, 1]]),
        influences=np.array([[0, 0], [1, 0], [0, 1]], np.int32),
        weights=np.array([[1, 0], [1, 0], [0.5, 0.5]], np.float32),
        rest=rest,
        bind=np.tile(np.eye(3, 4), (2, 1, 1)) if bind is None else bind,
    )


def about_z(degrees):
    half = math.radians(degrees) / 2
    return [math.cos(half), 0, 0, math.sin(half)]


def motion(rotations, translations=None):
    rotations = np.array(rotations, float)
    return Motion(rotations, np.zeros((*rotations.shape[:2], 3)) if translations is None else np.array(translations, float), np.ones(2, np.float32))


def test_frame_without_motion_is_the_mesh():
    np.testing.assert_array_equal(skin(two_bone_arm(), motion([[about_z(0), about_z(0)]]))[0], two_bone_arm().rest)


def test_both_joints_bent_a_quarter_turn():
    """Upper arm up, elbow bent back: the elbow is at (0, 1, 0), the hand at (-1, 1, 0)."""
    points = skin(two_bone_arm(), motion([[about_z(90), about_z(90)]]))[0]
    np.testing.assert_allclose(points[:2], [[0, 1, 0], [-1, 1, 0]], atol=1e-6)
    np.testing.assert_allclose(points[2], [-0.25, 1.25, 0], atol=1e-6)  # half way between (0, 1.5, 0) and (-0.5, 1, 0)


def test_translation_acts_in_the_parents_frame():
    """With the upper arm turned up, a forearm shifted along X of frame 0 goes up."""
    points = skin(two_bone_arm(), motion([[about_z(90), about_z(0)]], [[[0, 0, 5], [0.5, 0, 0]]]))[0]
    np.testing.assert_allclose(points[:2], [[0, 1, 5], [0, 2.5, 5]], atol=1e-6)


def test_bind_puts_the_rest_pose_into_frame_0():
    """The forearm bent by 90 degrees in frame 0 already: its tip starts at (1, 1, 0) and turns on about the elbow."""
    bind = np.tile(np.eye(3, 4), (2, 1, 1))
    bind[1] = [[0, -1, 0, 1], [1, 0, 0, -1], [0, 0, 1, 0]]
    rig = two_bone_arm(bind)
    points = skin(rig, motion([[about_z(0), about_z(0)], [about_z(0), about_z(90)]]))
    np.testing.assert_allclose(points[:, 1], [[1, 1, 0], [0, 0, 0]], atol=1e-6)


def test_chunks_and_chosen_frames_change_nothing(monkeypatch):
    angles = motion([[about_z(10 * k), about_z(20 * k)] for k in range(5)])
    whole = skin(two_bone_arm(), angles)
    monkeypatch.setattr("animamimic.core.fit.kinematics.CHUNK_POINTS", 4)
    np.testing.assert_array_equal(skin(two_bone_arm(), angles), whole)
    np.testing.assert_array_equal(skin(two_bone_arm(), angles, [3, 1]), whole[[3, 1]])


def test_bone_transforms_move_the_elbow():
    transforms = bone_transforms(two_bone_arm(), motion([[about_z(90), about_z(0)]]))
    np.testing.assert_allclose(transforms[0, 1] @ [1, 0, 0, 1], [0, 1, 0], atol=1e-12)


def test_skinning_is_differentiable():
    """Moving the root by d moves every point by d: the derivative of the summed x by the root's x is the number of points."""
    rig = two_bone_arm()
    shift = torch.zeros(1, 2, 3, dtype=torch.float64, requires_grad=True)
    world, offset = Skeleton.of(rig.parents.tolist(), rig.heads).transforms(torch.eye(3, dtype=torch.float64).expand(1, 2, 3, 3), shift)
    Skin.of(rig).points(world, offset)[..., 0].sum().backward()
    assert shift.grad[0, 0].tolist() == [3, 0, 0]


def test_turning_the_elbow_moves_the_hand_across_its_lever():
    """The straight arm along X, elbow at 1: turning the elbow about Z moves the hand (lever 1) by +1 in y, the shoulder by +2."""
    rig = two_bone_arm()
    skeleton = Skeleton.of(rig.parents.tolist(), rig.heads)
    identity = torch.eye(3, dtype=torch.float64).expand(1, 2, 3, 3)
    moments = Moments.of(skeleton, Skin.of(rig), identity, torch.zeros(1, 2, 3, dtype=torch.float64))
    jacobian = moments.jacobian(torch.eye(3, dtype=torch.float64).expand(1, 3, 3, 3), torch.tensor([True, False]))
    assert jacobian.shape == (1, 3, 3, 9)
    hand = jacobian[0, 1]
    assert hand[1, 2] == 2  # dy by the shoulder's turn about Z
    assert hand[1, 5] == 1  # dy by the elbow's
    np.testing.assert_array_equal(hand[:, 6:], np.eye(3))


def test_jacobian_agrees_with_finite_differences():
    """A bent chain of three joints with mixed weights: exact to 1e-8."""
    generator = np.random.default_rng(1)
    skeleton = Skeleton.of([-1, 0, 1], generator.normal(size=(3, 3)))
    weights = torch.as_tensor(generator.dirichlet(np.ones(3), 5))
    skin_ = Skin(torch.arange(3).expand(5, 3), weights, torch.as_tensor(generator.normal(size=(5, 3, 3))))
    rotations = exponential(torch.as_tensor(generator.normal(size=(1, 3, 3))))
    translations = torch.as_tensor(generator.normal(size=(1, 3, 3)))
    movable = torch.tensor([True, False, True])

    def points(change):
        world = skeleton.transforms(rotations, translations)[0]
        above = skeleton.parent_rotations(world)
        turn, move = change[:9].reshape(3, 3), torch.zeros(3, 3, dtype=torch.float64)
        move[movable] = change[9:].reshape(2, 3)
        local = (above[0].transpose(1, 2) @ torch.stack([turn, move], -1)).unbind(-1)
        return skin_.points(*skeleton.transforms(exponential(local[0]) @ rotations, translations + local[1]))[0]

    moments = Moments.of(skeleton, skin_, *skeleton.transforms(rotations, translations))
    exact = moments.jacobian(torch.eye(3, dtype=torch.float64).expand(1, 5, 3, 3), movable)[0]
    step = 1e-6
    for column, change in enumerate(torch.eye(15, dtype=torch.float64) * step):
        difference = (points(change) - points(-change)) / (2 * step)
        np.testing.assert_allclose(exact[..., column], difference, atol=1e-8)


def test_a_stretched_bone_carries_the_next_one_along():
    """The upper arm twice as long and 1 / sqrt(2) as thick: the elbow goes to (2, 0, 0), and what hangs on it is stretched too."""
    rig = two_bone_arm()
    scales = np.ones((1, 2, 3))
    scales[0, 0] = [0.5**0.5, 2.0, 0.5**0.5]  # a bone's Y runs from head to tail
    longer = replace(motion([[about_z(90), about_z(0)]]), scales=scales)
    wide = replace(rig, rest=rig.rest + np.float32([0, 0.1, 0]))
    np.testing.assert_allclose(skin(rig, longer)[0], [[0, 2, 0], [0, 4, 0], [0, 3, 0]], atol=1e-6)
    np.testing.assert_allclose(skin(wide, longer)[0, 0], [-0.1 * 0.5**0.5, 2, 0], atol=1e-6)


def test_a_stretch_keeps_the_volume():
    axes = torch.nn.functional.normalize(torch.tensor([[1.0, 2, -1], [0, 0, 1]], dtype=torch.float64))
    lengths = torch.tensor([[0.7, -1.2]], dtype=torch.float64)
    matrices = stretch_matrices(lengths, axes)
    np.testing.assert_allclose(torch.linalg.det(matrices), 1.0, atol=1e-12)
    np.testing.assert_allclose((matrices @ axes[..., None])[..., 0], torch.exp(lengths)[..., None] * axes, atol=1e-12)


def test_jacobian_of_a_stretched_chain_agrees_with_finite_differences():
    """Turns, shifts and lengths below joints that are stretched and bent already, so that children are sheared: exact to 1e-8."""
    generator = np.random.default_rng(2)
    skeleton = Skeleton.of([-1, 0, 1], generator.normal(size=(3, 3)))
    skin_ = Skin(torch.arange(3).expand(5, 3), torch.as_tensor(generator.dirichlet(np.ones(3), 5)), torch.as_tensor(generator.normal(size=(5, 3, 3))))
    rotations, translations = exponential(torch.as_tensor(generator.normal(size=(1, 3, 3)))), torch.as_tensor(generator.normal(size=(1, 3, 3)))
    lengths, axes = torch.tensor([[0.4, -0.5, 0.3]], dtype=torch.float64), torch.nn.functional.normalize(torch.as_tensor(generator.normal(size=(3, 3))))
    movable, stretchy = torch.tensor([True, False, True]), torch.tensor([True, True, False])
    turned = skeleton.parent_rotations(skeleton.transforms(rotations, translations)[0])

    def posed(change):
        turn, move, longer = change[:9].reshape(3, 3), torch.zeros(3, 3, dtype=torch.float64), lengths.clone()
        move[movable] = change[9:15].reshape(2, 3)
        longer[:, stretchy] += change[15:]
        local = (turned[0].transpose(1, 2) @ torch.stack([turn, move], -1)).unbind(-1)
        return skeleton.transforms(exponential(local[0]) @ rotations @ stretch_matrices(longer, axes), translations + local[1])

    world, shift = posed(torch.zeros(17, dtype=torch.float64))
    stretching = Stretching.of(skeleton.parent_rotations(world), turned, world, axes, stretchy)
    moments = Moments.of(skeleton, skin_, world, shift)
    exact = moments.jacobian(torch.eye(3, dtype=torch.float64).expand(1, 5, 3, 3), movable, stretching)[0]
    step = 1e-6
    assert exact.shape == (5, 3, 17)
    for column, change in enumerate(torch.eye(17, dtype=torch.float64) * step):
        difference = (skin_.points(*posed(change))[0] - skin_.points(*posed(-change))[0]) / (2 * step)
        np.testing.assert_allclose(exact[..., column], difference, atol=1e-8)


def test_logarithm_undoes_exponential_up_to_half_a_turn():
    vectors = torch.tensor([[0.0, 0, 0], [1e-9, 0, 0], [0.3, -0.2, 0.9], [3.1, 0.2, 0], [0, 0, -3.1415]], dtype=torch.float64)
    np.testing.assert_allclose(logarithm(exponential(vectors)), vectors, atol=1e-9)


def test_logarithm_of_half_a_turn_has_its_axis():
    """Up to sign: the matrix is even in the axis, and its odd part is nothing."""
    for angle in (np.pi, np.pi - 1e-9):
        found = logarithm(exponential(torch.tensor([[0.6 * angle, 0, -0.8 * angle]], dtype=torch.float64)))
        np.testing.assert_allclose(found.abs(), [[0.6 * np.pi, 0, 0.8 * np.pi]], atol=1e-7)


def test_a_limb_moves_as_if_all_bones_were_placed():
    """A tree of five, of which the second and what hangs on it turn; the root by itself too."""
    generator = torch.Generator().manual_seed(0)

    def turned(count):
        return exponential(torch.randn(count, 5, 3, generator=generator, dtype=torch.float64))

    skeleton = Skeleton.of([-1, 0, 1, 1, 0], np.arange(15.0).reshape(5, 3))
    pose, others, places = turned(1), turned(4), torch.randn(1, 5, 3, generator=generator, dtype=torch.float64)
    for joints in ([1, 2, 3], [0, 1, 2, 3, 4]):
        rotations = pose.repeat(4, 1, 1, 1)
        rotations[:, joints] = others[:, joints]
        found = skeleton.moved(*skeleton.transforms(pose, places), joints, rotations[:, joints], places[:, joints])
        for part, whole in zip(found, skeleton.transforms(rotations, places.repeat(4, 1, 1)), strict=True):
            np.testing.assert_allclose(part, whole, atol=1e-12)
