"""The time left is judged by the run's own speed, and never jumps."""

import itertools

import pytest
from animamimic.core.time_left import LAST, TimeLeft, usual_seconds

STAGES = ("video", "fit", "keys")


def told(durations, usual, steps=50):
    """(seconds gone, fraction told, seconds left told) through a run whose stages take `durations` and go on evenly."""
    watch, gone, found = TimeLeft(STAGES, usual), 0.0, []
    for stage, seconds in zip(STAGES, durations, strict=True):
        for step in range(steps + 1):
            found.append((gone + seconds * step / steps, *watch.estimate(stage, step / steps, seconds * step / steps)))
        watch.finished(stage, seconds)
        gone += seconds
    return found


def test_a_usual_run_is_told_exactly():
    for gone, fraction, left in told((10.0, 80.0, 10.0), {"video": 10.0, "fit": 80.0, "keys": 10.0}):
        assert left == pytest.approx(100.0 - gone, abs=1e-6)
        assert fraction == pytest.approx(min(LAST, gone / 100.0), abs=1e-6)


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_a_fast_or_slow_machine_is_found_out(factor):
    whole = 100.0 * factor
    for gone, _, left in told((10.0 * factor, 80.0 * factor, 10.0 * factor), {"video": 10.0, "fit": 80.0, "keys": 10.0}):
        if gone > 0.4 * whole:
            assert left == pytest.approx(whole - gone, abs=0.12 * whole)


def test_a_stage_that_takes_much_longer_than_usual_does_not_make_it_jump():
    found = told((2.0, 300.0, 5.0), {"video": 3.0, "fit": 60.0, "keys": 3.0})
    fractions = [fraction for _, fraction, _ in found]
    assert fractions == sorted(fractions)
    for (before, _, one), (after, _, other) in itertools.pairwise(found):
        assert abs(other - (one - (after - before))) < 0.12 * 307.0
    for gone, _, left in found:
        if gone > 120.0:
            assert left == pytest.approx(307.0 - gone, abs=31.0)  # a tenth of the run


def test_a_kept_rig_costs_no_time_and_more_frames_cost_more():
    usual = {"frames": 49, "bones": 20, "resolution": 256}
    assert usual_seconds(**usual, new_rig=False)["rig"] < 0.2 < usual_seconds(**usual, new_rig=True)["rig"]
    assert usual_seconds(**usual | {"frames": 98}, new_rig=True)["fit"] == pytest.approx(2 * usual_seconds(**usual, new_rig=True)["fit"] - 4.0)
