"""Lost frames are won back from frames on either side.

Tracking goes forward only: what is lost in one frame stays lost in those that follow, and where limbs come out again later, the frames
before gain nothing from it. So the clip is gone through once more, backward and forward: every frame that is badly explained is fitted again from
where its neighbour's motion leads, and what comes of it is kept where the picture is explained better. The next frame starts from that, so that
what is won spreads (as good guesses do over pixels in PatchMatch; Barnes et al. 2009).
"""

from collections.abc import Callable
from functools import partial

from ..types import Float64
from ..workers import spread
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

    Frame 0 stays. Both ways start from the same poses, side by side. stop: asked before every fit whether to end here.
    """
    errors = picture_error(solver.observer, range(len(poses)), poses)
    last = len(poses) - 1
    ways = [_Way(poses.clone(), errors.copy(), order) for order in (range(last - 1, 0, -1), range(1, last + 1))]
    while tries := [(way, one) for way in ways if not stop() and (one := way.next_try())]:
        found = spread(partial(_fitted, solver), [one for _, one in tries])
        for (way, (frame, _)), (pose, error) in zip(tries, found, strict=True):
            way.offer(frame, pose, error)
    return Poses.stack([min(ways, key=lambda way: way.errors[frame]).poses[[frame]] for frame in range(len(poses))])


def _fitted(solver: Solver, one: tuple[int, Poses]) -> tuple[Poses, float]:
    """A pose fitted to a frame from a guess, and its error."""
    frame, guess = one
    pose = solver.fit([frame], guess, guess, LEVELS, flow=(True,) * len(LEVELS))
    return pose, float(picture_error(solver.observer, [frame], pose)[0])


class _Way:
    """One way through the frames, each from where the one before leads. poses, errors: of all frames as far as it has come."""

    def __init__(self, poses: Poses, errors: Float64, order: range) -> None:
        self.poses, self.errors = poses, errors
        self._enough = LOST * errors[0]
        self._order, self._step = iter(order), order.step
        self._won = False

    def next_try(self) -> tuple[int, Poses] | None:
        """The next frame that its neighbour promises more, and what that leads to; None where none is left."""
        for frame in self._order:
            errors, won = self.errors, self._won
            self._won = False
            if errors[frame] > self._enough and (won or errors[frame - self._step] < BETTER * errors[frame]):
                before = frame - 2 * self._step
                earlier = self.poses[[before]] if 0 <= before < len(self.poses) else None
                return frame, predict(self.poses[[frame - self._step]], earlier, SPEED)
        return None

    def offer(self, frame: int, pose: Poses, error: float) -> None:
        """Take a frame's new pose where it is better."""
        if error < (1 - LEAST_GAIN) * self.errors[frame]:
            self.poses.store([frame], pose)
            self.errors[frame], self._won = error, True
