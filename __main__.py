"""The command line: python -m animamimic animate | generate | rig | tissue | restore | run | batch | doctor.

Also runs by its path (`python FOLDER/__main__.py run JOB`), whatever the folder is called: that is how Blender starts the
engine from an installed extension. Progress goes to stderr, one JSON line with the outcome to stdout.
Exit codes: 0 done, 1 failed, 2 bad usage or input, 130 cancelled.
"""

import importlib.util
import os
import sys
from pathlib import Path

# The engine's matrices are many and small: threads gain nothing on them, and cost a multiple of the time where another
# program wants a core (measured: a fit of 27 s took 130 s). Frames are shared out instead (`core.workers`). Numerical libraries read this when they are first imported.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

if not __package__:  # started by path: make the folder importable as the package that it is
    _root = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != _root]
    _spec = importlib.util.spec_from_file_location("animamimic", _root / "__init__.py", submodule_search_locations=[str(_root)])
    assert _spec is not None and _spec.loader is not None
    _package = importlib.util.module_from_spec(_spec)
    sys.modules["animamimic"] = _package
    _spec.loader.exec_module(_package)
    __package__ = "animamimic"

import argparse
import json
import logging
import signal
import threading
import traceback
from typing import NoReturn

from .core import doctor, pipeline
from .core.batch import command as batch_command
from .core.bounds import give_way
from .core.claim import claim
from .core.drive import GENERATE, IN_BLENDER, AnimateRequest, drive_blender
from .core.errors import AnimaMimicError, EngineError, InputError
from .core.files import remove_parts
from .core.job import PROGRESS_FILE, REPORT_FILE, RESULT_FILE, MessageReader
from .core.parent import alive, end_with
from .core.settings import Declared, Value, declared


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except AnimaMimicError as error:
        print(f"animamimic: {error}", file=sys.stderr)
        print(json.dumps({"outcome": "failed", "error": str(error)}))
        return error.exit_code
    except OSError as error:
        sentence = f"A file could not be read or written: {error}. Check free disk space and permissions."
        print(f"animamimic: {sentence}", file=sys.stderr)
        print(json.dumps({"outcome": "failed", "error": sentence}))
        return EngineError.exit_code
    except KeyboardInterrupt:
        print(json.dumps({"outcome": "cancelled"}))
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="animamimic", description="Animate a still mesh from a video, in Blender.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    animate = commands.add_parser("animate", help="animate an object of a .blend file from a video, or from a prompt")
    animate.set_defaults(command=_animate, operator=AnimateRequest.operator)
    _add_run(animate, "OUT.blend")
    generate = commands.add_parser("generate", help="make driving videos of an object of a .blend file from a prompt")
    generate.set_defaults(command=_animate, operator=GENERATE)
    _add_run(generate, "CLIP.mp4")

    rig = commands.add_parser("rig", help="give an object of a .blend file an armature and weights, and no motion")
    rig.set_defaults(command=_animate, operator="auto_rig", camera="", frames="")
    _add_files(rig)
    for one in declared():
        if one.stage in {"rig", "machine"} and one.name != "rig":
            _add_setting(rig, one)

    tissue = commands.add_parser("tissue", help="simulate soft tissue on the motion that a character of a .blend file has")
    tissue.set_defaults(command=_animate, operator="bake_soft_tissue", camera="")
    _add_files(tissue)
    tissue.add_argument("--frames", default="", metavar="A:B", help="scene frames to simulate (default: the scene's)")
    for one in declared():
        if one.stage in {"tissue", "curves", "machine"} and one.name != "tissue":
            _add_setting(tissue, one)

    restore = commands.add_parser("restore", help="let a video model imagine what moves beyond the bones of an animated character of a .blend file")
    restore.set_defaults(command=_animate, operator="restore_motion", camera="")
    _add_files(restore)
    restore.add_argument("--frames", default="", metavar="A:B", help="scene frames to restore (default: the scene's)")
    restored = [one for one in declared() if one.stage in {"residual", "restore", "curves", "machine"} or one.name in {"seed", "shape_keys", "fit_resolution", "quantize", "allow_download"}]
    for one in restored:
        _add_setting(restore, one, one.name.removeprefix("restore_"))  # --model, --prompt: here nothing else is called so

    run = commands.add_parser("run", help="run the engine on a job folder, without Blender")
    run.set_defaults(command=_run)
    run.add_argument("job", metavar="JOB", type=Path)
    run.add_argument("--parent", type=int, default=0, metavar="PID", help="end when this process has ended")
    run.add_argument("--polite", action="store_true", help="let other programs go first")

    batch_command.add_to(commands)

    examine = commands.add_parser("doctor", help="tell what is installed, what is missing and what to do")
    examine.set_defaults(command=_doctor)
    examine.add_argument("--json", action="store_true", help="as one JSON line on stdout")

    inside = commands.add_parser(IN_BLENDER)  # what `animate` starts inside Blender; not for people
    inside.set_defaults(command=_inside_blender)
    inside.add_argument("request", type=Path)
    inside.add_argument("--parent", type=int, default=0)
    return parser


