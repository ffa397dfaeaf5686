"""Motion beyond the bones that a video shows: the user's own, or one that a model restored from a rendering of the bones' motion."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from .errors import InputError
from .job import Request
from .residual import ResidualReport, fit_residual
from .residual.coarse import coarse_film
from .retiming import retimed_tissue
from .types import Clip, Motion, Progress, Rig, Tissue, UInt8, View
from .video import load_clip, write_film
from .video.decode import open_film, pictures
from .video.flow import follower
from .video.generate.hub import fetcher
from .video.letterbox import resize
from .video.masks import over_white
from .video.restore import load_restorer, restore_video

COARSE_FILE, RESTORED_FILE = "coarse.mp4", "restored.mp4"
"""Films of the bones' motion and of what a model made of it, in the job folder for people to see."""


def follow(request: Request, rig: Rig, motion: Motion, clip: Clip, progress: Progress) -> tuple[Tissue, ResidualReport]:
    """What a clip shows beyond the bones; a clip with times of its own is followed at the scene's nearest frames."""
    count = len(motion.rotations)
    frames = np.arange(count, dtype=np.int32) if clip.times is None else np.rint(clip.times).astype(np.int32)
    shown = np.flatnonzero((frames < count) & (np.diff(frames, prepend=-1) > 0))
    frames = frames[shown]
    tissue, report = fit_residual(
        request.mesh,
        rig,
        replace(motion, rotations=motion.rotations[frames], translations=motion.translations[frames], scales=motion.scales[frames]),
        request.needed_view(),
        replace(clip, frames=clip.frames[shown], masks=clip.masks[shown]),
        resolution=request.settings.fit.fit_resolution,
        settings=request.settings.residual,
        max_keys=request.settings.tissue.shape_keys,
        flow=follower(request.settings.fit.flow, request.settings.fit.flow_weights),
        progress=progress,
    )
    return retimed_tissue(tissue, frames, count), report


def restored_clip(
    request: Request, rig: Rig, motion: Motion, view: View, still: UInt8, folder: Path, warn: Callable[[str], None], progress: Progress
) -> Clip:
    """What a video model makes of the bones' motion, cut out like any driving video.

    view: of the clip's size. still: uint8[H, W, 3], of the same, the subject as it stands. folder: where the films are written.
    Where the model did not keep the background plain, the outlines are those of the bones' motion, and `warn` is told.
    """
    settings, generate = request.settings.restore, request.settings.generate
    coarse = coarse_film(request.mesh, rig, motion, view, still, request.fps, lambda fraction, text: progress(0.1 * fraction, text))
    write_film(folder / COARSE_FILE, coarse.frames, request.fps)
    fetch = fetcher(warn, lambda fraction, text: progress(0.1, text)) if generate.allow_download else None
    model = load_restorer(settings.restore_model, generate.quantize, fetch)
    frames = restore_video(model, coarse, settings, request.settings.fit.seed, lambda fraction, text: progress(0.1 + 0.8 * fraction, text))
    film = folder / RESTORED_FILE
    write_film(film, frames, request.fps)
    outline = np.repeat(coarse.masks[0, ..., None], 4, axis=-1)
    try:
        return load_clip(film, view, fps=request.fps, timing="EVERY_FRAME", frame_count=0, mask_path=None, still=outline)
    except InputError as error:
        warn(f"No outlines can be read from the restored video: {error.problem} Those of the bones' motion are used.")
        return replace(coarse, frames=frames)


def read_still(path: Path, view: View) -> UInt8:
    """uint8[H, W, 3]: a render with alpha, on white, of the view's size. Raises InputError where there is none."""
    picture = next(pictures(open_film(path)))
    alpha = np.full(picture.rgb.shape[:2], 255, np.uint8) if picture.alpha is None else picture.alpha
    return resize(over_white(picture.rgb, alpha), view.width, view.height)
