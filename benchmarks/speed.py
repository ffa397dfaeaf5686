"""Where a run's seconds go, stage by stage, on one core and on all of them.

    python benchmarks/speed.py [JOB ...] [--threads 1,2]

JOB: a job folder, for example one that accuracy.py left; it is copied, and what its run had found is not used. Without any, a bending
tube of 10,000 triangles is run, 49 frames of 512 x 512, with an automatic rig. Every run is a process of its own. Wall seconds mean
something on a quiet machine alone. What a second core is worth to this machine is told first: the cores of a rented one may be the two
threads of a single core, or lent to others meanwhile, and then two do far less than twice the work.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import made_jobs
from animamimic.core import job
from animamimic.core.bounds import MOST_THREADS, cores
from animamimic.core.stages import STAGES_FOLDER

ROOT = Path(__file__).resolve().parent.parent
SOME_WORK = """
import time
import numpy as np
picture, begun = np.random.default_rng(0).random((256, 256, 3), np.float32), time.perf_counter()
for _ in range(2000):
    np.flatnonzero((picture * 2 + picture)[..., 0] > 1)
print(time.perf_counter() - begun)
"""
"""Says how many seconds it took."""

MADE = {"frames": 49, "vertices": 5000, "side": 512}


def main() -> int:
    """Run, and print a table for each job."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", type=Path, metavar="JOB")
    parser.add_argument("--threads", type=lambda text: tuple(int(one) for one in text.split(",")), default=tuple(sorted({1, cores()})))
    options = parser.parse_args()
    print(f"Two processes on two cores do {worth_of_two_cores():.2f} times the work of one.\n", flush=True)
    with tempfile.TemporaryDirectory() as place:
        for folder in options.jobs or [made_jobs.write_job(Path(place) / "tube", **MADE)]:
            reports = {threads: measured(folder, Path(place) / f"{folder.name}-{threads}", threads) for threads in options.threads}
            print(table(folder, reports), flush=True)
    return 0


def worth_of_two_cores() -> float:
    """How much more of the same work two processes side by side do than one alone: 2 where nothing is shared."""

    def seconds(processes: int) -> float:
        begun = [subprocess.Popen([sys.executable, "-c", SOME_WORK], stdout=subprocess.PIPE, text=True) for _ in range(processes)]
        return max(float(one.communicate()[0]) for one in begun)

    return 2 * seconds(1) / seconds(2)


def measured(source: Path, folder: Path, threads: int) -> dict:
    """The report of one run on so many threads."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(STAGES_FOLDER))
    environment = {**os.environ, MOST_THREADS: str(threads)}
    subprocess.run([sys.executable, ROOT / "__main__.py", "run", folder], env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return job.read_result(folder).report


def table(folder: Path, reports: dict[int, dict]) -> str:
    """Wall / processor seconds as Markdown: of every stage, of the fit's parts (wall alone), and of the whole."""
    report = next(iter(reports.values()))
    triangles = len(job.read_request(folder).mesh.triangles)
    head = f"{folder.name}: {report['frames']} frames, {triangles:,} triangles, {report['bones']} bones"
    stages = [(stage, "seconds_by_stage", "cpu_seconds_by_stage") for stage in report["seconds_by_stage"]]
    rows = [[stage, *(f"{one[wall][stage]:.1f} / {one[cpu][stage]:.1f}" for one in reports.values())] for stage, wall, cpu in stages]
    rows += [[f"fit: {part}", *(f"{one['fit']['seconds'].get(part, 0.0):.1f}" for one in reports.values())] for part in report["fit"]["seconds"]]
    rows.append(["**all**", *(" / ".join(f"{sum(one[kind].values()):.1f}" for kind in stages[0][1:]) for one in reports.values())])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "", "| wall / processor s | " + " | ".join(f"threads: {threads}" for threads in reports) + " |", "|---" * (len(reports) + 1) + "|", *lines, ""])


if __name__ == "__main__":
    sys.exit(main())
