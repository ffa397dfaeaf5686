"""Limbs exchanged, on a body with two legs of two segments, one behind the other, seen along -Z without perspective: what is at the same X and Y looks the same."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from animamimic.core.fit import exchange as exchanging
from animamimic.core.fit.exchange import CHUNK, better_spans, exchange, exchanged, pairs
from animamimic.core.fit.kinematics import exponential
from animamimic.core.fit.poses import Poses
from animamimic.core.fit.problem import Problem
from animamimic.core.types import Mesh, Rig, View

NAMES = ("body", "near", "far", "near.lower", "far.lower")
PARENTS = (-1, 0, 0, 1, 2)
HEADS = ((0, 1), (0, 0), (0, 0), (0, -0.5), (0, -0.5))
"""X and Y; every segment of a leg is 0.5 long."""


def plate(x, low, high, z):
    places = [(side * x, y, z) for y in np.linspace(low, high, 5) for side in (-1, 1)]
    return np.array(places, np.float32), np.array([(2 * k + a, 2 * k + b, 2 * k + c) for k in range(4) for a, b, c in ((0, 1, 3), (0, 3, 2))])


def subject(shorter=1.0, apart=0.2):
    """shorter: the far leg's lower segment, in its length. apart: the legs' roots."""
    depths = np.array([0, apart / 2, -apart / 2, apart / 2, -apart / 2])
    heads = np.concatenate([np.array(HEADS, float), depths[:, None]], 1)
    lows = (0.0, -0.5, -0.5, -1.0, -0.5 - 0.5 * shorter)
    plates = [plate(1.0 if bone == 0 else 0.05, lows[bone], HEADS[bone][1], depths[bone]) for bone in range(5)]
    counts = [len(places) for places, _ in plates]
    first = np.cumsum([0, *counts[:-1]])
    vertices = np.concatenate([places for places, _ in plates])
    triangles = np.concatenate([faces + begin for (_, faces), begin in zip(plates, first, strict=True)]).astype(np.int32)
    rig = Rig(
        names=NAMES,
        parents=np.array(PARENTS, np.int32),
        heads=heads,
        tails=heads - [0, 0.5, 0],
        z_axes=np.tile([0.0, 0, 1], (5, 1)),
        influences=np.repeat(np.arange(5), counts).astype(np.int32)[:, None],
        weights=np.ones((len(vertices), 1), np.float32),
        rest=vertices,
        bind=np.tile(np.eye(3, 4), (5, 1, 1)),
    )
    camera = np.eye(4)
    camera[2, 3] = 5
    projection = np.diag([1 / 1.5, 1 / 1.5, -2 / 9.8, 1.0])
    projection[2, 3] = -10.2 / 9.8
    return Problem.of(Mesh(vertices, triangles), rig, View(64, 64, camera, projection))


def turned(degrees):
    """Poses whose joints, in the order of `NAMES`, turn about Z by [T][5]."""
    angles = torch.zeros(len(degrees), 5, 3, dtype=torch.float64)
    angles[..., 2] = torch.tensor(degrees, dtype=torch.float64) * math.pi / 180
    return Poses(exponential(angles), torch.zeros(len(degrees), 5, 3, dtype=torch.float64))


def angles_about_z(poses):
    return np.degrees(np.arctan2(poses.rotations[..., 1, 0], poses.rotations[..., 0, 0])).tolist()


def test_each_leg_goes_where_the_other_was():
    """Swung by 30 and -20, bent by -40 and 10, below a body that leans by 5: exchanged, the same angles with names changed."""
    problem = subject()
    (pair,) = pairs(problem)
    found = exchanged(problem, turned([[5, 30, -20, -40, 10], [0, 0, 90, 0, 45]]), *pair)
    np.testing.assert_allclose(angles_about_z(found), [[5, -20, 30, 10, -40], [0, 90, 0, 45, 0]], atol=1e-6)


def test_depth_is_that_from_the_legs_own_root():
    """The near leg swings towards the camera by 30 degrees: then the far one does, though all of it stays behind."""
    problem = subject()
    (pair,) = pairs(problem)
    poses = turned([[0] * 5])
    poses.rotations[:, 1] = exponential(torch.tensor([[-math.pi / 6, 0.0, 0.0]], dtype=torch.float64))
    found = exchanged(problem, poses, *pair)
    torch.testing.assert_close(found.rotations[:, 2], poses.rotations[:, 1])
    torch.testing.assert_close(found.rotations[:, 1], torch.eye(3, dtype=torch.float64)[None])


def test_bones_that_lead_to_the_limbs_from_one_place_stay(monkeypatch):
    """Were both legs' upper segments such bones: the far knee is at (0.5, 0), its leg's end at (1, 0), those of the near leg at (0, -0.5) and (0, -1). So
    the near lower segment points along (1, 0.5) and the far one along (-0.5, -1), which are 116.57 and -26.57 degrees from hanging down."""
    problem = subject()
    (pair,) = pairs(problem)
    monkeypatch.setattr(exchanging, "TOGETHER", 1.0)
    found = exchanged(problem, turned([[0, 0, 90, 0, 0]]), *pair)
    np.testing.assert_allclose(angles_about_z(found), [[0, 0, 90, 116.565, -26.565 - 90]], atol=1e-3)


def test_limbs_are_taken_for_each_other_if_they_are_alike_and_near():
    """Diagonal: about 2.8."""
    assert [(one.chain, other.chain) for one, other in pairs(subject())] == [((1, 3), (2, 4))]
    assert len(pairs(subject(shorter=0.8))) == 1
    assert pairs(subject(shorter=0.6)) == []
    assert pairs(subject(apart=0.8)) == []


def test_spans_must_be_worth_their_changes():
    """Three frames, each better by one: more than two changes of 1.4, not of 1.6; at the end one change is saved."""
    own, other = np.array([1.0, 5, 5, 5, 1]), np.array([np.inf, 4, 4, 4, np.inf])
    assert better_spans(own, other, 1.4) == [False, True, True, True, False]
    assert better_spans(own, other, 1.6) == [False] * 5
    assert better_spans(own[:4], other[:4], 1.6) == [False, True, True, True]


@pytest.fixture
def told(monkeypatch):
    """Let errors and exchanged errors of a clip's frames be told, its pair be one, and its exchanged poses be turned by 90; returns what was tried."""
    tried = []

    def tell(own, other):
        def fitted(solver, frames, poses, pair):
            tried.append(list(frames))
            return turned([[90] * 5] * len(frames)), np.array(other, float)[frames]

        monkeypatch.setattr(exchanging, "picture_error", lambda observer, frames, poses: np.array(own, float))
        monkeypatch.setattr(exchanging, "pairs", lambda problem: [None])
        monkeypatch.setattr(exchanging, "_fitted", fitted)
        return tried

    return tell


