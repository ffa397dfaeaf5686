"""The driving videos of a job: made from its picture of the view and its settings; the one that the user or the fit prefers."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from . import job
from .errors import InputError
from .job import Request
from .types import Progress, UInt8
from .video import check_driving, load_clip, subject_coverage
from .video.decode import read_rgba
from .video.generate import Generated, Models, generate

JUDGED_SIDE = 256
"""Longer side, in pixels, at which candidates are compared."""


def generate_candidates(folder: Path, request: Request, progress: Progress, warn: Callable[[str], None], models: Models | None = None, show: Callable[[UInt8], None] = lambda picture: None) -> Generated:
    """Make the videos that the settings ask for into the job folder; they last as long as the scene's frames that are asked for.

    Raises AnimaMimicError with the sentence for the user. models: of a process that keeps its model for the next job, see `video.generate`.
    """
    settings = request.settings
    check_pick(request)
    return generate(
        _render(folder),
        request.needed_view(),
        settings.generate,
        folder,
        seed=settings.fit.seed,
        frames=request.frame_count,
        frames_fps=request.fps,
        progress=progress,
        warn=warn,
        models=models,
        show=show,
    )


def check_pick(request: Request) -> None:
    """Raise InputError where a candidate is picked that is not made."""
    wanted = request.settings.generate
    if wanted.pick > wanted.candidates:
        raise InputError(f"Candidate {wanted.pick} is picked of {wanted.candidates}.", "Pick one of them, or 0 for the one that the fit can use best.")


def chosen(videos: Sequence[Path], request: Request) -> int:
    """Which of the candidates drives the motion, counted from 0: the one that is picked, else the one that the fit can use best.

    That is the one whose first frame shows the subject as it stands, whose camera is still, where nothing is cut; the first one where
    none can be used: the run's own check then says why.
    """
    if request.settings.generate.pick:
        return request.settings.generate.pick - 1
    return int(np.argmin([_score(video, request) for video in videos])) if len(videos) > 1 else 0


def _score(video: Path, request: Request) -> float:
    """Lower is better; infinite for a video that cannot be used."""
    view = request.needed_view().resized(JUDGED_SIDE)
    coverage = subject_coverage(request.mesh, view)
    try:
        clip = load_clip(video, view, fps=request.fps, timing="EVERY_FRAME", frame_count=0, mask_path=None, still=np.repeat(coverage[..., None], 4, axis=-1))
    except InputError:
        return float("inf")
    check = check_driving(clip, coverage)
    trouble = 10 * check.registration_error + (check.camera_shift_pct or 0.0) + check.registration_shift_pct + 100 * abs(check.registration_scale - 1.0)
    return trouble + 10 * len(check.cuts) + 10 * len(check.leaves_frame) / len(clip.frames) + check.flicker / 10


def _render(folder: Path) -> UInt8:
    try:
        return read_rgba(folder / job.VIEW_FILE)
    except InputError as error:
        raise InputError("The job holds no picture of the view to start from.", "Make the job again.") from error
