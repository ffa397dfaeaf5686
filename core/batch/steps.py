"""The steps that a shot takes one after another, each a piece of work that may run on another machine than the one before it."""

import json
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from ..clip_stage import GENERATED_FILE
from ..drive import AnimateRequest
from ..job import JOB_FILE, Task
from ..settings import Declared, declared
from .table import Shot


class Step(StrEnum):
    """One piece of a shot's work."""

    PICTURE = "picture"
    """Blender renders the subject for a video to start from, and writes the job of making that. A processor's work."""

    GENERATE = "generate"
    """A video model makes the driving video. A graphics card's work, by a process that keeps its model."""

    ANIMATE = "animate"
    """The motion is found and brought into the file; of a job folder, the engine runs. A processor's work."""


def steps_of(shot: Shot) -> tuple[Step, ...]:
    """What has to be done for a shot."""
    if shot.request is not None:
        return (Step.PICTURE, Step.GENERATE, Step.ANIMATE) if not shot.request.settings.get("video") else (Step.ANIMATE,)
    try:
        head = json.loads((Path(shot.job) / JOB_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return (Step.ANIMATE,)  # the engine tells what is wrong with it
    task = head.get("task", Task.ANIMATE)
    if task == Task.GENERATE:
        return (Step.GENERATE,)
    return (Step.GENERATE, Step.ANIMATE) if task == Task.ANIMATE and not head.get("video") else (Step.ANIMATE,)


def job_folder(folder: Path, shot: Shot, step: Step) -> Path:
    """The job folder that a step works in; folder: the shot's own."""
    if shot.job:
        return Path(shot.job)
    return folder / ("job" if step is Step.ANIMATE else "generation")


def animate_request(folder: Path, shot: Shot) -> AnimateRequest | None:
    """What Blender is asked for in the end: with the generated video at its own speed, where there is one; None for a shot that is a job folder."""
    request = shot.request
    if request is None or Step.GENERATE not in steps_of(shot):
        return request
    video = job_folder(folder, shot, Step.GENERATE) / GENERATED_FILE
    return replace(request, settings={**{name: value for name, value in request.settings.items() if not _generates(name)}, "video": str(video), "timing": "MATCH_FPS"})


def picture_settings(request: AnimateRequest) -> dict[str, object]:
    """The settings that a picture and the video that starts from it depend on."""
    return {name: value for name, value in request.settings.items() if _generates(name) or _declared(name).stage == "video" or name == "seed"}


def _generates(name: str) -> bool:
    return _declared(name).stage == "generate"


def _declared(name: str) -> Declared:
    return next(one for one in declared() if one.name == name)
