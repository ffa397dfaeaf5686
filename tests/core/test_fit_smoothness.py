"""How tightly joints are held, what the picture determines of them, and the step of all frames."""

import numpy as np
import pytest
from animamimic.core.fit import smoothness
from animamimic.core.fit.smoothness import Smoothness, differences, groups, smoothed


def dense_problem(frames=5, seed=7):
    """Free frames of two unknowns after the fixed one: hessian, gradient, weights, changes, and the normal matrix written out."""
    generator = np.random.default_rng(seed)
    root = generator.normal(size=(frames, 2, 2))
    hessian, weights = root @ root.transpose(0, 2, 1) + np.eye(2), np.array([3.0, 5.0])
    difference = np.array([[3.0, -3, 1, 0, 0], [-1, 3, -3, 1, 0], [0, -1, 3, -3, 1]])
    dense = np.kron(difference.T @ difference, np.diag(weights))
    for frame in range(frames):
        dense[2 * frame : 2 * frame + 2, 2 * frame : 2 * frame + 2] += hessian[frame]
    return hessian, generator.normal(size=(frames, 2)), weights, generator.normal(size=(3, 2)), difference, dense


def test_banded_solve_is_the_dense_one():
    hessian, gradient, weights, changes, difference, dense = dense_problem()
    np.testing.assert_array_equal(differences(5), difference)
    right = gradient + weights * (difference.T @ changes)
    change, _ = smoothed(hessian, gradient, weights, changes)
    np.testing.assert_allclose(change.ravel(), -np.linalg.solve(dense, right.ravel()), rtol=1e-10)


def test_what_the_picture_determines_is_the_trace(monkeypatch):
    """Of three differences of two unknowns, by the normal matrix's inverse; many signs leave a fiftieth of them in doubt."""
    monkeypatch.setattr(smoothness, "PROBES", 20000)
    hessian, gradient, weights, changes, difference, dense = dense_problem()
    over = np.kron(difference, np.diag(np.sqrt(weights)))
    held = np.diag(over @ np.linalg.inv(dense) @ over.T).reshape(3, 2).sum(0)
    np.testing.assert_allclose(smoothed(hessian, gradient, weights, changes)[1], 3 - held, atol=0.06)


@pytest.mark.parametrize(("weight", "determined"), [(0.0, 3.0), (1e9, 0.0)])
def test_the_picture_alone_determines_all_and_smoothness_alone_nothing(weight, determined):
    hessian, gradient, _, changes, *_ = dense_problem()
    np.testing.assert_allclose(smoothed(hessian, gradient, np.full(2, weight), changes)[1], determined, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 2])
def test_few_frames_have_no_third_difference(frames):
    """Each frame goes where its picture says."""
    hessian, gradient = np.tile(2 * np.eye(6), (frames, 1, 1)), np.ones((frames, 6))
    change, determined = smoothed(hessian, gradient, Smoothness().strengths(np.zeros((0, 6)), 2, 0), np.zeros((0, 6)))
    np.testing.assert_allclose(change, -0.5)
    np.testing.assert_array_equal(determined, 0)


def test_a_calm_joint_is_held_tighter():
    """Third differences ten times smaller than usual: a hundred times the strength, as the variance says; larger ones stop at the loosest."""
    held = Smoothness(turn=1.0, shift=1.0, usual_turn=0.1, usual_shift=0.1, loosest=0.5, tightest=1000)
    changes = np.zeros((4, 6))
    changes[:, 0], changes[:, 3] = 0.01, 5.0
    np.testing.assert_allclose(held.strengths(changes, 2, 0), [100, 100, 100, 0.5, 0.5, 0.5])


def test_loosening_spares_calm_joints():
    """At a share of a quarter, a joint of twice the usual variance keeps a quarter of its hold, one with a hundredth of it nearly all."""
    changes = np.zeros((4, 6))
    changes[:, 0], changes[:, 3] = 0.02**0.5, 0.01
    strengths = Smoothness(turn=1.0, shift=1.0, usual_turn=0.1, usual_shift=0.1, share=0.25).strengths(changes, 2, 0)
    np.testing.assert_allclose(strengths, np.repeat([0.5 * 0.25, 100 * 0.25**0.01], 3))


def test_the_wildest_joint_is_held_all_the_same():
    changes = np.full((4, 3), 1.0)
    smoothness = Smoothness(turn=1.0, usual_turn=0.01)
    np.testing.assert_allclose(smoothness.strengths(changes, 1, 0), smoothness.loosest)


def test_lengths_are_held_one_by_one_as_turns_are():
    """One joint turns, shifts and has two lengths. The shift's variance is 0.75, three times the square of 0.5; the second length changes ten times as much as the first."""
    np.testing.assert_array_equal(groups(8, 1, 1), [0, 0, 0, 1, 1, 1, 2, 3])
    changes = np.ones((4, 8)) * [0.1, 0.1, 0.1, 0.5, 0.5, 0.5, 0.1, 1.0]
    strengths = Smoothness(turn=1.0, shift=2.0, usual_turn=1.0, usual_shift=0.5).strengths(changes, 1, 1)
    np.testing.assert_allclose(strengths, [1 / 0.03] * 3 + [2 * 0.25 / 0.75] * 3 + [100, 1])


@pytest.mark.parametrize("jolts", [0.01, 0.1, 1.0])
def test_a_joint_is_held_by_the_variance_that_it_has(jolts):
    """A motion whose third differences have a known deviation, seen with noise of 0.3: the strength found is one over its variance, within a factor of two.
    By the plain mean square of what is left it would be up to thirty times that."""
    generator = np.random.default_rng(3)
    frames = 60
    true = (jolts * generator.normal(size=(frames + 1, 3))).cumsum(0).cumsum(0).cumsum(0)
    true = (true - true[0])[1:]
    seen = true + 0.3 * generator.normal(size=true.shape)
    hessian, estimate = np.tile(np.eye(3) / 0.3**2, (frames, 1, 1)), seen
    held = Smoothness(turn=3.0, usual_turn=1.0, loosest=1e-6, tightest=1e12)
    for _ in range(15):
        changes = differences(frames) @ estimate
        weights = held.strengths(changes, 1, 0)
        step, determined = smoothed(hessian, (estimate - seen) / 0.3**2, weights, changes)
        held = held.learning(determined, len(changes), 1, 0)
        estimate = estimate + step
    assert 0.5 < weights[0] * jolts**2 < 2
