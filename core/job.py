"""The job folder: all that passes between Blender and the engine.

    job.json         the settings, the view, frame rate and start frame                  written by Blender
    subject.npz      the mesh; the rig and the motion where the user has one              written by Blender
    view.png         a render of the view, RGBA                                           written by Blender
    driving.*        the driving video (or a folder of images); mask.* its mask           written by Blender
    progress.jsonl   one message a line                                                   written by the engine
    preview.npy      the fit as it stands, over the video: uint8[H, W, 3]                  written by the engine, now and then
    *.lock           held by who works in the folder, see `claim`
    cancel           an empty file that asks a blocking run to stop                       written by who wants it
    stop             an empty file that asks the fit to keep what it has, and the run to end   written by who wants it
    engine.log       what the engine printed
    stages/          what each stage found, for a run that goes on where this one stopped, see `stages`
    result.npz, result.json   rig, motion, keys, tissue; the report                       written by the engine, last

Files appear whole or not at all, see `files`. Imports numpy and the standard library alone.
"""

import dataclasses
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from . import settings as settings_module
from .errors import InputError
from .files import PART_SUFFIX, read_arrays, write_arrays, write_text
from .messages import PROGRESS_FILE, Message, MessageReader, append_message
from .settings import Settings
from .types import Float32, Keys, Mesh, Motion, Rig, Tissue, TissueParameters, UInt8, View

__all__ = ["PROGRESS_FILE", "Message", "MessageReader", "Request", "Result", "Task", "append_message", "read_request", "read_result", "write_request", "write_result"]

FORMAT = 1

JOB_FILE = "job.json"
SUBJECT_FILE = "subject.npz"
VIEW_FILE = "view.png"
LOG_FILE = "engine.log"
RESULT_FILE = "result.npz"
REPORT_FILE = "result.json"
CANCEL_FILE = "cancel"
STOP_FILE = "stop"
PREVIEW_FILE = "preview.npy"


class Task(StrEnum):
    """What an engine can be asked for; `pipeline.TASKS` holds what does it."""

    ANIMATE = "ANIMATE"
    """The motion that explains a video, on a rig that is kept or made."""

    TISSUE = "TISSUE"
    """The soft motion on top of what a rig does already."""

    RIG = "RIG"
    """A rig alone, for the subject as it stands."""

    GENERATE = "GENERATE"
    """Driving videos, from the view's picture and the prompt."""

    RESTORE = "RESTORE"
    """What a video model imagines on top of what a rig does already."""


@dataclass(frozen=True)
class Request:
    """What the engine is asked to do.

    mesh: the subject. rig: the rig to keep, or None for an automatic one. view: the camera's picture; None where the task
    looks at none. fps: the scene's frames a second. video, mask: paths relative to the job folder ('' for none).
    frame_count: frames wanted, 0 for as many as the video has.
    video_name, mask_name: what the user calls the two, for error sentences; '' for their names in the folder.
    task: what is wanted. motion: what the kept rig does already, for tasks that start from it.
    softness: float32[V], how soft the user painted the flesh, 0 to 1, NaN where he left it to us; None where nothing is painted.
    fitted: what an earlier run's video said about the flesh, or None.
    """

    settings: Settings
    mesh: Mesh
    rig: Rig | None
    view: View | None
    fps: float
    video: str = ""
    mask: str = ""
    frame_count: int = 0
    video_name: str = ""
    mask_name: str = ""
    task: Task = Task.ANIMATE
    motion: Motion | None = None
    softness: Float32 | None = None
    fitted: TissueParameters | None = None

    def needed_view(self) -> View:
        """The camera's picture. Raises InputError where the job has none."""
        if self.view is None:
            raise InputError("The job holds no camera's picture.", "Make the job again, with a camera in the scene.")
        return self.view


@dataclass(frozen=True)
class Result:
    """What the engine found. report: figures for people, JSON values only (see `pipeline.run`)."""

    rig: Rig
    motion: Motion
    keys: Keys
    tissue: Tissue | None
    report: dict[str, Any]


def write_request(folder: Path, request: Request) -> None:
    """Write job.json and subject.npz into the (existing) job folder. The video must be in it already."""
    arrays = _named_arrays("mesh", request.mesh)
    if request.rig is not None:
        arrays |= _rig_arrays(request.rig)
    if request.motion is not None:
        arrays |= _named_arrays("motion", request.motion)
    if request.softness is not None:
        arrays["softness"] = request.softness
    if request.fitted is not None:
        arrays |= _named_arrays("fitted", request.fitted)
    write_arrays(folder / SUBJECT_FILE, arrays)
    head = {
        "format": FORMAT,
        "task": request.task,
        "settings": settings_module.to_flat(request.settings),
        "view": _view_values(request.view),
        "fps": request.fps,
        "video": request.video,
        "mask": request.mask,
        "frame_count": request.frame_count,
        "video_name": request.video_name,
        "mask_name": request.mask_name,
    }
    write_text(folder / JOB_FILE, json.dumps(head, indent=1))


