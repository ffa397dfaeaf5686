"""A run keeps within the threads and the memory that it was given, and lets others go first where asked to."""

import os
import subprocess
import sys
from pathlib import Path

import made_jobs
import pytest
from animamimic.core import bounds, job

ROOT = Path(__file__).resolve().parents[2]

THREADS = """
import os
os.environ.setdefault("OMP_NUM_THREADS", "1")
from animamimic.core.bounds import bound
from animamimic.core.settings import MachineSettings
bound(MachineSettings(threads={threads}), lambda: None)
import cv2, torch
from animamimic.core.workers import each
import threading
together = threading.Barrier({used}, timeout=60)
def thread(_):
    together.wait()
    return threading.current_thread().name, torch.get_num_threads(), cv2.getNumThreads(), cv2.ipp.useIPP()
seen = each(thread, range({used}))
print(len(set(seen)), *set(one[1:] for one in seen))
"""


@pytest.mark.parametrize(("wanted", "most", "used"), [(1, "", 1), (2, "8", 2), (8, "2", 2), (0, "3", min(3, bounds.cores()))])
def test_pieces_of_work_are_shared_out_to_as_many_threads_as_are_allowed(wanted, most, used):
    """In each of them torch and OpenCV keep to one, and OpenCV to its own code."""
    environment = {**os.environ, bounds.MOST_THREADS: most}
    done = subprocess.run([sys.executable, "-c", THREADS.format(threads=wanted, used=used)], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{used} (1, 1, False)"


ONE_THREAD_DISTANCES = """
import numpy as np
from animamimic.core.bounds import bound
from animamimic.core.fit.evidence import signed_distance
from animamimic.core.settings import MachineSettings
bound(MachineSettings(threads=1), lambda: None)
row, column = np.mgrid[:256, :256]
disc = ((row - 140) ** 2 * 1.7 + (column - 120) ** 2 < 4900).astype(np.float32)
print(len({signed_distance(disc).tobytes() for _ in range(200)}))
"""


def test_what_opencv_computes_on_one_thread_is_the_same_each_time():
    """With Intel's library, which OpenCV takes on one thread, four different distances come out."""
    done = subprocess.run([sys.executable, "-c", ONE_THREAD_DISTANCES], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]


@pytest.mark.parametrize(("jobs", "threads"), [(1, 8), (2, 4), (3, 2), (8, 1), (50, 1)])
def test_jobs_share_the_cores(monkeypatch, jobs, threads):
    monkeypatch.setattr(bounds, "cores", lambda: 8)
    assert bounds.threads_each(jobs) == threads


def test_memory_is_bounded_by_the_environment_or_the_machine(monkeypatch):
    monkeypatch.setattr(bounds, "total_gigabytes", lambda: 16.0)
    assert bounds.most_gigabytes() == 12.0
    monkeypatch.setenv(bounds.MOST_GIGABYTES, "3.5")
    assert bounds.most_gigabytes() == 3.5


BESIDE_A_GPU = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests" / "blender")!r})
import package
package.make_importable()
from pathlib import Path
from animamimic import __main__
from animamimic.core import bounds
bounds.CUDA_DEVICE = Path("/dev/null")
sys.exit(__main__.main(sys.argv[1:]))
"""
"""The command line on a machine that seems to have an NVIDIA driver."""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory cannot be measured piece by piece")
@pytest.mark.parametrize("command", [[ROOT / "__main__.py"], ["-c", BESIDE_A_GPU]], ids=["bounded by the system", "watched"])
def test_more_memory_than_allowed_is_told_in_a_sentence(tmp_path, command):
    """A picture of 2048 pixels for 60 frames is a clip of 1 GB, which the least limit does not hold."""
    folder = made_jobs.write_job(tmp_path / "job", frames=60, side=64, fit_resolution=2048, memory_limit=1.0)
    done = subprocess.run([sys.executable, *command, "run", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    *_, last = job.MessageReader(folder).new_messages()
    assert last.text == "The engine ran out of memory. Lower the resolution, use a shorter video, or raise the memory limit."


@pytest.mark.skipif(os.name == "nt", reason="niceness is POSIX")
def test_a_polite_engine_lets_others_go_first(tmp_path):
    folder = made_jobs.write_job(tmp_path / "job", frames=2, fit_resolution=64)
    engine = subprocess.Popen([sys.executable, ROOT / "__main__.py", "run", folder, "--polite"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (folder / job.PROGRESS_FILE).exists() and engine.poll() is None:
        pass
    assert os.getpriority(os.PRIO_PROCESS, engine.pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + bounds.NICENESS)
    engine.kill()
    engine.wait()