def _add_files(parser: argparse.ArgumentParser, out: str = "OUT.blend") -> None:
    """What every command has that works on a .blend file: which one, which object, and with what it is done."""
    parser.add_argument("blend", metavar="IN.blend", type=Path)
    parser.add_argument("--out", metavar=out, type=Path, required=True)
    parser.add_argument("--object", default="", metavar="NAME", help="the mesh or the armature (default: the active object, or the only mesh)")
    parser.add_argument("--job", type=Path, metavar="DIR", help="keep the job folder here")
    parser.add_argument("--blender", type=Path, metavar="PATH", help="drive this Blender instead of the bpy module")
    parser.add_argument("--engine-python", default="", metavar="PATH", help="the Python that has torch (default: this one)")


def _add_run(parser: argparse.ArgumentParser, out: str) -> None:
    """The options of what captures the scene for a video, and every setting."""
    _add_files(parser, out)
    parser.add_argument("--camera", default="", metavar="NAME", help="the camera the video was made from (default: the scene's; 'frame' makes one)")
    parser.add_argument("--frames", default="", metavar="A:B", help="scene frames to animate (default: from the scene's start, as long as the video)")
    for one in declared():
        if one.name not in {"camera", "frame_start", "frame_end"}:
            _add_setting(parser, one)


def _add_setting(parser: argparse.ArgumentParser, one: Declared, option: str = "") -> None:
    """An option for one declared setting, named as it is unless `option` says otherwise; only what is given is passed on, so that
    defaults stay in one place."""
    flag = "--" + (option or one.name).replace("_", "-")
    effect = one.effect.replace("%", "%%")
    if one.type is bool:
        parser.add_argument(flag, action="store_true", default=argparse.SUPPRESS, dest=one.name, help=effect)
    elif one.choices is not None:
        parser.add_argument(flag, choices=[name.lower() for name in one.choices], type=str.lower, default=argparse.SUPPRESS, dest=one.name, help=effect)
    else:
        parser.add_argument(flag, type=one.type, default=argparse.SUPPRESS, dest=one.name, help=effect, metavar=one.type.__name__.upper())


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _animate(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, _interrupt)  # ending it cancels it, as Ctrl-C does
    given: dict[str, Value] = {}
    for one in declared():
        if hasattr(options, one.name) and one.name != "camera":
            value = getattr(options, one.name)
            given[one.name] = value.upper() if one.choices is not None else value
    for name in ("video", "mask_video"):
        if given.get(name):
            given[name] = str(Path(str(given[name])).resolve())
    for name in ("model", "unirig", "unirig_python"):  # the engine works in another folder
        if given.get(name) and Path(str(given[name])).exists():
            given[name] = str(Path(str(given[name])).absolute())  # not resolved: the link that is an environment's Python tells which one
    if options.camera.lower() == "frame":
        given["camera"] = "FRAME"
    if options.frames:
        given |= _frame_range(options.frames)
    request = AnimateRequest(
        blend=str(options.blend.resolve()),
        out=str(options.out.resolve()),
        object=options.object,
        camera="" if options.camera.lower() == "frame" else options.camera,
        engine_python=options.engine_python or sys.executable,
        settings=given,
        operator=options.operator,
    )
    outcome = drive_blender(request, options.job, options.blender)
    print(json.dumps(outcome.report))
    return outcome.exit_code


def _frame_range(text: str) -> dict[str, Value]:
    start, colon, end = text.partition(":")
    if not (colon and start.isdecimal() and end.isdecimal() and int(end) > int(start)):
        raise InputError(f"--frames {text!r} is no frame range.", "Write it as A:B with B after A, for example 1:49.")
    return {"frame_start": int(start), "frame_end": int(end)}


def _run(options: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    folder: Path = options.job.resolve()
    if options.parent:
        threading.Thread(target=end_with, args=(options.parent,), daemon=True).start()
    if options.polite:
        give_way()
    if not folder.is_dir():
        raise InputError(f"There is no job folder {folder}.", "Name a folder that Blender or 'animamimic animate --job' wrote.")
    try:
        with claim(folder):
            for name in (PROGRESS_FILE, RESULT_FILE, REPORT_FILE):  # of an earlier run
                (folder / name).unlink(missing_ok=True)
            remove_parts(folder)
            exit_code = pipeline.run(folder)
            errors = [message.text for message in MessageReader(folder).new_messages() if message.kind == "ERROR"]
    except OSError as error:
        raise EngineError(f"The job folder {folder} cannot be written ({error.strerror}).", "Check its permissions and the free disk space.") from error
    print(json.dumps({"outcome": "done" if exit_code == 0 else "failed", "job": str(folder), **({"error": errors[-1]} if errors else {})}))
    return exit_code


def _doctor(options: argparse.Namespace) -> int:
    findings = doctor.examine()
    print(json.dumps(doctor.as_json(findings)) if options.json else doctor.as_text(findings))
    return 0 if doctor.healthy(findings) else 1


def _inside_blender(options: argparse.Namespace) -> int:
    from .animamimic_addon.headless import animate_in_blender

    if options.parent and alive(options.parent):  # a packaged Blender may live among processes of its own and not see it
        threading.Thread(target=end_with, args=(options.parent,), daemon=True).start()
    return animate_in_blender(options.request)


def _leave_blender(arguments: list[str]) -> NoReturn:
    """Run, and end the process at once whatever comes of it: classes still registered at a normal exit crash or hang some versions of bpy."""
    code = 1
    try:
        code = main(arguments)
    except Exception:  # noqa: BLE001  a defect of ours: told in Blender's log, and by the outcome that is missing
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    # Inside Blender the arguments before "--" are Blender's own.
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    if own[:1] == [IN_BLENDER]:
        _leave_blender(own)
    sys.exit(main(own))
