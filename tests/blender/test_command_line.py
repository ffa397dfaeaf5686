"""`python -m animamimic animate`, whole: a file in, a file out, the exit codes, and what is said when it cannot be done.

It drives the bpy module of this Python; where the environment variable BLENDER names a Blender program, that one too.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

LOOK = """
bpy.ops.wm.open_mainfile(filepath=arguments[0])
bar = bpy.data.objects["Bar"]
armature = bar.find_armature()
tell(rigged=armature is not None, range=list(armature.animation_data.action.frame_range) if armature else [])
"""


@pytest.fixture
def animate(engine_python):
    """The command, by the engine's Python only where that is this one; else by this one with the other as the engine's."""

    def start(*arguments):
        command = [sys.executable, ROOT / "__main__.py", "animate", *arguments, "--engine-python", engine_python, "--fit-resolution", "64"]
        return subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def ended(process):
    """Exit code, the JSON outcome and the standard error of a command."""
    output, errors = process.communicate(timeout=300)
    return process.returncode, json.loads(output.splitlines()[-1]), errors


def test_a_file_goes_in_and_an_animated_one_comes_out(blender, animate, bar, clips, tmp_path):
    out = tmp_path / "out.blend"
    untouched = bar.read_bytes()
    code, report, errors = ended(animate(bar, "--video", clips / "good.mp4", "--out", out, "--object", "Bar", "--frames", "5:9"))
    assert (code, report["outcome"], report["out"]) == (0, "done", str(out)), errors
    assert report["frames"] == 5
    assert "animamimic: fit" in errors  # no terminal: a line for each stage
    looked = blender(LOOK, out)
    assert looked["rigged"]
    assert looked["range"] == [5, 9]
    assert bar.read_bytes() == untouched


@pytest.mark.skipif("BLENDER" not in os.environ, reason="the environment variable BLENDER names no Blender program")
def test_it_drives_a_blender_program(blender, animate, bar, clips, tmp_path):
    out = tmp_path / "out.blend"
    code, _, errors = ended(animate(bar, "--video", clips / "good.mp4", "--out", out, "--blender", os.environ["BLENDER"]))
    assert code == 0, errors
    assert out.is_file()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--object", "Nobody"), "There is no object 'Nobody' in the scene. Name a mesh or an armature with --object; there are: Bar."),
        (("--camera", "Bar"), "There is no camera 'Bar' in the scene. Its cameras: Camera."),
        (("--rig", "keep"), "'Bar' has no armature to keep."),
        (("--frames", "9:5"), "is no frame range"),
        (("--video", "nowhere.mp4"), "nowhere.mp4 does not exist."),
    ],
)
def test_bad_input_exits_with_2_and_writes_nothing(animate, bar, clips, tmp_path, more, sentence):
    out = tmp_path / "out.blend"
    code, report, errors = ended(animate(bar, "--video", clips / "good.mp4", "--out", out, *more))
    assert (code, report["outcome"]) == (2, "failed")
    assert sentence in report["error"]
    assert sentence in errors
    assert "Traceback" not in errors
    assert not out.exists()


def test_a_file_that_is_no_blend_is_told(animate, clips, tmp_path):
    (tmp_path / "letter.blend").write_text("Dear Sir")
    code, report, _ = ended(animate(tmp_path / "letter.blend", "--video", clips / "good.mp4", "--out", tmp_path / "out.blend"))
    assert code == 2
    assert "Blender cannot open" in report["error"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which even the superuser can make no file")
def test_an_output_that_cannot_be_written_is_told(animate, bar, clips):
    code, report, _ = ended(animate(bar, "--video", clips / "good.mp4", "--out", "/proc/out.blend"))
    assert code in {1, 2}  # an ordinary user is told before the run, the superuser after it
    assert "cannot be written" in report["error"]


def test_an_output_that_is_a_folder_is_told_at_once(animate, bar, clips, tmp_path):
    code, report, _ = ended(animate(bar, "--video", clips / "good.mp4", "--out", tmp_path))
    assert code == 2
    assert "is a folder" in report["error"]


@pytest.mark.skipif(os.name == "nt", reason="mounts a small disk")
def test_a_full_disk_under_the_job_is_told_in_a_sentence(animate, bar, clips, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", disk], capture_output=True, check=False).returncode != 0:
        pytest.skip("no disk can be mounted here")
    try:
        (disk / "ballast").write_bytes(b"0" * 81_920)
        code, report, errors = ended(animate(bar, "--video", clips / "good.mp4", "--out", tmp_path / "out.blend", "--job", disk / "job"))
        with contextlib.suppress(OSError), (disk / "more").open("wb", buffering=0) as file:
            while file.write(b"0" * 4096):
                pass
        fuller, told, _ = ended(animate(bar, "--video", clips / "good.mp4", "--out", tmp_path / "out.blend", "--job", disk / "job2"))
    finally:
        subprocess.run(["umount", disk], check=True)
    assert (code, report["outcome"]) == (1, "failed")
    assert "No space left on device" in report["error"] or "is full" in report["error"]
    assert (fuller, "Traceback" in str(told) + str(report) + errors) == (1, False)


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_exits_with_130_and_leaves_no_engine(animate, bar, clips, tmp_path, number):
    job = tmp_path / "job"
    process = animate(bar, "--video", clips / "good.mp4", "--out", tmp_path / "out.blend", "--job", job)
    wait_for_progress(job)
    process.send_signal(number)
    code, report, _ = ended(process)
    assert (code, report["outcome"]) == (130, "cancelled")
    assert not (tmp_path / "out.blend").exists()
    assert str(job) not in running_programs()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_killed_command_line_takes_blender_and_engine_along(animate, bar, clips, tmp_path):
    job = tmp_path / "job"
    process = animate(bar, "--video", clips / "good.mp4", "--out", tmp_path / "out.blend", "--job", job, "--fit-resolution", "1024")
    wait_for_progress(job)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while str(job) in running_programs() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert str(job) not in running_programs()
    assert not (tmp_path / "out.blend").exists()


def wait_for_progress(job):
    deadline = time.monotonic() + 120
    while not (job / "progress.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def running_programs():
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


def test_a_defect_inside_blender_ends_it_at_once(bar, tmp_path):
    """An exception that nobody foresaw, with classes registered: at a normal exit bpy 4.5 would hang."""
    request = tmp_path / "animate.json"
    request.write_text(json.dumps({"blend": str(bar), "out": str(tmp_path / "out.blend"), "outcome": str(tmp_path / "outcome.json"), "operator": "no_such"}))
    command = [sys.executable, ROOT / "__main__.py", "--", "inside-blender", request]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert "AttributeError" in done.stderr
    assert not (tmp_path / "outcome.json").exists()
