"""Frame after frame: where the subject goes, from where it was."""

from collections.abc import Callable

from .problem import Poses
from .solver import Solver, predict

SPEED_KEPT = 0.7
"""Share of the last frame's motion that the next frame is expected to repeat."""


def track(solver: Solver, progress: Callable[[float], None]) -> Poses:
    """Poses of all frames, each started from where the last two lead."""
    count = len(solver.observer.evidence)
    poses = Poses.rest(count, solver.problem.joints)
    for frame in range(1, count):
        before = poses[frame - 2 : frame - 1] if frame > 1 else None
        guess = predict(poses[frame - 1 : frame], before, SPEED_KEPT)
        poses.store(slice(frame, frame + 1), solver.fit([frame], guess, guess, levels=(0, 1, 2)))
        progress(frame / count)
    return poses
