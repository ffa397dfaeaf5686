"""The Open Job Description template: checked and really run by openjd-cli on this machine. It was not run on a farm."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openjd.cli", reason="openjd-cli is not installed (the optional dependency 'farm')")

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "farm" / "openjd" / "animamimic.yaml"


def openjd(*arguments):
    return subprocess.run([sys.executable, "-m", "openjd", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=240)


def test_the_template_is_valid():
    done = openjd("check", TEMPLATE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_tasks_run(tmp_path):
    sys.path.append(str(ROOT / "benchmarks"))
    import made_jobs
    from animamimic.core import job

    rig = made_jobs.two_bones(made_jobs.tube(400))
    for number in (1, 2, 3):
        made_jobs.write_job(tmp_path / f"job{number}", frames=2, rig=rig, fit_resolution=64)
    (tmp_path / "shots.csv").write_text("job\njob1\njob2\njob3\n")
    values = {"Shots": tmp_path / "shots.csv", "Folder": tmp_path / "work", "Rows": "1-2", "Python": sys.executable}
    done = openjd("run", TEMPLATE, "--step", "Animate", *(part for name, value in values.items() for part in ("-p", f"{name}={value}")))
    assert done.returncode == 0, done.stdout + done.stderr
    assert [len(job.read_result(tmp_path / f"job{number}").motion.rotations) for number in (1, 2)] == [2, 2]
    assert not (tmp_path / "job3" / job.REPORT_FILE).exists()
    told = [json.loads((tmp_path / "work" / f"{row}-summary.json").read_text()) for row in (1, 2)]
    assert [(one["outcome"], one["done"]) for one in told] == [("done", 1), ("done", 1)]
