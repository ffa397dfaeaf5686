"""Candidates of a driving video from a render and the generate settings, as files in a folder."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from ...candidate_files import SHEET_FILE, still_of, video_of
from ...errors import InputError
from ...prompts import full_negative, full_prompt
from ...settings import GenerateSettings
from ...types import Progress, UInt8, View, no_progress
from ..film import side_by_side, write_film
from ..letterbox import resize
from .hosted import access_token, generate_hosted
from .hub import fetcher
from .kept import Models
from .loading import free
from .models import MODELS, VideoModel, named
from .picture import Shape, brought_back, shape_for, start_picture
from .sampling import Wish, sample
from .source import Source, find_pipeline, video_model

log = logging.getLogger(__name__)

SHEET_COLUMNS, SHEET_HEIGHT = 5, 160
"""Pictures of each candidate in the contact sheet, and their height in pixels."""

LOADING_SHARE = 0.15
"""Of the time, for the progress told."""


@dataclass(frozen=True)
class Generated:
    """What was made. videos: files in order of their seeds, a still of each beside it. sheet: the contact sheet. notes: for the report."""

    videos: tuple[Path, ...]
    sheet: Path
    notes: dict[str, str]


Maker = Callable[[Wish, int, Progress], tuple[list[UInt8], float]]
"""Makes one candidate, from its wish and its number from 0: its frames, and how many of them a second."""


def generate(
    render: UInt8,
    view: View,
    settings: GenerateSettings,
    folder: Path,
    *,
    seed: int = 0,
    frames: int = 0,
    frames_fps: float = 0.0,
    progress: Progress = no_progress,
    warn: Callable[[str], None] = log.warning,
    models: Models | None = None,
    show: Callable[[UInt8], None] = lambda picture: None,
) -> Generated:
    """Make all candidates: generated-1.mp4 and so on in `folder`, of the view's size, and a contact sheet of them.

    render: uint8[H, W, 4], the subject as it stands, from the view. seed: of the first candidate; each next has one more.
    frames: wanted, 0 for the model's own number. frames_fps: they are of a scene that plays so many a second, and the video is to
    last as long; 0 where they are the video's own. warn: told what the user should know, in a sentence. models: of a process that
    keeps its model for the next video; by default it is loaded for this call alone. show: given a small
    picture of the video that is being made, uint8[h, w, 3], after every step.
    Raises AnimaMimicError with the sentence for the user.
    """
    if not settings.prompt.strip() and not settings.hosted and not _deaf(settings.model):
        raise InputError("There is no prompt.", "Say what the subject shall do.")
    if settings.hosted:
        row = named(settings.model) or MODELS[0]
        shape = shape_for(row, view.width, view.height, longer_side=settings.video_size, frames=_own_frames(frames, frames_fps, row.fps))
        return _made(_hosted_maker(settings, folder), _wish(render, settings, shape, seed), settings, (view, folder), {"model": settings.model, "made_by": "a hosted service"}, progress)
    source, row = _source(settings, progress, warn)
    shape = shape_for(row, view.width, view.height, longer_side=settings.video_size, frames=_own_frames(frames, frames_fps, row.fps))
    loaded = (models or Models()).loaded(source, row.pipeline, settings.quantize, lambda plan: progress(0.02, f"loading {row.name}: {plan.describe()}"))
    notes = {"model": row.name, "licence": row.licence, "memory": loaded.plan.describe(), "made_at": f"{shape.frames} frames of {shape.width} x {shape.height}"}

    def make(wish: Wish, number: int, told: Progress) -> tuple[list[UInt8], float]:
        return sample(loaded.pipeline, row, wish, lambda step, steps, look: _stepped(number, step, steps, look, told, show)), row.fps

    try:
        return _made(make, _wish(render, settings, shape, seed), settings, (view, folder), notes, progress)
    finally:
        free(loaded.pipeline)


def _own_frames(frames: int, frames_fps: float, fps: float) -> int:
    """Frames of the model's rate that last as long as those of the scene."""
    return math.ceil((frames - 1) * fps / frames_fps) + 1 if frames and frames_fps else frames


def _deaf(model: str) -> bool:
    """Whether the model is known to make videos without words; of a folder this shows only when it is opened."""
    row = named(model)
    return Path(model).expanduser().is_dir() or (row is not None and not row.takes_prompt)


def _source(settings: GenerateSettings, progress: Progress, warn: Callable[[str], None]) -> tuple[Source, VideoModel]:
    """The pipeline on disk, downloaded first where that is allowed and needed, and what is known of it."""
    fetch = fetcher(warn, lambda fraction, text: progress(LOADING_SHARE * fraction, text)) if settings.allow_download else None
    source = find_pipeline(settings.model, video_model, fetch)
    row = video_model(source.index, settings.model)
    if row.takes_prompt and not settings.prompt.strip():
        raise InputError("There is no prompt.", "Say what the subject shall do.")
    return source, row


def _wish(render: UInt8, settings: GenerateSettings, shape: Shape, seed: int) -> Wish:
    return Wish(
        prompt=full_prompt(settings.prompt, not settings.plain_prompt),
        negative=full_negative(settings.negative_prompt, not settings.plain_prompt),
        start=start_picture(render, shape),
        shape=shape,
        steps=settings.steps,
        guidance=settings.guidance,
        seed=seed,
    )


def _hosted_maker(settings: GenerateSettings, folder: Path) -> Maker:
    def make(wish: Wish, number: int, told: Progress) -> tuple[list[UInt8], float]:
        told(0.0, f"waiting for the hosted model, candidate {number + 1}")
        raw = folder / f"hosted-{number + 1}.mp4"
        return generate_hosted(settings.model, named(settings.model), wish, raw, token=access_token())

    return make


def _made(make: Maker, wish: Wish, settings: GenerateSettings, place: tuple[View, Path], notes: dict[str, str], progress: Progress) -> Generated:
    view, folder = place
    videos, rows = [], []
    for number in range(settings.candidates):

        def told(fraction: float, text: str, number: int = number) -> None:
            progress(LOADING_SHARE + (1 - LOADING_SHARE) * (number + fraction) / settings.candidates, text)

        made, fps = make(replace(wish, seed=wish.seed + number), number, told)
        frames = brought_back(made, wish.shape, view.width, view.height)
        videos.append(video_of(folder, number + 1))
        write_film(videos[-1], frames, fps)
        _write(still_of(videos[-1]), frames[len(frames) // 2])
        rows.append(contact_row(frames))
    _write(folder / SHEET_FILE, np.concatenate(rows, 0))
    return Generated(tuple(videos), folder / SHEET_FILE, notes | {"prompt": wish.prompt})


def contact_row(frames: Sequence[UInt8]) -> UInt8:
    """Some frames of a video, from the first to the last, in one row; uint8[h, w, 3]."""
    chosen = np.linspace(0, len(frames) - 1, SHEET_COLUMNS).round().astype(int)
    return side_by_side([frames[one] for one in chosen], SHEET_HEIGHT)


def _stepped(number: int, step: int, steps: int, look: UInt8 | None, told: Progress, show: Callable[[UInt8], None]) -> None:
    if look is not None:
        show(resize(look, round(look.shape[1] * SHEET_HEIGHT / look.shape[0]), SHEET_HEIGHT))
    told(step / steps, f"candidate {number + 1}, step {step} of {steps}")


def _write(path: Path, picture: UInt8) -> None:
    """Write a PNG whole: others may look at it meanwhile."""
    encoded, data = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    assert encoded
    part = path.with_suffix(".part")
    part.write_bytes(data.tobytes())
    part.replace(path)
