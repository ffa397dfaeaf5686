"""A few steps down a smooth function of few numbers, each of whose values is dear: quasi-Newton steps of bounded length.

Curvature is learnt from the slopes (BFGS, damped after Powell 1978, so that it stays positive), and no step goes further than what has
been seen bears out (Nocedal and Wright 2006, chapters 4 and 18). A search along a line, as of L-BFGS-B, spent every other value of a
material fit on materials out of all reason. P is the number of unknowns.
"""

from collections.abc import Callable

import numpy as np

from ..types import Float64

LONGEST = 0.3
"""Length of the first step, and half the longest that any may have, in spreads."""

PRIOR_CURVATURE = 2.0
"""Second derivative of a squared distance in spreads: about the least that the function has in any direction."""

LEAST_GAIN = 0.005
"""Share of the value that a step must promise to save to be worth it."""

DAMPED = 0.2
"""Share of the curvature believed so far that a step must show to be learnt from as it is."""

Function = Callable[[Float64], tuple[float, Float64]]
"""The value at float64[P] and the slope float64[P]."""


def descend(function: Function, begin: Float64, limits: tuple[Float64, Float64], spread: Float64, evaluations: int) -> Float64:
    """The best place float64[P] found going down from `begin`, within limits float64[P] each, asking for so many values at most.

    spread: float64[P], lengths in which all unknowns are alike.
    """
    low, high = limits
    here = np.clip(begin, low, high)
    value, slope = function(here)
    slope = slope * spread
    known = np.diag(PRIOR_CURVATURE + np.abs(slope) / LONGEST)
    radius = LONGEST
    for _ in range(evaluations - 1):
        there = np.clip(here + spread * _bounded(-np.linalg.solve(known, slope), radius), low, high)
        step = (there - here) / spread
        if -float(slope @ step + 0.5 * step @ known @ step) <= LEAST_GAIN * abs(value):
            break
        found, found_slope = function(there)
        found_slope = found_slope * spread
        known = _learnt(known, step, found_slope - slope)
        if found < value:
            here, value, slope, radius = there, found, found_slope, min(2 * radius, 2 * LONGEST)
        else:
            radius = 0.3 * float(np.linalg.norm(step))
    return here


def _bounded(step: Float64, radius: float) -> Float64:
    return step * min(1.0, radius / max(float(np.linalg.norm(step)), 1e-300))


def _learnt(known: Float64, step: Float64, change: Float64) -> Float64:
    """The curvature float64[P, P] after a step float64[P] over which the slope changed by float64[P]."""
    image = known @ step
    expected, shown = float(step @ image), float(step @ change)
    if shown < DAMPED * expected:
        share = (1.0 - DAMPED) * expected / (expected - shown)
        change = share * change + (1.0 - share) * image
        shown = DAMPED * expected
    return known - np.outer(image, image) / expected + np.outer(change, change) / shown
