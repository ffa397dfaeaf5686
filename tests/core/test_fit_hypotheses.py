"""Limbs reconsidered over a clip: an upper arm from x = -1 to 0.4 and a forearm from there to 1, seen along -Z without perspective.

Turned by an angle about Y, the forearm is 0.6 cos(angle) long in the picture, whichever way it turns.
"""

import itertools
import math

import numpy as np
import pytest
import torch
from animamimic.core.fit import painting
from animamimic.core.fit.compare import picture_error
from animamimic.core.fit.hinge import Hinges
from animamimic.core.fit.hypotheses import Limb, limbs, mirrored, reconsider
from animamimic.core.fit.kinematics import exponential, logarithm
from animamimic.core.fit.limbs import limb_joints, recover
from animamimic.core.fit.motion import prepare
from animamimic.core.fit.painting import Paint
from animamimic.core.fit.paths import motion_cost, path_of_least_cost
from animamimic.core.fit.poses import Poses
from animamimic.core.settings import FitSettings
from animamimic.core.types import Clip, Mesh, Rig, View

SIDE = 128
HEIGHT = 0.16


def bar(first, last, cells=8):
    x, y = np.meshgrid(np.linspace(first, last, cells + 1), [-HEIGHT, HEIGHT], indexing="ij")
    corner = 2 * np.arange(cells)[:, None]
    return np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], 1), np.concatenate([np.add(corner, [0, 2, 1]), np.add(corner, [1, 2, 3])])


def observer_of(tips):
    """An observer of the arm and a film in which the forearm, in each frame, ends at one of `tips` [T][2] and is as high as ever."""
    (upper, faces), (fore, _) = bar(-1, 0.4), bar(0.4, 1)
    vertices = np.concatenate([upper, fore]).astype(np.float32)
    mesh = Mesh(vertices, np.concatenate([faces, faces + len(upper)]).astype(np.int32))
    heads = np.array([[-1.0, 0, 0], [0.4, 0, 0]])
    rig = Rig(
        names=("upper", "fore"),
        parents=np.array([-1, 0], np.int32),
        heads=heads,
        tails=np.array([[0.4, 0, 0], [1, 0, 0]]),
        z_axes=np.tile([0.0, 0, 1], (2, 1)),
        influences=np.repeat([0, 1], len(upper)).astype(np.int32)[:, None],
        weights=np.ones((len(vertices), 1), np.float32),
        rest=vertices,
        bind=np.tile(np.eye(3, 4), (2, 1, 1)),
    )
    camera = np.eye(4)
    camera[2, 3] = 5
    projection = np.diag([1 / 1.5, 1 / 1.5, -2 / 9.8, 1.0])
    projection[2, 3] = -10.2 / 9.8
    frames = [drawn(np.array(tip, float)) for tip in tips]
    film = Clip(np.stack([image for image, _ in frames]), np.stack([mask for _, mask in frames]), 24.0)
    return prepare(mesh, rig, View(SIDE, SIDE, camera, projection), film, FitSettings(fit_resolution=SIDE))[0].observer


