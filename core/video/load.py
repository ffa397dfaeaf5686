"""The driving video, from the file to frames and masks on the camera's picture.

Two passes: the first looks at times and at a few small pictures (background, transparency, damage), the second decodes again
and keeps only what the fit needs. So memory holds a few large pictures and the finished clip, whatever the video's size.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..types import Clip, Float64, Int32, Progress, UInt8, View, no_progress
from ..workers import each
from .background import Background, fit_background, shrink
from .decode import Film, Picture, open_film, pictures
from .letterbox import Placement, onto_canvas, place, resize
from .levelling import border_colour, levelled
from .masks import check_background, faintest_level, from_grey, grey_levels, over_white, uses_alpha
from .matte import matte
from .timing import EVERY_FRAME, frame_choice, without_repeats

log = logging.getLogger(__name__)

SAMPLES = 12
"""Frames looked at for the background."""
SURVEY_SHARE = 0.2
"""Share of the time that the first pass takes, for the progress told."""
AT_ONCE = 4
"""Pictures held to be cut out side by side."""
WORKING_SIDE = 512
"""Masks are cut at the video's own size; a longer side beyond this is scaled down first, but not below what is wanted."""


@dataclass(frozen=True)
class Survey:
    """What the first pass found.

    seconds: float64[N], when each frame is shown. width, height: of the stored picture.
    samples: up to 2 * SAMPLES small pictures spread over the clip, uint8[h, w, 3]; alphas: theirs.
    first: frame 0, whole. complete: whether the film was read to its end.
    """

    seconds: Float64
    width: int
    height: int
    samples: list[UInt8]
    alphas: list[UInt8]
    first: Picture
    complete: bool


@dataclass(frozen=True)
class Look:
    """How a decoded picture becomes frame and mask: `cut` gives both at the picture's size, `padding` fills the letterbox."""

    cut: Callable[[Picture], tuple[UInt8, UInt8]]
    padding: Float64


def load_clip(
    path: Path,
    view: View,
    *,
    fps: float,
    timing: str,
    frame_count: int,
    mask_path: Path | None,
    still: UInt8 | None,
    name: str = "",
    mask_name: str = "",
    progress: Progress = no_progress,
) -> Clip:
    """Decode a driving video onto the view's picture and cut out its subject.

    path: a video, a folder of images, or the first image of a numbered sequence. view: its width and height are the clip's.
    fps: the scene's frame rate. timing: EVERY_FRAME or MATCH_FPS (see `frame_choice`; an image sequence has no speed of its
    own and is taken frame by frame). frame_count: most frames wanted, 0 for all. mask_path: a video of the same length, white
    where the subject is; without it the mask comes from the film's alpha if it has one, else from its plain background.
    still: uint8[H, W, 4], a render of the view with alpha, where there is one: frame 0's true mask, by which the mask's
    sensitivity is chosen. name, mask_name: what the user calls the two files, where that is not what they are called here.
    Where the aspects differ by more than 1 %, the whole picture is shown and the rest padded with the background's colour.
    Raises InputError, a sentence each, for what cannot be used.
    """
    film = open_film(path, name)
    survey = survey_film(film, frame_count if timing == EVERY_FRAME else 0, lambda fraction, text: progress(SURVEY_SHARE * fraction, text))
    timing = EVERY_FRAME if film.images else timing
    chosen = frame_choice(survey.seconds, fps=fps, timing=timing, frame_count=frame_count)
    times: Float64 | None = None
    if timing != EVERY_FRAME:
        chosen, times = without_repeats(chosen, survey.seconds, fps=fps)
    if len(chosen) < 2:
        raise InputError(f"The video {film.name} is {len(chosen)} frame long.", "Animation needs at least two frames: choose a longer video.")
    placement = place(survey.width, survey.height, film.pixel_aspect, view.width, view.height)
    log.info("%s: %d frames of %d x %d, %s", film.name, len(survey.seconds), survey.width, survey.height, placement.describe())
    size = _working_size(survey, placement)
    if mask_path is not None:
        frames, masks = _with_mask_film(film, survey, open_film(mask_path, mask_name), chosen, placement, progress)
        return Clip(frames, masks, fps, times)
    look = _alpha_look() if uses_alpha(survey.alphas) else _plain_look(film, survey, size, placement, still)
    frames = np.empty((len(chosen), view.height, view.width, 3), np.uint8)
    masks = np.empty((len(chosen), view.height, view.width), np.uint8)

    def cut(wanted: tuple[int, Picture]) -> None:
        index, picture = wanted
        frame, mask = look.cut(_scaled(picture, size))
        frames[index] = onto_canvas(frame, placement, look.padding)
        masks[index] = onto_canvas(mask, placement, 0.0)

    pictures_wanted = _wanted(film, chosen, progress)
    while some := list(islice(pictures_wanted, AT_ONCE)):
        each(cut, some)
    _check_first_mask(masks[0], film.name)
    return Clip(frames, masks, fps, times)


