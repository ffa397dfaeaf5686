"""The command line without Blender: usage, exit codes, the doctor, a job that cannot run."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from animamimic.core import doctor, job
from animamimic.core.settings import Settings
from animamimic.core.types import Mesh, View

ROOT = Path(__file__).resolve().parents[2]


def command(*arguments, cwd=ROOT, **more):
    return subprocess.run(
        [sys.executable, str(ROOT / "__main__.py"), *map(str, arguments)], capture_output=True, text=True, cwd=cwd, timeout=120, check=False, **more
    )


@pytest.fixture
def job_folder(tmp_path):
    """A job whose video does not exist."""
    mesh = Mesh(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 2]], np.int32))
    job.write_request(tmp_path, job.Request(Settings(), mesh, None, View(64, 64, np.eye(4), np.eye(4)), 24.0, "driving.mp4"))
    return tmp_path


def test_doctor_is_healthy_here():
    run = command("doctor", "--json")
    assert run.returncode == 0
    assert json.loads(run.stdout)["healthy"] is True


def test_doctor_names_what_is_missing_and_the_cure(monkeypatch):
    monkeypatch.setattr(doctor, "NEEDS", (doctor.Need("no_such_module", "no-such-package", "this test", True),))
    findings = doctor.examine()
    assert not doctor.healthy(findings)
    assert "python -m pip install no-such-package" in doctor.as_text(findings)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "no/such/folder"), "There is no job folder"),
        (("run", "no_such_job"), "There is no job folder"),
        (("run", str(ROOT / "README.md")), "There is no job folder"),
        (("animate", "no_such.blend", "--out", "out.blend"), "There is no file"),
        (("animate", str(ROOT / "samples/fish/fish.blend"), "--out", "no/such/out.blend"), "There is no folder"),
        (("animate", "a.blend", "--out", "b.blend", "--frames", "9:3"), "is no frame range"),
        (("animate", str(ROOT / "samples/fish/fish.blend"), "--out", "b.blend", "--blender", "no/blender"), "There is no Blender at"),
    ],
)
def test_bad_input_is_told_in_a_sentence(arguments, sentence, tmp_path):
    run = command(*arguments, cwd=tmp_path)
    assert run.returncode == 2
    assert sentence in run.stderr
    assert "Traceback" not in run.stderr
    outcome = json.loads(run.stdout)
    assert outcome["outcome"] == "failed"
    assert sentence in outcome["error"]


def test_bad_usage_exits_with_2():
    assert command("animate").returncode == 2
    assert command("animate", "a.blend", "--out", "b.blend", "--rig", "maybe").returncode == 2


def test_a_job_without_its_video_fails_with_a_message(job_folder):
    run = command("run", job_folder)
    assert run.returncode == 2
    *_, last = job.MessageReader(job_folder).new_messages()
    assert last.kind == "ERROR"
    assert last.exit_code == 2
    assert "driving.mp4" in last.text
    assert json.loads(run.stdout) == {"outcome": "failed", "job": str(job_folder), "error": last.text}
    assert not (job_folder / job.REPORT_FILE).exists()


def test_the_engine_ends_with_its_parent(job_folder):
    """The sample's video keeps the engine busy for seconds; the end of its parent must end it before its own error does."""
    shutil.copy(ROOT / "samples/fish/driving.mp4", job_folder)
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    engine = subprocess.Popen([sys.executable, str(ROOT / "__main__.py"), "run", str(job_folder), "--parent", str(parent.pid)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (job_folder / job.PROGRESS_FILE).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert engine.poll() is None
    parent.kill()
    parent.wait()
    assert engine.wait(10) == 1
    assert not any(message.kind == "ERROR" for message in job.MessageReader(job_folder).new_messages())
