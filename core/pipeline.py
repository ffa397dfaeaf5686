"""The engine's run over one job folder: the task that is asked for, most often video, rig, fit, tissue, keys."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from . import job
from .bounds import bound, out_of_memory
from .errors import AnimaMimicError, InputError
from .files import whole_file, write_text
from .job import Message, Request, Result, Task
from .stages import StageStore, content_of
from .time_left import TimeLeft, usual_seconds
from .types import Clip, Keys, Motion, Progress, Rig, Tissue, UInt8, View
from .usage import Meter, Usage

log = logging.getLogger(__name__)

CLIP_SIDE = 512
"""Longer side, in pixels, at which the driving video is kept where the fit asks for no more."""

USUAL_FRAMES, USUAL_BONES = 49, 25
"""Of a run about which nothing is known yet, for the time that it will take."""

KEY_SAMPLES = 3000
"""About as many vertices are watched while keys are left out."""

LAYER_STAGES: dict[str, tuple[str, ...]] = {
    "OFF": (),
    "PHYSICS": ("tissue",),
    "FITTED": ("tissue",),
    "RESIDUAL": ("residual",),
    "RESTORED": ("restore", "residual"),
}
"""The stages of each kind of motion beyond the bones."""

GENERATED_FILE = "driving.generated.mp4"
"""The driving video in the job folder, where it was made by the engine."""

MESSAGE_INTERVAL = 0.1
"""Least seconds between two PROGRESS messages."""

Made = TypeVar("Made")


@dataclass
class Narrator:
    """Runs the stages: tells the job folder which one is at work and how far it is, and keeps what each took."""

    folder: Path
    time_left: TimeLeft
    usage: dict[str, Usage] = field(default_factory=dict)
    _told: float = 0.0

    def __post_init__(self) -> None:
        self.store = StageStore(self.folder, self.warn)

    def result(self, name: str, inputs: Any, compute: Callable[[Progress], Made], whole: Callable[[], bool] = lambda: True) -> Made:
        """What a stage makes of its inputs, computed only where an earlier run over this folder has not done so, see `stages`."""
        with self.stage(name) as progress:
            return self.store.result(name, inputs, lambda: compute(progress), whole)

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        """Run a stage: yields its `Progress`."""
        job.append_message(self.folder, Message("STAGE", name))
        log.info("stage %s", name)
        meter, begun = Meter(), time.monotonic()
        yield lambda fraction, text: self._progress(name, fraction, text, begun)
        taken = time.monotonic() - begun
        self.usage[name] = meter.read()
        self._told = 0.0
        self._progress(name, 1.0, name, begun)
        if name not in self.store.reused:  # which would tell nothing about how fast this run is
            self.time_left.finished(name, taken)

    def figures(self) -> dict[str, Any]:
        """What the stages took, for the report."""
        return {
            "seconds_by_stage": {name: one.seconds for name, one in self.usage.items()},
            "cpu_seconds_by_stage": {name: one.cpu_seconds for name, one in self.usage.items()},
            "peak_megabytes_by_stage": {name: one.peak_megabytes for name, one in self.usage.items()},
            "reused_stages": self.store.reused,
        }

    def warn(self, text: str) -> None:
        """Tell the user something that does not stop the run."""
        job.append_message(self.folder, Message("WARN", text))

    def _progress(self, name: str, fraction: float, text: str, begun: float) -> None:
        now = time.monotonic()
        if now - self._told < MESSAGE_INTERVAL:
            return
        self._told = now
        whole, left = self.time_left.estimate(name, fraction, now - begun)
        job.append_message(self.folder, Message("PROGRESS", text, fraction=round(whole, 4), seconds_left=round(left, 1)))


def run(folder: Path) -> int:
    """Run the job in `folder`; the result and the messages are written into it.

    Returns the exit code: 0 done, 1 failed, 2 bad input. Never raises for what a user can cause.
    """
    try:
        request = job.read_request(folder)
        (folder / job.STOP_FILE).unlink(missing_ok=True)  # of an earlier run
        bound(request.settings.machine)
        TASKS[request.task](folder, request)
    except AnimaMimicError as error:
        log.error("%s", error)
        return _fail(folder, str(error), error.exit_code)
    except OSError as error:
        log.exception("input or output failed")
        return _fail(folder, f"The engine could not read or write a file: {error}. Check free disk space and permissions.", 1)
    except Exception as error:  # the process ends here: a defect of ours is logged whole and told in one sentence
        if out_of_memory(error):
            log.exception("out of memory")
            return _fail(folder, "The engine ran out of memory. Lower the resolution, use a shorter video, or raise the memory limit.", 1)
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
    stages = (*(("generate",) if generating else ()), "video", "rig", "fit", *LAYER_STAGES[settings.tissue.tissue], "keys")
    narrator = Narrator(folder, TimeLeft(stages, _usual_seconds(request, request.frame_count or USUAL_FRAMES, request.rig)))
    mesh, view = request.mesh, request.needed_view()
    generated: dict[str, Any] = {}
    if generating:
        request, generated = _generate(folder, request, narrator)
    clip, first_frame_iou = narrator.result("video", _clip_inputs(folder, request), lambda progress: _load_clip(folder, request, progress))
    driving = _check_driving(request, clip, narrator)
    narrator.time_left.usual = _usual_seconds(request, len(clip.frames), request.rig)
    rig = request.rig or narrator.result("rig", (mesh, settings.rig), lambda progress: _build_rig(request, progress))
    narrator.time_left.usual = _usual_seconds(request, len(clip.frames), rig)
    fit_inputs = (mesh, rig, request.rig is not None, view, clip, settings.fit, request.frame_count)
    stop = (folder / job.STOP_FILE).exists
    motion, fit_report = narrator.result("fit", fit_inputs, lambda progress: _fit(request, rig, clip, progress, stop), whole=lambda: not stop())
    if fit_report["followed"] < len(clip.frames):
        narrator.warn(f"The fit was stopped: the motion is followed for {fit_report['followed']} of {len(clip.frames)} frames; the rest stays as the last one.")
    tissue, tissue_report = _beyond_bones(narrator, request, rig, motion, clip)
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
        "tissue": tissue_report,
        "keys_per_frame": _keys_per_frame(keys, len(motion.rotations)),
        "surface_error_pct": round(keys.surface_error * 100, 4),
    }
    return Result(rig, motion, keys, tissue, report)


def _beyond_bones(narrator: Narrator, request: Request, rig: Rig, motion: Motion, clip: Clip) -> tuple[Tissue | None, dict[str, Any]]:
    """The soft motion that the settings ask for, if any, and its report."""
    kind = request.settings.tissue.tissue
    if kind == "PHYSICS":
        return _flesh(narrator, request, rig, motion)
    if kind == "FITTED":
        inputs = (request.mesh, rig, motion, request.view, clip, request.fps, request.settings.tissue, request.softness)
        return narrator.result("tissue", inputs, lambda progress: _simulate_fitted(request, rig, motion, clip, progress))
    if kind == "RESIDUAL":
        return _followed(narrator, request, rig, motion, clip)
    if kind == "RESTORED":
        return _followed(narrator, request, rig, motion, _restored(narrator, request, rig, motion, clip.frames[0]))
    return None, {}


def _flesh(narrator: Narrator, request: Request, rig: Rig, motion: Motion) -> tuple[Tissue, dict[str, Any]]:
    inputs = (request.mesh, rig, motion, request.fps, request.settings.tissue, request.softness)
    return narrator.result("tissue", inputs, lambda progress: _simulate(request, rig, motion, progress))


def _followed(narrator: Narrator, request: Request, rig: Rig, motion: Motion, clip: Clip) -> tuple[Tissue, dict[str, Any]]:
    """What a clip, filmed or restored, shows beyond the bones."""
    settings = request.settings
    inputs = (request.mesh, rig, motion, request.view, clip, settings.fit.fit_resolution, settings.residual, settings.tissue.shape_keys)

    def compute(progress: Progress) -> tuple[Tissue, dict[str, Any]]:
        from .beyond_bones import follow

        tissue, report = follow(request, rig, motion, clip, progress)
        return tissue, _plain(report)

    return narrator.result("residual", inputs, compute)


def _restored(narrator: Narrator, request: Request, rig: Rig, motion: Motion, still: UInt8) -> Clip:
    """What a video model makes of the bones' motion. still: uint8[H, W, 3], the subject as it stands, of the clip's size."""
    settings = request.settings
    inputs = (request.mesh, rig, motion, _clip_view(request), still, request.fps, settings.restore, settings.fit.seed)

    def compute(progress: Progress) -> Clip:
        from .beyond_bones import restored_clip

        return restored_clip(request, rig, motion, _clip_view(request), still, narrator.folder, narrator.warn, progress)

    return narrator.result("restore", inputs, compute)


def _animate_job(folder: Path, request: Request) -> None:
    job.write_result(folder, animate(folder, request))


def soften(folder: Path, request: Request) -> Result:
    """The soft motion on top of what the request's rig does. Raises AnimaMimicError with the sentence for the user."""
    rig, motion = _given_motion(request)
    narrator = Narrator(folder, TimeLeft(("tissue", "keys"), _usual_seconds(request, len(motion.rotations), rig)))
    tissue, tissue_report = _flesh(narrator, request, rig, motion)
    return _soft_result(narrator, request, tissue, tissue_report)


