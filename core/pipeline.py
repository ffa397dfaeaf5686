"""The engine's run over one job folder: the task that is asked for, most often video, rig, fit, tissue, keys."""

import json
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import job
from .bounds import begin_process, bound, helping_processes, out_of_memory
from .clip_stage import clip_view, driving_clip, generated_request, make_driving_video
from .errors import AnimaMimicError, InputError
from .files import write_text
from .flow_weights import with_content_of_weights
from .job import Message, Request, Result, Task
from .narrator import Narrator, report_values
from .refine_stage import REFINING, fitted
from .refine_stage import wanted as refinement_wanted
from .soft_stage import LAYER_STAGES, beyond_bones, flesh, imagined
from .time_left import TimeLeft, usual_seconds
from .types import Clip, Keys, Motion, Progress, Rig, Tissue, UInt8
from .workers import processes

if TYPE_CHECKING:
    from .fit.motion import Settle
    from .video.generate import Models

log = logging.getLogger(__name__)

USUAL_FRAMES, USUAL_BONES = 49, 25
"""Of a run about which nothing is known yet, for the time that it will take."""

LEAST_FRAMES, MOST_VERTICES = 12, 50_000
"""Of a video and a subject whose fit is helped by processes. They take two or three seconds to begin. Larger subjects' pieces of work are large arrays,
for which threads do, and every process would hold them once more."""

OUT_OF_MEMORY = "The engine ran out of memory. Lower the resolution, use a shorter video, or raise the memory limit."


def run_task(folder: Path, request: Request) -> None:
    """Do all that the request asks for. Raises AnimaMimicError with the sentence for the user."""
    TASKS[request.task](folder, request)


def run(folder: Path, work: Callable[[Path, Request], None] = run_task) -> int:
    """Run the job in `folder`; the result and the messages are written into it. work: what is done, by default all of it.

    Returns the exit code: 0 done, 1 failed, 2 bad input. Never raises for what a user can cause.
    """
    try:
        request = job.read_request(folder)
        (folder / job.STOP_FILE).unlink(missing_ok=True)  # of an earlier run
        bound(request.settings.machine, lambda: os._exit(_fail(folder, OUT_OF_MEMORY, 1)))
        work(folder, request)
    except AnimaMimicError as error:
        log.error("%s", error)
        return _fail(folder, str(error), error.exit_code)
    except OSError as error:
        log.exception("input or output failed")
        return _fail(folder, f"The engine could not read or write a file: {error}. Check free disk space and permissions.", 1)
    except Exception as error:  # the process ends here: a defect of ours is logged whole and told in one sentence
        if out_of_memory(error):
            log.exception("out of memory")
            return _fail(folder, OUT_OF_MEMORY, 1)
        log.exception("defect")
        return _fail(folder, f"The engine failed for a reason of its own ({type(error).__name__}: {error}). Please report it with {job.LOG_FILE}.", 1)
    job.append_message(folder, Message("DONE", "done", fraction=1.0, seconds_left=0.0))
    return 0


def animate(folder: Path, request: Request) -> Result:
    """All stages of one request. `folder` is where its video lies and where progress is told.

    Raises AnimaMimicError with the sentence for the user.
    """
    settings = request.settings
    generating = not request.video
    refining = REFINING if refinement_wanted(request) else ()
    stages = (*(("generate",) if generating else ()), "video", "rig", "fit", *refining, *LAYER_STAGES[settings.tissue.tissue], "keys")
    narrator = Narrator(folder, TimeLeft(stages, _usual_seconds(request, request.frame_count or USUAL_FRAMES, request.rig)))
    mesh, view = request.mesh, request.needed_view()
    generated: dict[str, Any] = {}
    if generating:
        request, generated = generated_request(folder, request, narrator)
    clip, first_frame_iou, driving = driving_clip(folder, request, narrator)
    narrator.time_left.usual = _usual_seconds(request, len(clip.frames), request.rig)
    rig = request.rig or narrator.result("rig", (mesh, settings.rig), lambda progress: _build_rig(request, progress))
    narrator.time_left.usual = _usual_seconds(request, len(clip.frames), rig)
    stop = (folder / job.STOP_FILE).exists
    fit_settings = with_content_of_weights(settings.fit)

    def fit(stage: str, rig: Rig) -> tuple[Motion, dict[str, Any]]:
        inputs = (mesh, rig, request.rig is not None, view, clip, fit_settings, request.frame_count, settings.residual if _surface_follows(request) else None)
        return narrator.result(stage, inputs, lambda progress: _fit(request, rig, clip, progress, stop, narrator.show), whole=lambda: not stop())

    found = fitted(narrator, request, rig, clip, fit)
    rig, motion, fit_report = found.rig, found.motion, found.report
    if fit_report["followed"] < len(clip.frames):
        narrator.warn(f"The fit was stopped: the motion is followed for {fit_report['followed']} of {len(clip.frames)} frames; the rest stays as the last one.")
    tissue, tissue_report = beyond_bones(narrator, request, rig, motion, clip)
    key_inputs = (mesh, rig, motion, tissue, settings.curves)
    keys = narrator.result("keys", key_inputs, lambda progress: _choose_keys(request, rig, motion, tissue, progress))
    if len(motion.rotations) < request.frame_count:
        narrator.warn(f"The video lasts {len(motion.rotations)} of the {request.frame_count} frames asked for; the rest stays as the last one.")
    report = {
        **narrator.figures(),
        "frames": len(motion.rotations),
        "bones": len(rig.names),
        "vertices": len(request.mesh.vertices),
        "generated": generated,
        "first_frame_iou": round(first_frame_iou, 4),
        "driving_check": driving,
        "fit": fit_report,
        "rig_refined": found.refined,
        "tissue": tissue_report,
        "keys_per_frame": _keys_per_frame(keys, len(motion.rotations)),
        "surface_error_pct": round(keys.surface_error * 100, 4),
    }
    return Result(rig, motion, keys, tissue, report)


