"""Dynamic programming over time: of several states in every frame, the path that costs least."""

from collections.abc import Sequence

import numpy as np

from ..types import Float64


def path_of_least_cost(costs: Sequence[Float64], states: Sequence[Float64], move: float, bend: float) -> list[int]:
    """Which state to take in every frame (Viterbi 1967, over pairs of states, so that changes of speed can count).

    costs: for each of at least two frames float64[K], what each of its states costs. states: float64[K, D], where they are. move, bend: half of these
    are paid for every squared first and second difference of the path. K may differ from frame to frame.
    """
    step = states[1][None] - states[0][:, None]
    total = costs[0][:, None] + costs[1][None] + 0.5 * move * (step**2).sum(-1)
    before: list[np.ndarray] = []
    for frame in range(2, len(costs)):
        after = states[frame][None] - states[frame - 1][:, None]
        turned = total[:, :, None] + 0.5 * bend * ((after[None] - step[:, :, None]) ** 2).sum(-1)
        before.append(turned.argmin(0))
        total = turned.min(0) + costs[frame][None] + 0.5 * move * (after**2).sum(-1)
        step = after
    path = [int(index) for index in np.unravel_index(int(total.argmin()), total.shape)][::-1]
    for table in reversed(before):
        path.append(int(table[path[-1], path[-2]]))
    return path[::-1]


def motion_cost(path: Float64, move: float, bend: float) -> float:
    """What the differences of a path [T, D] cost."""
    return float(0.5 * move * (np.diff(path, axis=0) ** 2).sum() + 0.5 * bend * (np.diff(path, 2, axis=0) ** 2).sum())