def restore(folder: Path, request: Request) -> Result:
    """What a video model imagines on top of what the request's rig does. Raises AnimaMimicError with the sentence for the user."""
    from .beyond_bones import read_still

    rig, motion = _given_motion(request)
    stages = (*LAYER_STAGES["RESTORED"], "keys")
    narrator = Narrator(folder, TimeLeft(stages, _usual_seconds(request, len(motion.rotations), rig)))
    still = read_still(folder / job.VIEW_FILE, _clip_view(request))
    tissue, tissue_report = _followed(narrator, request, rig, motion, _restored(narrator, request, rig, motion, still))
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
    """An automatic rig for the subject as it stands; the motion is of one frame and still."""
    narrator = Narrator(folder, TimeLeft(("rig",), _usual_seconds(request, 1, None)))
    rig = narrator.result("rig", (request.mesh, request.settings.rig), lambda progress: _build_rig(request, progress))
    bones = len(rig.names)
    still = Motion(np.tile([1.0, 0.0, 0.0, 0.0], (1, bones, 1)), np.zeros((1, bones, 3)), np.ones(bones, np.float32))
    first = np.zeros(1, np.int32)
    report = {**narrator.figures(), "bones": bones, "vertices": len(request.mesh.vertices)}
    return Result(rig, still, Keys((first,) * bones, first, 0.0), None, report)


