"""`animate --prompt --model`, whole: a .blend file and a model in, an animated file out.

The model is a real pipeline, loaded from disk, whose weights repeat the start picture (tests/core/still_model.py): what it makes is a
video that shows the subject as it stands, and the motion found for it is none.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("bpy", reason="the bpy module is not installed")
pytestmark = pytest.mark.blender

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

SAVE = "import os, sys, bpy, scenes; scenes.make_bar_scene(64); bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1]); os._exit(0)"
MAKE_MODEL = "import sys; sys.path.append(sys.argv[1]); import still_model, tiny_models; tiny_models.saved(still_model.still_video, sys.argv[2])"

LOOK = """
import numpy as np
bpy.ops.wm.open_mainfile(filepath=arguments[0])
bar = bpy.data.objects["Bar"]
scene = bpy.context.scene
def points():
    mesh = bar.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    return np.array([bar.matrix_world @ one.co for one in mesh.vertices])
scene.frame_set(3)
first = points()
scene.frame_set(8)
tell(moved=float(np.abs(points() - first).max()), rigged=bar.find_armature() is not None)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory, engine_python):
    folder = tmp_path_factory.mktemp("model")
    made = subprocess.run([engine_python, "-c", MAKE_MODEL, ROOT / "tests" / "core", folder], capture_output=True, text=True, timeout=240, check=False)
    if "No module named" in made.stderr:
        pytest.skip("the engine's Python has no diffusers")
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def bar(tmp_path_factory):
    path = tmp_path_factory.mktemp("bar") / "bar.blend"
    subprocess.run([sys.executable, "-c", SAVE, path], check=True, timeout=120, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(HERE)})
    return path


def command(engine_python, *arguments):
    """Exit code and outcome."""
    run = subprocess.run([*map(str, (sys.executable, ROOT / "__main__.py", *arguments, "--engine-python", engine_python))], capture_output=True, text=True, timeout=600, check=False)
    return run.returncode, json.loads(run.stdout.splitlines()[-1]), run.stderr


def options(model, out, *more):
    return ["--prompt", "a bar stands still", "--model", model, "--steps", "1", "--guidance", "1", "--video-size", "64", "--frames", "3:8", "--out", out, *more]


def test_a_prompt_and_a_model_go_in_and_an_animated_file_comes_out(blender, engine_python, bar, model, tmp_path):
    out = tmp_path / "out.blend"
    wanted = options(model, out, "--fit-resolution", "64", "--candidates", "2", "--pick", "2", "--job", tmp_path / "job")
    code, report, errors = command(engine_python, "animate", bar, *wanted)
    assert (code, report["outcome"]) == (0, "done"), (report, errors)
    assert report["generated"]["model"] == "Stable Video Diffusion XT"
    assert (report["generated"]["picked"], report["generated"]["candidates"]) == (2, 2)
    assert report["generated"]["made_at"] == "3 frames of 64 x 64"  # six of the scene's 24 a second last as long as three of the model's 7
    assert report["frames"] == 6
    assert report["first_frame_iou"] > 0.85
    found = blender(LOOK, out)
    assert found["rigged"]
    assert found["moved"] < 0.35  # metres, of a bar 4 m high; a pixel is 0.125, the model's noise 3 levels


def test_videos_alone_come_with_their_contact_sheet(engine_python, bar, model, tmp_path):
    out = tmp_path / "clip.mp4"
    code, report, errors = command(engine_python, "generate", bar, *options(model, out, "--candidates", "2", "--pick", "2"))
    assert (code, report["outcome"], report["picked"]) == (0, "done", 2), (report, errors)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["clip.1.mp4", "clip.mp4", "clip.png"]
    code, report, _ = command(engine_python, "generate", bar, *options(model, out, "--pick", "3"))
    assert (code, report["error"]) == (2, "Candidate 3 is picked of 1. Pick one of them, or 0 for the one that the fit can use best.")