def _animate_job(folder: Path, request: Request) -> None:
    job.write_result(folder, animate(folder, request))


def soften(folder: Path, request: Request) -> Result:
    """The soft motion on top of what the request's rig does. Raises AnimaMimicError with the sentence for the user."""
    rig, motion = _given_motion(request)
    narrator = Narrator(folder, TimeLeft(("tissue", "keys"), _usual_seconds(request, len(motion.rotations), rig)))
    tissue, tissue_report = flesh(narrator, request, rig, motion)
    return _soft_result(narrator, request, tissue, tissue_report)


def restore(folder: Path, request: Request) -> Result:
    """What a video model imagines on top of what the request's rig does. Raises AnimaMimicError with the sentence for the user."""
    from .beyond_bones import read_still

    rig, motion = _given_motion(request)
    stages = (*LAYER_STAGES["RESTORED"], "keys")
    narrator = Narrator(folder, TimeLeft(stages, _usual_seconds(request, len(motion.rotations), rig)))
    still = read_still(folder / job.VIEW_FILE, clip_view(request))
    tissue, tissue_report = imagined(narrator, request, rig, motion, still)
    return _soft_result(narrator, request, tissue, tissue_report)


def _given_motion(request: Request) -> tuple[Rig, Motion]:
    if request.rig is None or request.motion is None:
        raise InputError("The job holds no rig in motion.", "Make the job again from Blender.")
    return request.rig, request.motion


def _soft_result(narrator: Narrator, request: Request, tissue: Tissue, tissue_report: dict[str, Any]) -> Result:
    """Soft motion alone, on top of the motion that the request brought."""
    rig, motion = _given_motion(request)
    with narrator.stage("keys"):
        keys = _choose_tissue_keys(request, rig, tissue)
    report = {
        **narrator.figures(),
        "frames": len(motion.rotations),
        "bones": len(rig.names),
        "vertices": len(request.mesh.vertices),
        "tissue": tissue_report,
        "surface_error_pct": round(keys.surface_error * 100, 4),
    }
    return Result(rig, motion, keys, tissue, report)


def _soften_job(folder: Path, request: Request) -> None:
    job.write_result(folder, soften(folder, request))


def rig_alone(folder: Path, request: Request) -> Result:
    """An automatic rig for the subject as it stands, or weights for the bones it has; the motion is of one frame and still."""
    narrator = Narrator(folder, TimeLeft(("rig",), _usual_seconds(request, 1, None)))
    make = _build_rig if request.rig is None else _weigh_rig
    rig = narrator.result("rig", (request.mesh, request.rig, request.settings.rig), lambda progress: make(request, progress))
    bones = len(rig.names)
    still = Motion(np.tile([1.0, 0.0, 0.0, 0.0], (1, bones, 1)), np.zeros((1, bones, 3)), np.ones(bones, np.float32))
    first = np.zeros(1, np.int32)
    report = {**narrator.figures(), "bones": bones, "vertices": len(request.mesh.vertices), "weights_only": request.rig is not None}
    return Result(rig, still, Keys((first,) * bones, first, 0.0), None, report)


def _rig_job(folder: Path, request: Request) -> None:
    job.write_result(folder, rig_alone(folder, request))


