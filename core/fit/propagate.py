"""Lost frames are won back from frames on either side.

Tracking goes forward only: what is lost in one frame stays lost in those that follow, and where limbs come out again later, the frames
before gain nothing from it. So the clip is gone through once more, backward and forward: every frame that is badly explained is fitted again from
where its neighbour's motion leads, and what comes of it is kept where the picture is explained better. The next frame starts from that, so that
what is won spreads (as good guesses do over pixels in PatchMatch; Barnes et al. 2009).
"""

from collections.abc import Callable, Sequence

from ..types import Float64
from ..workers import each
from .compare import picture_error
from .poses import Poses
from .solver import Solver, predict

LOST = 1.6
"""A frame is fitted again where its error is more than so many times that of frame 0, whose pose is known."""

SPEED = 0.7
"""Share of the neighbours' motion that is expected to go on."""

LEVELS = (1, 2, 3)
"""Of the blur pyramid, on the way from the neighbour's pose to the frame's."""

BETTER = 0.9
"""Share of a frame's error below which its neighbour's promises more, where the neighbour's pose is not a new one."""

LEAST_GAIN = 0.02
"""Share of a frame's error that must be saved for another pose."""


def won_back(solver: Solver, poses: Poses, stop: Callable[[], bool] = lambda: False) -> Poses:
    """The poses of a clip, with those of badly explained frames taken from the way backward or forward where that explains them better.

    Frame 0 stays. Both ways start from the same poses, side by side. stop: asked before every frame whether to end here.
    """
    errors = picture_error(solver.observer, range(len(poses)), poses)
    last = len(poses) - 1
    ways = each(lambda order: _followed(solver, poses, errors, order, stop), [range(last - 1, 0, -1), range(1, last + 1)])
    return Poses.stack([min(ways, key=lambda way: way[1][frame])[0][[frame]] for frame in range(len(poses))])


def _followed(solver: Solver, poses: Poses, errors: Float64, order: Sequence[int], stop: Callable[[], bool]) -> tuple[Poses, Float64]:
    """The poses, and their errors float64[T], after going through the frames in this order, each from where the one before leads."""
    poses, errors = poses.clone(), errors.copy()
    enough, won = LOST * errors[0], False
    step = 1 if len(order) < 2 else order[1] - order[0]
    for frame in order:
        if stop():
            break
        promising = errors[frame] > enough and (won or errors[frame - step] < BETTER * errors[frame])
        won = False
        if not promising:
            continue
        before = frame - 2 * step
        guess = predict(poses[[frame - step]], poses[[before]] if 0 <= before < len(poses) else None, SPEED)
        tried = solver.fit([frame], guess, guess, LEVELS, flow=(True,) * len(LEVELS))
        error = float(picture_error(solver.observer, [frame], tried)[0])
        if error < (1 - LEAST_GAIN) * errors[frame]:
            poses.store([frame], tried)
            errors[frame], won = error, True
    return poses, errors