def read_request(folder: Path) -> Request:
    """Read what `write_request` wrote. Raises InputError where the folder is not a job of this format."""
    try:
        head = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
        arrays = read_arrays(folder / SUBJECT_FILE)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} is not a job folder ({error}).", "Name a folder that Blender or 'animamimic animate --job' wrote.") from error
    if head.get("format") != FORMAT:
        raise InputError(f"{folder} has job format {head.get('format')}, this engine reads {FORMAT}.", "Make the job again with this version.")
    return Request(
        settings=settings_module.from_flat(head["settings"]),
        mesh=Mesh(arrays["mesh.vertices"], arrays["mesh.triangles"]),
        rig=_rig_from(arrays) if "rig.parents" in arrays else None,
        view=_view_from(head["view"]),
        fps=head["fps"],
        video=head["video"],
        mask=head["mask"],
        frame_count=head["frame_count"],
        video_name=head.get("video_name", ""),
        mask_name=head.get("mask_name", ""),
        task=_task_from(head.get("task", Task.ANIMATE)),
        motion=_motion_from(arrays) if "motion.rotations" in arrays else None,
        softness=arrays.get("softness"),
        fitted=_fitted_from(arrays),
    )


def write_result(folder: Path, result: Result) -> None:
    """Write the result; result.json comes last and marks it complete."""
    arrays = _rig_arrays(result.rig)
    arrays |= _named_arrays("motion", result.motion)
    arrays["keys.lengths"] = np.array([len(frames) for frames in result.keys.frames], np.int32)
    arrays["keys.frames"] = np.concatenate([np.asarray(frames, np.int32) for frames in result.keys.frames])
    arrays["keys.tissue"] = np.asarray(result.keys.tissue, np.int32)
    arrays["keys.surface_error"] = np.array(result.keys.surface_error)
    if result.tissue is not None:
        arrays |= {"tissue.names": np.array(result.tissue.names), "tissue.offsets": result.tissue.offsets, "tissue.values": result.tissue.values}
        if result.tissue.softness is not None:
            arrays["tissue.softness"] = result.tissue.softness
        if result.tissue.fitted is not None:
            arrays |= _named_arrays("fitted", result.tissue.fitted)
    write_arrays(folder / RESULT_FILE, arrays)
    write_text(folder / REPORT_FILE, json.dumps(result.report, indent=1))


def read_result(folder: Path) -> Result:
    """Read what `write_result` wrote. Raises InputError where there is no complete result."""
    try:
        report = json.loads((folder / REPORT_FILE).read_text(encoding="utf-8"))
        arrays = read_arrays(folder / RESULT_FILE)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} holds no finished result ({error}).", "Run the job first.") from error
    tissue = None
    if "tissue.names" in arrays:
        tissue = Tissue(tuple(arrays["tissue.names"].tolist()), arrays["tissue.offsets"], arrays["tissue.values"], arrays.get("tissue.softness"), _fitted_from(arrays))
    frames = np.split(arrays["keys.frames"], np.cumsum(arrays["keys.lengths"])[:-1])
    return Result(
        rig=_rig_from(arrays),
        motion=_motion_from(arrays),
        keys=Keys(tuple(frames), arrays["keys.tissue"], float(arrays["keys.surface_error"])),
        tissue=tissue,
        report=report,
    )


def write_preview(folder: Path, picture: UInt8) -> None:
    """Show a picture [H, W, 3] to who waits, in the place of the last one. Not brought to the disk: it is looked at once."""
    part = folder / (PREVIEW_FILE + PART_SUFFIX)
    with part.open("wb") as file:
        np.save(file, picture)
    part.replace(folder / PREVIEW_FILE)


def read_preview(folder: Path) -> UInt8 | None:
    """The picture shown last, [H, W, 3], or None where there is none."""
    try:
        return np.asarray(np.load(folder / PREVIEW_FILE, allow_pickle=False), np.uint8)
    except (OSError, EOFError, ValueError):  # none yet, or it was replaced just now on a system that cannot do so at once
        return None


def _named_arrays(prefix: str, holder: Mesh | Motion | TissueParameters) -> dict[str, Any]:
    return {f"{prefix}.{name}": value for name, value in vars(holder).items()}


def _motion_from(arrays: dict[str, Any]) -> Motion:
    return Motion(**_fields_from("motion", Motion, arrays))


def _fitted_from(arrays: dict[str, Any]) -> TissueParameters | None:
    if "fitted.stiffness" not in arrays:
        return None
    return TissueParameters(arrays["fitted.stiffness"], float(arrays["fitted.damping"]), float(arrays["fitted.free_depth"]))


def _view_values(view: View | None) -> dict[str, Any] | None:
    if view is None:
        return None
    return {"width": view.width, "height": view.height, "camera_to_world": view.camera_to_world.tolist(), "projection": view.projection.tolist()}


def _view_from(values: dict[str, Any] | None) -> View | None:
    if values is None:
        return None
    return View(values["width"], values["height"], np.array(values["camera_to_world"]), np.array(values["projection"]))


def _task_from(name: str) -> Task:
    try:
        return Task(name)
    except ValueError as error:
        raise InputError(f"The job asks for {name!r}, which this engine cannot do.", "Make the job again with this version.") from error


def _rig_arrays(rig: Rig) -> dict[str, Any]:
    return {"rig." + name: np.array(value) if name == "names" else value for name, value in vars(rig).items()}


def _rig_from(arrays: dict[str, Any]) -> Rig:
    values = _fields_from("rig", Rig, arrays)
    return Rig(**(values | {"names": tuple(values["names"].tolist())}))


def _fields_from(prefix: str, kind: type[Rig | Motion], arrays: dict[str, Any]) -> dict[str, Any]:
    """The arrays of a dataclass by its fields' names; one that an older version did not write is left to its default."""
    return {one.name: arrays[name] for one in dataclasses.fields(kind) if (name := f"{prefix}.{one.name}") in arrays}