def drawn(tip):
    """Image and mask, by asking every pixel's centre where it lies along and across the two bars."""
    image, mask = np.full((SIDE, SIDE, 3), 255, np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    column, row = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
    place = np.stack([(2 * column / SIDE - 1) * 1.5, (1 - 2 * row / SIDE) * 1.5], -1)
    for head, end, colour in (((-1.0, 0.0), (0.4, 0.0), (200, 60, 40)), ((0.4, 0.0), tip, (40, 70, 190))):
        direction = np.subtract(end, head)
        length = np.linalg.norm(direction)
        along = (place - head) @ direction / length
        inside = (along >= 0) & (along <= length) & (np.abs((place - head) @ (np.array([-direction[1], direction[0]]) / length)) <= HEIGHT)
        image[inside], mask[inside] = colour, 255
    return image, mask


def turned(vectors):
    """Poses whose forearm has the rotation vectors [T, 3]."""
    poses = Poses.rest(len(vectors), 2)
    poses.rotations[:, 1] = exponential(torch.tensor(vectors, dtype=torch.float64))
    return poses


def about_y(degrees):
    return [(0.0, math.radians(angle), 0.0) for angle in degrees]


def foreshortened(degrees):
    return observer_of([(0.4 + 0.6 * math.cos(math.radians(angle)), 0) for angle in degrees])


def angles(poses, axis):
    return np.degrees(logarithm(poses.rotations[:, 1])[:, axis].numpy())


def found(observer, poses):
    return reconsider(observer, poses, Hinges.of(poses).scaled(5.0))


def test_a_swing_through_the_pictures_plane_goes_on_at_the_other_side():
    """0, 25, 50, 25, 0, then 25 and 50 again: less change of speed if that is on the other side."""
    swing = [0, 25, 50, 25, 0, -25, -50, -25, 0]
    poses = found(foreshortened(swing), turned(about_y(np.abs(swing))))
    assert angles(poses, 1) * np.sign(angles(poses, 1)[1]) == pytest.approx(swing, abs=5.0)


def test_least_motion_where_nothing_decides():
    """The same length in all frames; an estimate that jumps from one side to the other comes to rest on one."""
    poses = found(foreshortened([0, 40, 40, 40, 40, 40]), turned(about_y([0, 40, -40, 40, 40, -40])))
    assert np.abs(angles(poses, 1)[1:]) == pytest.approx(40, abs=1.0)
    assert len(set(np.sign(angles(poses, 1)[1:]))) == 1


def test_a_limb_that_is_where_the_picture_shows_it_stays():
    estimate = turned(about_y([0, 20, 40, 60, 40]))
    poses = found(foreshortened([0, 20, 40, 60, 40]), estimate)
    assert torch.equal(poses.rotations, estimate.rotations)


def test_a_lost_limb_is_found_again():
    """The forearm turns in the picture's plane by 10, 20 and then 80 degrees; the estimate stayed at 20."""
    shown = [0, 10, 20, 80, 85, 90]
    tips = [(0.4 + 0.6 * math.cos(math.radians(angle)), 0.6 * math.sin(math.radians(angle))) for angle in shown]
    poses = found(observer_of(tips), turned([(0.0, 0.0, math.radians(min(angle, 20))) for angle in shown]))
    assert angles(poses, 2) == pytest.approx(shown, abs=10)  # half a step of what is tried, and some for smoothness


def test_a_mirrored_limb_looks_the_same():
    observer = foreshortened([0, 30])
    poses = turned([(0, 0, 0), (0.2, math.radians(30), 0.3)])
    (limb,) = limbs(observer.problem)
    assert limb == Limb((1,), (1,))
    other = poses.clone()
    other.rotations[:, 1] = mirrored(observer, poses, limb)[:, 0, 0]
    tip = torch.tensor([1.0, 0, 0], dtype=torch.float64)
    before, after = poses.rotations[1, 1] @ tip, other.rotations[1, 1] @ tip
    assert (before - after).numpy() == pytest.approx([0, 0, 2 * float(before[2])], abs=1e-9)


def test_a_limb_is_swung_to_where_one_frame_shows_it():
    """The forearm points up and right, a radian from where the pose has it, which is one of the swings; where it is right already, none is better."""
    observer = observer_of([(1, 0), (0.4 + 0.6 * math.cos(1), 0.6 * math.sin(1))])
    limbs_painted = [Paint.of(observer, joint) for joint in limb_joints(observer.problem)]
    straight = turned([(0, 0, 0)])
    assert logarithm(recover(1, straight, limbs_painted).rotations[0, 1]).numpy() == pytest.approx([0, 0, 1], abs=1e-9)
    assert recover(0, straight, limbs_painted) is None


@pytest.mark.parametrize("vector", [(0, 0, 0.7), (0, 0.9, 0), (0.1, 0, -1.2)])
def test_what_painting_a_limb_is_worth_is_what_the_drawing_says(vector):
    """The error of the frame without the limb less that with it."""
    observer = foreshortened([0, 30])
    paint, pose = Paint.of(observer, 1), turned([vector])
    backdrop = paint.backdrop(1, pose)
    transforms = observer.problem.skeleton.transforms(pose.rotations, pose.translations)
    without = float(backdrop.error.sum()) / observer.evidence.pixel**2
    worth = float(paint.worth(backdrop, *transforms)[0])
    assert without - worth == pytest.approx(picture_error(observer, [1], pose)[0], rel=0.02, abs=2)
    assert float(paint.guessed_worth(backdrop, *transforms)[0]) == pytest.approx(worth, rel=0.1, abs=150)  # the limb has 1400 pixels


def test_many_poses_are_worth_what_each_is_worth_alone(monkeypatch):
    """Poses of large limbs are painted a few at a time, to bound memory; their window must not matter."""
    observer = foreshortened([0, 30])
    paint, poses = Paint.of(observer, 1), turned([(0, 0, 0.1 * index) for index in range(5)])
    backdrop, transforms = paint.backdrop(1, poses[:1]), observer.problem.skeleton.transforms(poses.rotations, poses.translations)
    together = paint.worth(backdrop, *transforms)
    monkeypatch.setattr(painting, "MOST_VERTICES", 2 * len(paint.skin.starts))
    assert paint.worth(backdrop, *transforms) == pytest.approx(together, rel=1e-3)
    assert np.ptp(together) > 10


def test_path_of_least_cost_is_the_best_of_all():
    generator = np.random.default_rng(3)
    states = [generator.normal(size=(count, 2)) for count in (1, 3, 4, 2, 3)]
    costs = [generator.uniform(0, 3, len(state)) for state in states]

    def cost(path):
        chosen = np.array([state[index] for state, index in zip(states, path, strict=True)])
        return sum(paid[index] for paid, index in zip(costs, path, strict=True)) + motion_cost(chosen, 0.5, 1.5)

    best = min(itertools.product(*(range(len(state)) for state in states)), key=cost)
    assert path_of_least_cost(costs, states, 0.5, 1.5) == list(best)