SOLVER = SimpleNamespace(observer=None, problem=None)


def test_a_span_that_is_better_explained_is_exchanged(told):
    """Frames 3 to 6 are better by 2 each, and two changes cost 1 each. Frame 1 is well explained and never tried, the last
    one is better by 0.5 alone."""
    tried = told([1, 1.5, 4, 4, 4, 4, 4, 4, 4], [9, 0, 9, 2, 2, 2, 2, 9, 3.5])
    found = exchange(SOLVER, turned([[0] * 5] * 9))
    assert [row[0] for row in angles_about_z(found)] == pytest.approx([0, 0, 0, 90, 90, 90, 90, 0, 0])
    assert tried == [[2, 6], [2, 3, 4, 5, 6, 7, 8]]


def test_where_a_few_frames_promise_next_to_nothing_no_more_are_tried(told):
    tried = told([1] + [4] * 9, [9] + [3.95] * 9)
    estimate = turned([[0] * 5] * 10)
    assert torch.equal(exchange(SOLVER, estimate).rotations, estimate.rotations)
    assert tried == [[1, 5, 9]]


def test_a_clip_that_is_explained_is_left_alone(told):
    tried = told([1, 1.5, 1.5], [0, 0, 0])
    estimate = turned([[0] * 5] * 3)
    assert exchange(SOLVER, estimate) is estimate
    assert tried == []


def test_stops_when_asked(told):
    tried = told([1, 4, 4], [9, 1, 1])
    exchange(SOLVER, turned([[0] * 5] * 3), stop=lambda: True)
    assert tried == []


def test_exchanged_limbs_are_fitted_at_first_without_flow(monkeypatch):
    """Ten frames in pieces which may be fitted at once, each twice, by a fit that turns all by one degree."""
    asked = []

    def fit(frames, poses, predicted, levels, flow):
        asked.append((list(frames), flow[0]))
        return Poses(turned([[1] * 5] * len(frames)).rotations @ poses.rotations, poses.translations)

    monkeypatch.setattr(exchanging, "exchanged", lambda problem, poses, one, other: poses)
    monkeypatch.setattr(exchanging, "picture_error", lambda observer, frames, poses: np.array(frames, float))
    solver = SimpleNamespace(observer=None, problem=None, fit=fit)
    found, errors = exchanging._fitted(solver, range(10, 20), turned([[10] * 5] * 20), (None, None))
    pieces = [list(range(first, min(first + CHUNK, 20))) for first in range(10, 20, CHUNK)]
    assert len(asked) == 2 * len(pieces)
    assert all([flow for frames, flow in asked if frames == piece] == [False, True] for piece in pieces)
    np.testing.assert_allclose(angles_about_z(found), np.full((10, 5), 12.0))
    assert errors.tolist() == list(range(10, 20))
