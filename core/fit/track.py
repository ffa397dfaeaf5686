"""Frame after frame: where the subject goes, from where it was."""

from collections.abc import Callable
from dataclasses import dataclass

from ..workers import each
from .compare import picture_error
from .limbs import limb_joints, recover
from .observe import Observer
from .painting import Paint
from .poses import Poses
from .solver import Solver, predict


@dataclass(frozen=True)
class Attempt:
    """One way to start a frame. speed: share of the last frame's motion expected again. levels, flow: see `Solver.fit`."""

    speed: float
    levels: tuple[int, ...]
    flow: tuple[bool, ...]


ATTEMPTS = (
    Attempt(0.7, (0, 1, 2, 3), (True, True, True, True)),
    Attempt(0.0, (1, 2, 3), (False, True, True)),
)

POLISH = (1, 2, 3)

WELL_EXPLAINED = 1.1
"""No limb is looked for where a frame's error is at most this many times that of frame 0, whose pose is known."""


def track(solver: Solver, small: Observer, progress: Callable[[float], None], stop: Callable[[], bool] = lambda: False, seen: Callable[[int, Poses], None] = lambda frame, pose: None) -> tuple[Poses, int]:
    """Poses of all frames, each started from where the last two lead, and how many frames were followed.

    small: for trying out limbs. stop: asked before every frame whether to end here; the rest then stays as the last one.
    seen: told the pose that was found for a frame.
    """
    count = len(solver.observer.evidence)
    limbs = [Paint.of(small, joint) for joint in limb_joints(solver.problem)]
    poses = solver.problem.rest(count)
    enough = WELL_EXPLAINED * picture_error(solver.observer, [0], poses[0:1])[0]
    for frame in range(1, count):
        if stop():
            poses.store(slice(frame, count), poses[frame - 1 : frame])
            return poses, frame
        before = poses[frame - 2 : frame - 1] if frame > 1 else None
        best, error = _best_attempt(solver, frame, poses[frame - 1 : frame], before)
        swung = recover(frame, best, limbs) if error > enough else None
        if swung is not None:
            swung = solver.fit([frame], swung, swung, POLISH)
            if picture_error(solver.observer, [frame], swung)[0] < error:
                best = swung
        poses.store(slice(frame, frame + 1), best)
        seen(frame, best)
        progress(frame / count)
    return poses, count


def _best_attempt(solver: Solver, frame: int, last: Poses, before: Poses | None) -> tuple[Poses, float]:
    """The pose that explains the frame best, and its error."""

    def pose(attempt: Attempt) -> Poses:
        guess = predict(last, before, attempt.speed)
        return solver.fit([frame], guess, guess, attempt.levels, flow=attempt.flow)

    poses = Poses.stack(each(pose, ATTEMPTS))
    errors = picture_error(solver.observer, [frame] * len(poses), poses)
    best = int(errors.argmin())
    return poses[best : best + 1], float(errors[best])

