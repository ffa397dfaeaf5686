"""The inside of `core.drive`: what runs in a Blender without a window to animate one file through the real operator."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import bpy

from ..core.drive import GENERATE, WRITE_JOB, AnimateRequest
from ..core.errors import AnimaMimicError, CancelledError, EngineError, InputError
from ..core.files import write_text
from . import session

context: Any = bpy.context  # the stubs let every part of it be None, which in a file that was just opened none is


def animate_in_blender(request_file: Path) -> int:
    """Open, animate, save; write the outcome where the request wants it. Returns the exit code (0, 1, 2 or 130)."""
    request = AnimateRequest(**json.loads(request_file.read_text(encoding="utf-8")))
    try:
        report = {"outcome": "done", **_animate(request, request_file.parent)}
        exit_code = 0
    except CancelledError:
        report, exit_code = {"outcome": "cancelled"}, CancelledError.exit_code
    except AnimaMimicError as error:
        report, exit_code = {"outcome": "failed", "error": str(error)}, error.exit_code
    write_text(Path(request.outcome), json.dumps({**report, "exit_code": exit_code}))
    return exit_code


def _animate(request: AnimateRequest, folder: Path) -> dict[str, Any]:
    from .. import register

    begun = time.monotonic()
    _open(request.blend)
    register()
    _choose_camera(request.camera)
    _choose_object(request.object)
    if request.settings.get("allow_download") or request.settings.get("hosted"):  # said on the command line: this Blender is the command's own
        context.preferences.system.use_online_access = True
    try:
        operators: Any = bpy.ops
        operator = getattr(operators.animamimic, request.operator)
        outcome = operator(job_folder=str(folder), engine_python=request.engine_python, **request.settings)
    except (RuntimeError, TypeError) as error:  # what Blender makes of a reported error, of a setting out of range
        raise session.last_error() or InputError(str(error).strip()) from error
    if outcome != {"FINISHED"}:
        raise session.last_error() or CancelledError("The run was cancelled.")
    if request.operator == GENERATE:
        _save_videos(request.out)
    elif request.operator != WRITE_JOB:
        _save(request.out)
    return {"out": request.out, "seconds": round(time.monotonic() - begun, 1), **session.last_report()}


def _open(blend: str) -> None:
    try:
        bpy.ops.wm.open_mainfile(filepath=blend)
    except RuntimeError as error:
        raise InputError(f"Blender cannot open {blend} ({str(error).strip()}).", "Give a .blend file of this Blender's version or older.") from error


def _choose_camera(name: str) -> None:
    if not name:
        return
    camera = context.scene.objects.get(name)
    if camera is None or camera.type != "CAMERA":
        names = ", ".join(one.name for one in context.scene.objects if one.type == "CAMERA") or "none"
        raise InputError(f"There is no camera {name!r} in the scene.", f"Its cameras: {names}.")
    context.scene.camera = camera


def _choose_object(name: str) -> None:
    """Make the subject active and the only selected object: the named one, else the active mesh, else the only mesh."""
    scene = context.scene
    found = scene.objects.get(name) if name else _unnamed_subject()
    if found is None:
        meshes = ", ".join(one.name for one in scene.objects if one.type in {"MESH", "ARMATURE"}) or "none"
        problem = f"There is no object {name!r} in the scene." if name else "It is not clear which object to animate."
        raise InputError(problem, f"Name a mesh or an armature with --object; there are: {meshes}.")
    if context.object is not None and context.object.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for one in context.view_layer.objects:
        one.select_set(one == found)
    context.view_layer.objects.active = found


def _unnamed_subject() -> Any:
    active = context.view_layer.objects.active
    if active is not None and active.type in {"MESH", "ARMATURE"}:
        return active
    for kind in ("ARMATURE", "MESH"):
        found = [one for one in context.scene.objects if one.type == kind]
        if len(found) == 1:
            return found[0]
    return None


def _save_videos(out: str) -> None:
    """The candidate that was picked as `out`, the others by their numbers and the contact sheet beside it: clip.mp4, clip.2.mp4, clip.png."""
    report, target = session.last_report(), Path(out)
    try:
        for number, video in enumerate(report["videos"], 1):
            shutil.copyfile(video, target if number == report["picked"] else target.with_suffix(f".{number}{target.suffix}"))
        shutil.copyfile(report["sheet"], target.with_suffix(".png"))
    except OSError as error:
        raise EngineError(f"The videos cannot be written to {target.parent} ({error.strerror}).", "Check the folder's permissions and the free disk space.") from error


def _save(out: str) -> None:
    try:
        bpy.ops.wm.save_as_mainfile(filepath=out, compress=True, copy=True)
    except RuntimeError as error:
        raise EngineError(f"The result cannot be written to {out} ({str(error).strip()}).", "Check the folder's permissions and the free disk space.") from error
    if not Path(out).is_file():
        raise EngineError(f"The result cannot be written to {out}.", "Check the folder's permissions and the free disk space.")