def survey_film(film: Film, frame_count: int, progress: Progress = no_progress) -> Survey:
    """The first pass: decode everything (or the first `frame_count` frames, if not 0) and keep little of it."""
    seconds: list[float] = []
    samples: list[tuple[UInt8, UInt8 | None]] = []
    first: Picture | None = None
    stride, complete = 1, True
    expected = frame_count or len(film.images) or film.announced
    for index, picture in enumerate(pictures(film)):
        if expected:
            progress(min(1.0, index / expected), "looking at the driving video")
        first = first or picture
        seconds.append(picture.seconds)
        if index % stride == 0:
            samples.append((shrink(picture.rgb), None if picture.alpha is None else shrink(picture.alpha)))
        if len(samples) > 2 * SAMPLES:  # The length is not known beforehand: thin out as it grows.
            samples, stride = samples[::2], stride * 2
        if len(seconds) == frame_count:
            complete = False
            break
    if first is None:
        raise InputError(f"The video {film.name} holds no frames.", "Save or download it again.")
    height, width = first.rgb.shape[:2]
    alphas = [alpha for _, alpha in samples if alpha is not None]
    shown = np.maximum.accumulate(np.array(seconds))  # in order also where a file's times are not
    return Survey(shown, width, height, [rgb for rgb, _ in samples], alphas, first, complete)


def _working_size(survey: Survey, placement: Placement) -> tuple[int, int]:
    """Width and height at which masks are cut."""
    scale = min(1.0, max(WORKING_SIDE, placement.width, placement.height) / max(survey.width, survey.height))
    return max(1, round(survey.width * scale)), max(1, round(survey.height * scale))


def _scaled(picture: Picture, size: tuple[int, int]) -> Picture:
    return Picture(picture.seconds, resize(picture.rgb, *size), None if picture.alpha is None else resize(picture.alpha, *size))


def _wanted(film: Film, chosen: Int32, progress: Progress) -> Iterator[tuple[int, Picture]]:
    """(frame of the clip, picture) for every chosen frame."""
    place_in_clip = 0
    for index, picture in enumerate(pictures(film)):
        if place_in_clip < len(chosen) and chosen[place_in_clip] == index:
            progress(SURVEY_SHARE + (1 - SURVEY_SHARE) * place_in_clip / len(chosen), "cutting out the subject")
            yield place_in_clip, picture
            place_in_clip += 1
        if place_in_clip == len(chosen):
            return


def _alpha_look() -> Look:
    def cut(picture: Picture) -> tuple[UInt8, UInt8]:
        alpha = np.full(picture.rgb.shape[:2], 255, np.uint8) if picture.alpha is None else picture.alpha
        return over_white(picture.rgb, alpha), alpha

    return Look(cut, np.full(3, 255.0))


def _plain_look(film: Film, survey: Survey, size: tuple[int, int], placement: Placement, still: UInt8 | None) -> Look:
    wanted = border_colour(survey.first.rgb)
    background = fit_background([levelled(sample, wanted) for sample in survey.samples])
    check_background(background, film.name)
    field = background.picture(size[1], size[0])
    still_alpha = None if still is None else _uncovered(still[..., 3], placement)
    faintest = faintest_level(_scaled(survey.first, size).rgb, background, still_alpha)
    log.info("background %s, spread %.1f, faintest %.0f", np.round(background.colour), background.spread, faintest)

    def cut(picture: Picture) -> tuple[UInt8, UInt8]:
        frame = levelled(picture.rgb, wanted)
        return frame, matte(frame, field, faintest)

    return Look(cut, background.colour)


def _uncovered(alpha: UInt8, placement: Placement) -> UInt8:
    """The part of a picture of the view that the video's picture covers."""
    canvas = resize(alpha, placement.canvas_width, placement.canvas_height)
    return canvas[placement.top : placement.top + placement.height, placement.left : placement.left + placement.width]


def _with_mask_film(film: Film, survey: Survey, mask_film: Film, chosen: Int32, placement: Placement, progress: Progress) -> tuple[UInt8, UInt8]:
    """Frames uint8[T, H, W, 3] of one film, masks uint8[T, H, W] of another."""
    mask_survey = survey_film(mask_film, len(survey.seconds) + 1)
    _check_mask_film(mask_film, mask_survey, film, survey)
    levels = grey_levels(mask_survey.samples, mask_film.name)
    background: Background = fit_background(survey.samples)
    padding = background.colour if background.plain else np.full(3, 255.0)
    shape = (len(chosen), placement.canvas_height, placement.canvas_width)
    frames, masks = np.empty((*shape, 3), np.uint8), np.empty(shape, np.uint8)
    both = zip(_wanted(film, chosen, progress), _wanted(mask_film, chosen, no_progress), strict=True)
    for (index, picture), (_, mask) in both:
        frames[index] = onto_canvas(picture.rgb, placement, padding)
        masks[index] = onto_canvas(from_grey(mask.rgb, levels), placement, 0.0)
    _check_first_mask(masks[0], mask_film.name)
    return frames, masks


def _check_mask_film(mask_film: Film, mask: Survey, film: Film, survey: Survey) -> None:
    name, count, wanted = mask_film.name, len(mask.seconds), len(survey.seconds)
    if count < wanted or (count > wanted and survey.complete):
        raise InputError(
            f"The mask video {name} has {'more than ' * (count > wanted)}{min(count, wanted)} frames, the driving video {wanted}.",
            "Give a mask for every frame of it.",
        )
    one, other = mask.width * mask_film.pixel_aspect / mask.height, survey.width * film.pixel_aspect / survey.height
    if abs(one / other - 1) > 0.02:
        raise InputError(
            f"The mask video {name} ({mask.width} x {mask.height}) has another shape than the driving video ({survey.width} x {survey.height}).",
            "Save both in the same format.",
        )


def _check_first_mask(mask: UInt8, name: str) -> None:
    if not (mask > 127).any():
        raise InputError(f"The first frame of {name} shows no subject.", "The video must start with the subject as it stands.")
