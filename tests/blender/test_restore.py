"""`python -m animamimic restore`, whole: an animated character and a model in, shape keys out; and what it says when it cannot."""

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

SAVE = """
import os, sys
import bpy, rigs
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
scene.frame_start, scene.frame_end, scene.render.fps = 3, 7, 24
scene.render.resolution_x = scene.render.resolution_y = 96
bar = rigs.add_bar(rings=17)
arm = rigs.add_arm(bar, connected=False)
bone = arm.pose.bones["upper"]
for frame, angle in ((3, 0.0), (5, 0.5), (7, -0.5)):
    rigs.pose(bone, angle)
    bone.keyframe_insert("rotation_quaternion", frame=frame)
rigs.add_camera(location=(0.0, -4.0, 1.0))
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
os._exit(0)
"""

LOOK = """
import json, os, sys
import bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
keys = bpy.data.objects["Bar"].data.shape_keys
action = bpy.data.objects["Arm"].animation_data.action
names = [one.name for one in keys.key_blocks if one.name != "Basis"]
first = [keys.key_blocks[name].value for name in names if not bpy.context.scene.frame_set(3)]
print("FOUND " + json.dumps({"names": names, "first": first, "range": list(action.frame_range), "keyed": keys.animation_data is not None}), flush=True)
os._exit(0)
"""

MODEL = "import sys; sys.path.append(sys.argv[1]); import tiny_wan; getattr(tiny_wan, sys.argv[3])().save_pretrained(sys.argv[2])"


def inside(script, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    return subprocess.run([sys.executable, "-c", script, *map(str, arguments)], check=True, timeout=120, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def character(tmp_path_factory):
    path = tmp_path_factory.mktemp("character") / "character.blend"
    inside(SAVE, path)
    return path


def make_model(engine_python, folder, kind):
    made = subprocess.run([engine_python, "-c", MODEL, ROOT / "tests" / "core", folder, kind], timeout=240, capture_output=True, text=True, check=False)
    if "No module named" in made.stderr:
        pytest.skip("the optional dependencies for generation are not installed")
    assert made.returncode == 0, made.stderr
    return folder


def restore(engine_python, blend, out, model, *more):
    command = [sys.executable, ROOT / "__main__.py", "restore", blend, "--out", out, "--model", model, "--prompt", "a cape waves", "--engine-python", engine_python]
    command += ["--steps", "2", "--size", "64", "--fit-resolution", "64", "--bone-hold", "0.05", *more]
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=300, check=False)


def test_an_animated_character_gets_what_a_model_imagines_beyond_its_bones(character, engine_python, tmp_path):
    model = make_model(engine_python, tmp_path / "vace", "vace")
    run = restore(engine_python, character, tmp_path / "out.blend", model, "--job", tmp_path / "job")
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout.splitlines()[-1])
    assert report["outcome"] == "done"
    assert report["frames"] == 5
    assert report["shape_keys"] > 0
    assert (tmp_path / "job" / "coarse.mp4").is_file() and (tmp_path / "job" / "restored.mp4").is_file()
    told = next(line for line in inside(LOOK, tmp_path / "out.blend").stdout.splitlines() if line.startswith("FOUND "))
    found = json.loads(told[6:])
    assert len(found["names"]) == report["shape_keys"]
    assert found["keyed"]
    assert found["range"] == [3, 7]  # the animator's own Action
    assert max(map(abs, found["first"])) < 1e-6  # the first frame stays as it stood


@pytest.mark.parametrize(("kind", "sentence"), [("", "There is no folder"), ("text_to_video", "is a WanPipeline, which cannot restore a video")])
def test_what_cannot_restore_is_told_in_a_sentence(character, engine_python, tmp_path, kind, sentence):
    model = make_model(engine_python, tmp_path / "model", kind) if kind else tmp_path / "nothing"
    run = restore(engine_python, character, tmp_path / "out.blend", model)
    assert run.returncode == 2
    assert sentence in json.loads(run.stdout.splitlines()[-1])["error"]
    assert not (tmp_path / "out.blend").exists()