def _rig_job(folder: Path, request: Request) -> None:
    job.write_result(folder, rig_alone(folder, request))


def _generate_job(folder: Path, request: Request) -> None:
    """Candidates for the user to choose from."""
    from .generation import generate_candidates

    narrator = Narrator(folder, TimeLeft(("generate",), _usual_seconds(request, USUAL_FRAMES, None)))
    with narrator.stage("generate") as progress:
        generated = generate_candidates(folder, request, progress, narrator.warn)
    report = {**narrator.figures(), "videos": [path.name for path in generated.videos], "sheet": generated.sheet.name, "generated": generated.notes}
    write_text(folder / job.REPORT_FILE, json.dumps(report, indent=1))


def _restore_job(folder: Path, request: Request) -> None:
    job.write_result(folder, restore(folder, request))


TASKS: dict[Task, Callable[[Path, Request], None]] = {
    Task.ANIMATE: _animate_job,
    Task.RIG: _rig_job,
    Task.TISSUE: _soften_job,
    Task.GENERATE: _generate_job,
    Task.RESTORE: _restore_job,
}
"""What does each task: called with the job folder, into which progress and result are written, and the request."""


def _usual_seconds(request: Request, frames: int, rig: Rig | None) -> dict[str, float]:
    bones = len(rig.names) if rig is not None else USUAL_BONES
    return usual_seconds(frames=frames, bones=bones, resolution=request.settings.fit.fit_resolution, new_rig=request.rig is None)


def _generate(folder: Path, request: Request, narrator: Narrator) -> tuple[Request, dict[str, Any]]:
    """The request with a video made for it, the best of its candidates; and what is to be told about it."""
    from .generation import best_video, generate_candidates

    settings, video = request.settings, request.settings.video

    def make(progress: Progress) -> tuple[UInt8, dict[str, Any]]:
        generated = generate_candidates(folder, request, progress, narrator.warn)
        chosen = best_video(generated, request)
        return np.frombuffer(chosen.read_bytes(), np.uint8), {**generated.notes, "video": chosen.name}

    inputs = (content_of(folder / job.VIEW_FILE), settings.generate, settings.fit.seed, request.frame_count, request.fps, video.timing)
    data, notes = narrator.result("generate", inputs, make)
    with whole_file(folder / GENERATED_FILE) as temporary:
        temporary.write_bytes(data.tobytes())
    return replace(request, video=GENERATED_FILE, video_name=f"generated by {notes['model']}"), notes


def _check_driving(request: Request, clip: Clip, narrator: Narrator) -> dict[str, Any]:
    """Numbers about the driving video; what the user should know of them is told."""
    from .video import check_driving, subject_coverage

    check = check_driving(clip, subject_coverage(request.mesh, _clip_view(request)))
    for warning in check.warnings():
        narrator.warn(warning)
    return check.as_json()