def video_alone(folder: Path, request: Request, models: "Models | None" = None) -> None:
    """Of a job's work, what needs a video model: the candidates that it asks for, or the driving video of an animation, kept for the run that follows.

    models: of a process that keeps its model for the next job. Raises AnimaMimicError with the sentence for the user.
    """
    narrator = Narrator(folder, TimeLeft(("generate",), _usual_seconds(request, USUAL_FRAMES, None)))
    if request.task is Task.GENERATE:
        _candidates(folder, request, narrator, models)
    elif request.task is Task.ANIMATE and not request.video:
        make_driving_video(folder, request, narrator, models)


def _candidates(folder: Path, request: Request, narrator: Narrator, models: "Models | None") -> None:
    """Candidates for the user to choose from."""
    from .candidate_files import still_of
    from .generation import chosen, generate_candidates

    with narrator.stage("generate") as progress:
        generated = generate_candidates(folder, request, progress, narrator.warn, models, narrator.show)
        picked = chosen(generated.videos, request) + 1
    files = {"videos": [path.name for path in generated.videos], "stills": [still_of(path).name for path in generated.videos], "sheet": generated.sheet.name}
    write_text(folder / job.REPORT_FILE, json.dumps({**narrator.figures(), **files, "picked": picked, "generated": generated.notes}, indent=1))


def _restore_job(folder: Path, request: Request) -> None:
    job.write_result(folder, restore(folder, request))


TASKS: dict[Task, Callable[[Path, Request], None]] = {
    Task.ANIMATE: _animate_job,
    Task.RIG: _rig_job,
    Task.TISSUE: _soften_job,
    Task.GENERATE: video_alone,
    Task.RESTORE: _restore_job,
}
"""What does each task: called with the job folder, into which progress and result are written, and the request."""


def _usual_seconds(request: Request, frames: int, rig: Rig | None) -> dict[str, float]:
    bones = len(rig.names) if rig is not None else USUAL_BONES
    return usual_seconds(frames=frames, bones=bones, resolution=request.settings.fit.fit_resolution, new_rig=request.rig is None)


def _build_rig(request: Request, progress: Progress) -> Rig:
    from .rig import build_rig

    return build_rig(request.mesh, request.settings.rig, progress)


def _weigh_rig(request: Request, progress: Progress) -> Rig:
    from .rig import weigh_rig

    assert request.rig is not None
    return weigh_rig(request.mesh, request.rig, request.settings.rig, progress)


def _surface_follows(request: Request) -> bool:
    """Whether what the surface does beyond its bones is looked for in a video; the bones are then found beneath it."""
    return "residual" in LAYER_STAGES[request.settings.tissue.tissue]


def _settle(request: Request) -> "Settle":
    from .residual import settled

    return partial(settled, mesh=request.mesh, settings=request.settings.residual)


def _fit(request: Request, rig: Rig, clip: Clip, progress: Progress, stop: Callable[[], bool], show: Callable[[UInt8], None]) -> tuple[Motion, dict[str, Any]]:
    worthwhile = len(clip.frames) >= LEAST_FRAMES and len(request.mesh.vertices) <= MOST_VERTICES
    with processes(helping_processes(request.settings.machine) if worthwhile else 0, begin_process):
        from .fit import AUTOMATIC_RIG, OWN_RIG, fit_motion  # takes as long as the processes take to begin
        from .retiming import retimed

        base = OWN_RIG if request.rig is not None else AUTOMATIC_RIG
        settle = _settle(request) if _surface_follows(request) else None
        motion, report = fit_motion(request.mesh, rig, request.needed_view(), clip, request.settings.fit, progress, base, stop, show, settle)
    if clip.times is not None:
        motion = retimed(motion, clip.times, request.frame_count)
    return motion, report_values(report)


def _choose_keys(request: Request, rig: Rig, motion: Motion, tissue: Tissue | None, progress: Progress) -> Keys:
    from .curves import choose_keys

    return choose_keys(request.mesh, rig, motion, tissue, request.settings.curves, progress)


def _choose_tissue_keys(request: Request, rig: Rig, tissue: Tissue) -> Keys:
    from .curves import choose_tissue_keys

    return choose_tissue_keys(request.mesh, tissue, request.settings.curves, len(rig.names))


def _keys_per_frame(keys: Keys, frame_count: int) -> float:
    """Keys per channel over frames, the mean over the bones that move."""
    moving = [len(frames) for frames in keys.frames if len(frames) > 1]
    return round(float(np.mean(moving)) / frame_count, 4) if moving else 0.0


def _fail(folder: Path, text: str, exit_code: int) -> int:
    job.append_message(folder, Message("ERROR", text, exit_code=exit_code))
    return exit_code
