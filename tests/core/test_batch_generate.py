"""Rows with a prompt: a process keeps the model and makes the videos, others fit them; killed, it costs one retry and no result."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="needs the extra 'generate'")

import made_jobs
import tiny_models
from animamimic.core import job
from animamimic.core.batch.shot import attempts

ROOT = Path(__file__).resolve().parents[2]
SHOTS = 3
PATIENCE = 1800.0
"""Seconds: a busy machine loads even a tiny model for minutes."""

LOADED = re.compile(r"(\d+) animamimic\.core\.video\.generate\.kept: loaded CogVideoX")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")


@pytest.fixture(scope="module")
def prompted(tmp_path_factory):
    """A table of jobs that differ by their seed, for a tiny model."""
    folder = tmp_path_factory.mktemp("prompted")
    model = tiny_models.saved(tiny_models.cogvideox, folder / "model")
    rig = made_jobs.two_bones(made_jobs.tube(400))
    for number in range(SHOTS):
        made_jobs.write_prompted_job(folder / f"job{number}", rig=rig, model=str(model), steps=8, video_size=64, seed=number, fit_resolution=64)
    table = folder / "shots.json"
    table.write_text(json.dumps([{"job": f"job{number}"} for number in range(SHOTS)]))
    return table


def batch(table, *arguments):
    command = [sys.executable, ROOT / "__main__.py", "batch", table, *arguments]
    return subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def noted(table, step):
    """What the attempts at a step noted, over all shots."""
    place = table.with_name("shots-batch")
    return [line for folder in place.glob("job*") for line in attempts(folder) if line["step"] == step]


def loads(table):
    """The processes that loaded the model, one entry for each time."""
    return LOADED.findall((table.with_name("shots-batch") / "generator.log").read_text())


def kill_at_the_second_video(table, process):
    """Kill -9 the process that makes the videos while it is at the second; returns its number."""
    while process.poll() is None:
        begun = [line for line in noted(table, "generate") if line["state"] == "begun"]
        if len(begun) == 2:
            os.kill(begun[0]["process"], signal.SIGKILL)
            return begun[0]["process"]
        time.sleep(0.01)
    raise AssertionError("no second video was begun:\n" + process.communicate()[1])


def test_one_process_makes_all_videos_and_a_killed_one_is_made_up_for(prompted):
    process = batch(prompted, "--jobs", 1)
    killed = kill_at_the_second_video(prompted, process)
    out, error = process.communicate(timeout=PATIENCE)
    told = json.loads(out)
    assert (process.returncode, told["done"]) == (0, SHOTS), error
    ((reason,),) = told["retried"].values()
    assert re.fullmatch(rf"attempt 1 \(generate\) on \S+, process {killed}: its process was ended by SIGKILL", reason)
    makers = [line["process"] for line in noted(prompted, "generate") if line["state"] == "begun"]
    assert (len(makers), len(set(makers))) == (SHOTS + 1, 2)
    assert sorted(map(int, loads(prompted))) == sorted(set(makers))  # each loaded it once, for however many videos
    assert not set(makers) & {line.get("process") for line in noted(prompted, "animate")}
    for number in range(SHOTS):
        report = job.read_result(prompted.with_name(f"job{number}")).report
        assert (report["generated"]["model"], report["reused_stages"]) == ("CogVideoX 5B I2V", ["generate"])
    for maker in set(makers):
        with pytest.raises(ProcessLookupError):
            os.kill(maker, 0)


def test_another_setting_of_the_fit_makes_no_video_again(prompted):
    folder = prompted.with_name("job0")
    request = job.read_request(folder)
    before = (folder / job.RESULT_FILE).read_bytes()
    flat = job.settings_module.to_flat(request.settings) | {"smoothness": 3.0}
    job.write_request(folder, job.dataclasses.replace(request, settings=job.settings_module.from_flat(flat)))
    had = len(loads(prompted))
    process = batch(prompted, "--jobs", 1)
    out, error = process.communicate(timeout=PATIENCE)
    told = json.loads(out)
    assert (process.returncode, told["done"], told["kept"]) == (0, 1, SHOTS - 1), error
    assert len(loads(prompted)) == had
    assert (folder / job.RESULT_FILE).read_bytes() != before
    assert job.read_result(folder).report["reused_stages"] == ["generate", "video"]


def test_what_cannot_be_generated_fails_alone_in_a_sentence(tmp_path):
    """A model that is not there, and a job whose file was cut off."""
    made_jobs.write_prompted_job(tmp_path / "modelless", model="/no/model")
    torn = made_jobs.write_prompted_job(tmp_path / "torn", model="/no/model")
    os.truncate(torn / job.JOB_FILE, 100)
    table = tmp_path / "shots.csv"
    table.write_text("job\nmodelless\ntorn\n")
    process = batch(table, "--jobs", 1)
    out, error = process.communicate(timeout=PATIENCE)
    told = json.loads(out)
    assert (process.returncode, told["failed"], told["retried"]) == (1, 2, {}), error
    errors = [one["error"] for one in json.loads(Path(told["summary"]).read_text())["shots"]]
    assert errors[0].startswith("There is no folder '/no/model' with a model.")
    assert "is not a job folder" in errors[1]