def _clip_inputs(folder: Path, request: Request) -> tuple[Any, ...]:
    """What the decoded clip depends on."""
    files = tuple(content_of(folder / name) if name else "" for name in (request.video, request.mask))
    return files, request.mesh, _clip_view(request), request.fps, request.settings.video.timing, request.frame_count


def _clip_view(request: Request) -> View:
    return request.needed_view().resized(max(CLIP_SIDE, request.settings.fit.fit_resolution))


def _load_clip(folder: Path, request: Request, progress: Progress) -> tuple[Clip, float]:
    from .video import check_first_frame, load_clip, subject_coverage
    from .video.decode import shown_size

    settings = request.settings
    view = _clip_view(request)
    coverage = subject_coverage(request.mesh, view)
    clip = load_clip(
        folder / request.video,
        view,
        fps=request.fps,
        timing=settings.video.timing,
        frame_count=request.frame_count,
        mask_path=folder / request.mask if request.mask else None,
        name=request.video_name,
        mask_name=request.mask_name,
        still=np.repeat(coverage[..., None], 4, axis=-1),  # of which the mask's calibration uses the alpha
        progress=progress,
    )
    return clip, check_first_frame(clip, coverage, shown_size(folder / request.video, request.video_name))


def _build_rig(request: Request, progress: Progress) -> Rig:
    from .rig import build_rig

    return build_rig(request.mesh, request.settings.rig, progress)


def _fit(request: Request, rig: Rig, clip: Clip, progress: Progress, stop: Callable[[], bool]) -> tuple[Motion, dict[str, Any]]:
    from .fit import AUTOMATIC_RIG, OWN_RIG, fit_motion
    from .retiming import retimed

    base = OWN_RIG if request.rig is not None else AUTOMATIC_RIG
    motion, report = fit_motion(request.mesh, rig, request.needed_view(), clip, request.settings.fit, progress, base, stop)
    if clip.times is not None:
        motion = retimed(motion, clip.times, request.frame_count)
    return motion, _plain(report)


def _simulate(request: Request, rig: Rig, motion: Motion, progress: Progress) -> tuple[Tissue, dict[str, Any]]:
    from .tissue import simulate

    tissue, report = simulate(request.mesh, rig, motion, request.fps, request.settings.tissue, progress, request.softness)
    return tissue, _plain(report)


def _simulate_fitted(request: Request, rig: Rig, motion: Motion, clip: Clip, progress: Progress) -> tuple[Tissue, dict[str, Any]]:
    """The flesh of the material that explains the clip best; one with times of its own is compared at the scene's nearest frames."""
    from .tissue import bake, fit_material, soft_body, start_parameters

    settings = request.settings.tissue
    body = soft_body(request.mesh, rig, motion, request.fps, settings, request.softness, regions=True)
    start = start_parameters(settings, body.regions)
    fitted = fit_material(body, start, motion, request.needed_view(), clip, lambda share, text: progress(0.85 * share, text))
    tissue, report = bake(body, fitted.parameters, lambda share, text: progress(0.85 + 0.15 * share, text))
    return tissue, {**_plain(report), "video_px_before": round(fitted.before, 3), "video_px_after": round(fitted.after, 3)}


def _choose_keys(request: Request, rig: Rig, motion: Motion, tissue: Tissue | None, progress: Progress) -> Keys:
    """Key frames whose loss is measured on sampled vertices: moving all of a large mesh several times would take long."""
    from .curves import choose_keys
    from .fit import skin

    step = max(1, len(request.mesh.vertices) // KEY_SAMPLES)
    sampled = replace(rig, influences=rig.influences[::step], weights=rig.weights[::step], rest=rig.rest[::step])
    return choose_keys(request.mesh, rig, motion, tissue, request.settings.curves, lambda tried: skin(sampled, tried), progress)


def _choose_tissue_keys(request: Request, rig: Rig, tissue: Tissue) -> Keys:
    from .curves import choose_tissue_keys

    return choose_tissue_keys(request.mesh, tissue, request.settings.curves, len(rig.names))


def _keys_per_frame(keys: Keys, frame_count: int) -> float:
    """Keys per channel over frames, the mean over the bones that move."""
    moving = [len(frames) for frames in keys.frames if len(frames) > 1]
    return round(float(np.mean(moving)) / frame_count, 4) if moving else 0.0


def _plain(report: Any) -> dict[str, Any]:
    """A report dataclass as JSON values."""
    return {name: value.tolist() if isinstance(value, np.ndarray | np.generic) else value for name, value in vars(report).items()}


def _fail(folder: Path, text: str, exit_code: int) -> int:
    job.append_message(folder, Message("ERROR", text, exit_code=exit_code))
    return exit_code
