"""Runs inside Blender: the real operator on a small scene, with an engine that only pretends (`fake_engine.py`)."""

import os
import threading
import time
from pathlib import Path

import bpy
import scenes

FAKE = Path(__file__).parent / "fake_engine.py"
PATIENCE = 20.0


def animate(folder, process, behaviour, meanwhile=None, **settings):
    """Press the button on the bar scene and see what comes of it.

    process: the extension's own module. meanwhile: called in a thread once the engine runs.
    Returns outcome, error and what the run changed in the scene, ready for `tell`.
    """
    process.SCRIPT = FAKE
    os.environ["FAKE_ENGINE"] = behaviour
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    video = folder.parent / "clip.mp4"
    video.write_bytes(b"the pretending engine does not look")
    scenes.make_bar_scene()
    before = scenes.fingerprint()
    if meanwhile is not None:
        threading.Thread(target=_once_it_runs, args=(folder, meanwhile), daemon=True).start()
    outcome, error = press(video=str(video), job_folder=str(folder), **settings)
    return {"outcome": outcome, "error": error, "changes": scenes.changes(before, scenes.fingerprint())}


def press(**settings):
    """The operator's outcome and, where it reported an error, its sentence."""
    try:
        return next(iter(bpy.ops.animamimic.animate_from_video(**settings))), ""
    except RuntimeError as error:  # what Blender makes of a reported error
        return "ERROR", str(error).strip().removeprefix("Error: ")


def runs(folder):
    """Whether the pretending engine works and has started its child."""
    child = Path(folder) / "child"
    return child.exists() and child.read_text() != ""


def own_number(folder):
    """The pretending engine's process number."""
    return int((Path(folder) / "own").read_text().split()[0])


def _once_it_runs(folder, meanwhile):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not runs(folder):
        time.sleep(0.02)
    meanwhile()
