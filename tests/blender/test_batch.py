"""`python -m animamimic batch` over .blend files: from a video, and from a prompt in steps of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LOOK = """
bpy.ops.wm.open_mainfile(filepath=arguments[0])
armature = bpy.data.objects["Bar"].find_armature()
tell(rigged=armature is not None, range=list(armature.animation_data.action.frame_range) if armature else [])
"""


@pytest.fixture
def batch(tmp_path, engine_python):
    """Writes rows as a table and runs it; exit code, the JSON outcome, the standard error."""

    def run(*rows):
        table = tmp_path / "shots.json"
        table.write_text(json.dumps(rows))
        command = [sys.executable, ROOT / "__main__.py", "batch", table, "--jobs", "1", "--engine-python", engine_python]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=1800, check=False)
        return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr

    return run


def test_a_table_of_files_is_animated_and_not_done_twice(blender, batch, bar, clips, tmp_path):
    row = {"blend": str(bar), "object": "Bar", "video": str(clips / "good.mp4"), "out": "out.blend", "frame_start": 5, "frame_end": 8, "fit_resolution": 64}
    code, told, errors = batch(row)
    assert (code, told["outcome"], told["done"]) == (0, "done", 1), errors
    looked = blender(LOOK, tmp_path / "out.blend")
    assert (looked["rigged"], looked["range"]) == (True, [5, 8])
    code, told, errors = batch(row)
    assert (code, told["kept"], told["done"]) == (0, 1, 0), errors


def test_a_prompt_is_pictured_generated_and_fitted_and_another_fit_makes_no_video_again(blender, batch, bar, clips, model, tmp_path):
    """A model with random weights makes noise, in which a mask says where the bar is."""
    row = {"blend": str(bar), "prompt": "a bar bends", "mask_video": str(clips / "mask.mp4"), "model": str(model), "steps": 1, "video_size": 64, "out": "out.blend"}
    row |= {"frame_start": 5, "frame_end": 6, "fit_resolution": 64}
    code, told, errors = batch(row)
    assert (code, told["outcome"], told["done"]) == (0, "done", 1), errors
    looked = blender(LOOK, tmp_path / "out.blend")
    assert (looked["rigged"], looked["range"]) == (True, [5, 6])
    (folder,) = (tmp_path / "shots-batch").glob("out-*")
    assert [line["step"] for line in noted(folder)] == [step for step in ("picture", "generate", "animate") for _ in range(2)]
    assert not (folder / "generation" / "result.json").exists()  # what is fitted is the file's own job
    made = [(folder / "generation" / name).stat().st_mtime_ns for name in ("view.png", "stages/generate.stage")]
    code, told, errors = batch(row | {"fit_resolution": 96})
    assert (code, told["done"]) == (0, 1), errors
    assert [(folder / "generation" / name).stat().st_mtime_ns for name in ("view.png", "stages/generate.stage")] == made
    assert json.loads((folder / "job" / "result.json").read_text())["reused_stages"] == ["video", "rig"]


def noted(folder):
    """What the attempts noted."""
    return [json.loads(line) for line in (folder / "attempts.jsonl").read_text().splitlines()]


def test_what_is_wrong_with_the_scene_is_told_before_a_video_is_made(batch, bar, model):
    code, told, errors = batch({"blend": str(bar), "prompt": "a bar bends", "model": str(model), "object": "Nobody", "out": "out.blend"})
    assert (code, told["failed"], told["retried"]) == (1, 1, {})
    assert "There is no object 'Nobody' in the scene." in errors
