"""A real Ray cluster of two nodes on this machine: sixteen jobs, one worker killed half-way, nothing lost and nothing twice."""

import collections
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import made_jobs
import pytest
from animamimic.core import job

ray = pytest.importorskip("ray", reason="Ray is not installed (the optional dependency 'farm')")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find the worker")

ROOT = Path(__file__).resolve().parents[2]
RAY = [sys.executable, "-m", "ray.scripts.scripts"]
JOBS = 16
PATIENCE = 120.0


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start_node(folder, *arguments):
    """A node of one core that ends with this test; `ray start --block` ends all that it started when it is terminated."""
    command = [*RAY, "start", "--block", "--num-cpus=1", f"--memory={4 * 10**9}", f"--object-store-memory={100 * 2**20}", "--disable-usage-stats", *arguments]
    with (folder / "ray.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "RAY_enable_open_telemetry": "0"})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The address of two nodes."""
    folder = tmp_path_factory.mktemp("ray")
    address = f"127.0.0.1:{free_port()}"
    head = start_node(folder, "--head", f"--port={address.split(':')[1]}", "--include-dashboard=false", f"--temp-dir=/tmp/ray-{os.getpid()}")
    nodes = [head]
    try:
        deadline = time.monotonic() + PATIENCE
        while subprocess.run([*RAY, "health-check", "--address", address], capture_output=True, check=False).returncode != 0:
            assert time.monotonic() < deadline and head.poll() is None, (folder / "ray.log").read_text()
            time.sleep(0.5)
        nodes.append(start_node(folder, f"--address={address}"))
        yield address
    finally:
        for node in reversed(nodes):
            node.terminate()
        for node in nodes:
            node.wait(PATIENCE)


def noted(place):
    """What all attempts wrote, with the shot's name."""
    return [(path.parent.name, json.loads(line)) for path in place.glob("*/attempts.jsonl") for line in path.read_text().splitlines()]


def parent_of(process):
    """The Ray worker that started it."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def kill_a_worker_half_way(place, batch):
    """Kill -9 the Ray worker that runs an attempt, once a quarter of the jobs is done; returns its shot's name."""
    while batch.poll() is None:
        lines = noted(place)
        over = [name for name, line in lines if line["state"] != "begun"]
        running = [(name, line["process"]) for name, line in lines if line["state"] == "begun" and name not in over]
        if len(over) >= JOBS // 4 and running:
            name, process = running[-1]
            os.kill(parent_of(process), signal.SIGKILL)
            return name
        time.sleep(0.05)
    raise AssertionError("the batch ended before half of it was done")


def test_no_cluster_is_told_in_a_sentence(tmp_path):
    """First of all: the other tests' cluster stays until the last of them."""
    made_jobs.write_job(tmp_path / "job", frames=2)
    (tmp_path / "shots.csv").write_text("job\njob\n")
    command = [sys.executable, ROOT / "__main__.py", "batch", tmp_path / "shots.csv", "--ray", "auto"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "RAY_ADDRESS": ""}, timeout=120)
    assert done.returncode == 2
    assert "There is no Ray cluster at 'auto'. Start one (ray start --head), or leave out --ray." in done.stderr


def test_sixteen_jobs_on_two_nodes_survive_the_loss_of_a_worker(cluster, tmp_path):
    rig = made_jobs.two_bones(made_jobs.tube(400))
    folders = [made_jobs.write_job(tmp_path / f"job{number}", frames=2 + number % 3, rig=rig, fit_resolution=64) for number in range(JOBS)]
    table = tmp_path / "shots.json"
    table.write_text(json.dumps([{"job": folder.name} for folder in folders]))
    command = [sys.executable, ROOT / "__main__.py", "batch", table, "--ray", cluster]
    batch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lost = kill_a_worker_half_way(tmp_path / "shots-batch", batch)
        out, error = batch.communicate(timeout=1800)
    finally:
        batch.kill()
    told = json.loads(out)
    assert (batch.returncode, told["done"], told["failed"]) == (0, JOBS, 0), error
    assert list(told["retried"]) == [lost]
    assert "its worker was lost (WorkerCrashedError)" in told["retried"][lost][0]
    assert f"Tried again:\n  {lost}: attempt 1 on " in error
    made = collections.Counter(name for name, line in noted(tmp_path / "shots-batch") if line["state"] == "done")
    assert set(made.values()) == {1} and len(made) == JOBS
    first = {}  # jobs with as many frames are the same, and so must be their results
    for number, folder in enumerate(folders):
        assert len(job.read_result(folder).motion.rotations) == 2 + number % 3
        result = (folder / job.RESULT_FILE).read_bytes()
        assert first.setdefault(number % 3, result) == result
    too_large = subprocess.run([*command, "--memory", "9000"], capture_output=True, text=True, check=False, timeout=120)
    assert too_large.returncode == 2
    assert "No node of the Ray cluster has 1 cores and 9000 GB for a job. Ask for less." in too_large.stderr


def kill_the_actor_at_its_second_video(place, batch):
    """Kill -9 the worker that keeps the model, while its process is at the second video."""
    while batch.poll() is None:
        begun = [line["process"] for _, line in noted(place) if (line["step"], line["state"]) == ("generate", "begun")]
        if len(begun) == 2:
            os.kill(parent_of(begun[0]), signal.SIGKILL)
            return
        time.sleep(0.01)
    raise AssertionError("no second video was begun:\n" + batch.communicate()[1])


def test_an_actor_keeps_the_model_and_its_loss_costs_one_retry(cluster, tmp_path):
    pytest.importorskip("diffusers", reason="needs the extra 'generate'")
    import tiny_models

    model = tiny_models.saved(tiny_models.cogvideox, tmp_path / "model")
    rig = made_jobs.two_bones(made_jobs.tube(400))
    for number in range(3):
        made_jobs.write_prompted_job(tmp_path / f"job{number}", rig=rig, model=str(model), steps=8, video_size=64, seed=number, fit_resolution=64)
    table, place = tmp_path / "shots.json", tmp_path / "shots-batch"
    table.write_text(json.dumps([{"job": f"job{number}"} for number in range(3)]))
    batch = subprocess.Popen([sys.executable, ROOT / "__main__.py", "batch", table, "--ray", cluster], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        kill_the_actor_at_its_second_video(place, batch)
        out, error = batch.communicate(timeout=1800)
    finally:
        batch.kill()
    told = json.loads(out)
    assert (batch.returncode, told["done"]) == (0, 3), error
    ((reason,),) = told["retried"].values()
    assert reason.startswith("attempt 1 (generate) on ") and "its worker was lost (Actor" in reason
    loaded = re.findall(r"(\d+) animamimic\.core\.video\.generate\.kept: loaded", (place / "generator.log").read_text())
    assert len(loaded) == len(set(loaded)) == 2  # each process once
    for number in range(3):
        assert job.read_result(tmp_path / f"job{number}").report["reused_stages"] == ["generate"]
