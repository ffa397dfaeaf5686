"""The fit: the motion of the bones that explains the video."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ..errors import InputError
from ..settings import FitSettings
from ..types import Clip, Mesh, Motion, Progress, Rig, UInt8, View, no_progress
from ..video.flow import DIS, Follower, follower
from .evidence import BLURS, Evidence
from .exchange import exchange
from .freedom import Fitted, free_joints, freed_joints
from .hinge import Hinges
from .hypotheses import reconsider
from .judge import Judgement, judge
from .look import Look
from .observe import BY_DIS, Observer
from .poses import Poses
from .preview import Preview
from .problem import Problem
from .propagate import won_back
from .refine import refine
from .smoothness import Smoothness
from .solver import OWN_RIG, Priors, Solver
from .track import track

log = logging.getLogger(__name__)

Settle = Callable[[Solver, Poses, Smoothness, Callable[[], bool]], Poses]
"""Improves the poses of a clip; the last is asked now and then whether to end."""


@dataclass(frozen=True)
class FitReport:
    """How well the motion explains the video.

    iou: of the silhouette, every frame; mean_iou, worst_iou. image_error: mean absolute colour difference of every frame, 0 to 1,
    over the area that either the estimate or the frame's subject covers. followed: frames in which the subject was looked for; fewer
    than the clip has where the fit was stopped. freed: names of the bones that stretch or leave their place. seconds: by part of the fit. resolution: pixels.
    """

    iou: list[float]
    mean_iou: float
    worst_iou: float
    image_error: list[float]
    followed: int
    freed: list[str]
    seconds: dict[str, float]
    resolution: list[int]

    @staticmethod
    def of(found: Judgement, fitted: Fitted, seconds: dict[str, float]) -> "FitReport":
        """In numbers that JSON can hold."""
        problem, look = fitted.solver.problem, fitted.solver.observer.look
        return FitReport(
            iou=[round(float(value), 4) for value in found.iou],
            mean_iou=round(float(found.iou.mean()), 4),
            worst_iou=round(float(found.iou.min()), 4),
            image_error=[round(float(value), 4) for value in found.difference],
            followed=fitted.followed,
            freed=[problem.rig.names[problem.bone_of_joint[joint]] for joint in freed_joints(problem)],
            seconds=seconds,
            resolution=[look.width, look.height],
        )


@dataclass
class Stopwatch:
    """Seconds by part."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the seconds of the block under this name."""
        begun = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - begun, 2)


def fit_motion(
    mesh: Mesh,
    rig: Rig,
    view: View,
    clip: Clip,
    settings: FitSettings,
    progress: Progress = no_progress,
    base: Priors = OWN_RIG,
    stop: Callable[[], bool] = lambda: False,
    show: Callable[[UInt8], None] = lambda picture: None,
    settle: Settle | None = None,
) -> tuple[Motion, FitReport]:
    """Find the rotations of every bone, and the translations of the roots, that make the mesh move as the video's subject does.

    The clip's first frame shows the mesh as it stands. Its frames and masks may have any resolution of the view's aspect; they
    are compared with the estimate at `settings.fit_resolution`. base: what is believed of such a rig without looking; the
    settings scale it. stop: asked now and then whether to end here: what is found by then is kept, later frames stay as the last one.
    show: given a small picture uint8[H, W, 3] of the estimate over the video now and then.
    settle: what else is done to the poses at the end, by somebody who knows more of the surface than that bones carry it.

    Raises InputError where the rig moves nothing, the subject is not in the view, or the chosen flow cannot be had.
    """
    watch = Stopwatch()
    with watch.part("prepare"):
        progress(0.0, "taking the subject's look")
        solver, small = prepare(mesh, rig, view, clip, settings, base)
    preview = Preview(show)
    smoothness = Smoothness(Smoothness.turn * settings.smoothness, Smoothness.shift * settings.smoothness)

    def seen(frame: int, pose: Poses) -> None:
        preview.show(solver.observer, frame, pose)

    def refined(solver: Solver, small: Observer, poses: Poses, tell: Progress, promising: Callable[[Poses], bool] = lambda poses: True) -> Poses:
        """All frames together, with what this solver's problem leaves free."""

        def limbs_elsewhere(poses: Poses) -> Poses:
            with watch.part("limbs"):
                poses = reconsider(small, poses, Hinges.of(poses).scaled(solver.priors.hinge))
            if not solver.priors.loosens:
                return poses
            with watch.part("lost frames"):
                return won_back(solver, exchange(solver, poses, stop), stop)

        with watch.part("refine"):
            return refine(solver, poses, smoothness, lambda fraction: tell(0.8 + 0.18 * fraction, "refining all frames"), stop, seen, limbs_elsewhere, promising)

    with watch.part("track"):
        poses, followed = track(solver, small, lambda fraction: progress(0.8 * fraction, "following the subject"), stop, seen)
    fitted = Fitted(solver, small, refined(solver, small, poses, progress), followed)
    if settings.stretch == "AUTO" and base.frees:

        def at_the_end(_: float, text: str) -> None:
            progress(0.98, f"trying a bone that may do more: {text}")  # a bar does not go back

        fitted = free_joints(fitted, lambda solver, small, poses, promising: refined(solver, small, poses, at_the_end, promising), stop)
    if settle is not None and not stop():
        with watch.part("settle"):
            progress(0.98, "settling the bones beneath what moves on its own")
            fitted = replace(fitted, poses=settle(fitted.solver, fitted.poses, smoothness, stop))
    with watch.part("report"):
        found = judge(fitted.solver, fitted.poses)
    motion = fitted.solver.problem.motion(fitted.poses, found.certainty)
    report = FitReport.of(found, fitted, watch.seconds)
    progress(1.0, "fitted")
    log.info("fit: %d frames, silhouette IoU %.3f, worst %.3f, %s", len(found.iou), report.mean_iou, report.worst_iou, watch.seconds)
    return motion, report


def prepare(mesh: Mesh, rig: Rig, view: View, clip: Clip, settings: FitSettings, base: Priors = OWN_RIG) -> tuple[Solver, Observer]:
    """Everything that is made once for a clip: the solver, and an observer of a picture half as large."""
    if not len(rig.names) or not (rig.weights > 0).any():
        raise InputError("The rig has no bone that moves the subject.", "Give the mesh vertex groups named like the bones, or choose an automatic rig.")
    torch.manual_seed(settings.seed)
    problem = Problem.of(mesh, rig, view)
    flow = follower(settings.flow, settings.flow_weights)
    followers = BY_DIS if flow is DIS else (flow,) * len(BLURS)
    observer = _observer(problem, clip, view.resized(settings.fit_resolution), followers)
    if not observer.look.in_view:
        raise InputError("The subject is not in the camera's view.", "Point the camera at it, or let a new camera frame it.")
    small = _observer(problem, clip, view.resized(max(settings.fit_resolution // 2, 64)), followers)
    rest, smooth = settings.rest_prior, settings.smoothness
    priors = replace(base, rest=base.rest * rest, bulk=base.bulk * rest, turn=base.turn * smooth, shift=base.shift * smooth)
    return Solver(observer, priors), small


def _observer(problem: Problem, clip: Clip, view: View, followers: tuple[Follower, ...]) -> Observer:
    """Compares at the view's size; the look is taken from frame 0 at its full size."""
    look = Look.of(problem, clip.frames[0].astype(np.float32) / 255, view.width, view.height)
    return Observer.of(problem, look, Evidence.of(clip, view.width, view.height), followers)
