"""The descent with a bounded step: few values, never far, always within the limits."""

import itertools

import numpy as np
import pytest
from animamimic.core.tissue.descent import LONGEST, descend

LOW, HIGH = np.array([-10.0, -10.0]), np.array([10.0, 10.0])


def valley(values):
    """A long valley of two thousand to one, lowest at (1, -2)."""
    away = values - np.array([1.0, -2.0])
    curvature = np.array([[1000.0, 0.0], [0.0, 0.5]])
    return float(away @ curvature @ away), 2 * curvature @ away


def counted(function):
    places = []

    def wrapped(values):
        places.append(values.copy())
        return function(values)

    return wrapped, places


def test_a_steep_valley_s_floor_is_found_in_few_values():
    function, places = counted(valley)
    found = descend(function, np.array([1.6, -2.1]), (LOW, HIGH), np.ones(2), 8)
    assert found[0] == pytest.approx(1.0, abs=0.02)
    assert len(places) <= 8


def test_no_step_is_longer_than_it_may_be():
    function, places = counted(valley)
    descend(function, np.array([8.0, 8.0]), (LOW, HIGH), np.ones(2), 6)
    assert np.linalg.norm(places[1] - places[0]) <= LONGEST + 1e-9
    assert max(np.linalg.norm(b - a) for a, b in itertools.pairwise(places)) <= 2 * LONGEST + 1e-9


def test_limits_are_kept_and_a_flat_floor_ends_it():
    function, places = counted(valley)
    found = descend(function, np.array([3.0, -2.0]), (np.array([2.9, -10.0]), HIGH), np.ones(2), 8)
    assert found[0] == pytest.approx(2.9)
    assert min(place[0] for place in places) >= 2.9
    assert len(places) <= 4


def test_the_best_is_kept_where_steps_go_too_far():
    def cliff(values):
        high = values[0] < 0.9
        return (1e6 if high else float(values[0])), np.array([-1e6 if high else 1.0])

    for evaluations in (2, 5):
        found = descend(cliff, np.array([1.0]), (np.array([0.0]), np.array([2.0])), np.ones(1), evaluations)
        assert 0.9 <= found[0] <= 1.0
