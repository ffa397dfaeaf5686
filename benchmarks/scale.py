"""How the cost grows: of one job with frames and with vertices, stage by stage, and of many jobs with workers.

    python benchmarks/scale.py [--frames 25,50,...] [--vertices 1000,...] [--jobs 1,4,16] [--write]

Processor seconds count, since they mean the same on a busy machine; each row is a process of its own. A stage is called linear where
doubling its size takes no more than 2.3 times its seconds (an exponent of 1.2, fitted over the larger half of the sizes).
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import made_jobs
from animamimic.core import job

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "benchmarks" / "scale.md"
STAGES = ("video", "rig", "fit", "tissue", "keys")
LINEAR = 1.2
SETTINGS = {"fit_resolution": 128, "tissue": "PHYSICS", "tissue_resolution": 8.0}
SMALL = {"frames": 6, "vertices": 400, "fit_resolution": 64}


def main() -> int:
    """Measure what is asked for; print it, and with --write keep it in scale.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=sizes, default=(25, 50, 100, 200, 400))
    parser.add_argument("--vertices", type=sizes, default=(1000, 10_000, 30_000, 100_000, 300_000))
    parser.add_argument("--jobs", type=sizes, default=(1, 4, 16))
    parser.add_argument("--write", action="store_true", help="into scale.md")
    options = parser.parse_args()
    parts = [head()]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if options.frames:
            parts.append(growth(place, "frames", options.frames, {"vertices": 2000}))
        if options.vertices:
            parts.append(growth(place, "vertices", options.vertices, {"frames": 25}))
        if options.jobs:
            parts.append(many(place, options.jobs))
    text = "\n\n".join(parts) + "\n"
    print(text)
    if options.write:
        REPORT.write_text(text, encoding="utf-8")
    return 0


def sizes(text: str) -> tuple[int, ...]:
    """Numbers between commas, none for an empty text."""
    return tuple(int(one) for one in text.split(",") if one)


def head() -> str:
    return f"""# How the cost grows

Made by `python benchmarks/scale.py --write` on {len(os.sched_getaffinity(0))} cores without a GPU, all of them for a single job, load {os.getloadavg()[0]:.0f} while it began:
a bending tube from `made_jobs.py`, automatic rig, the clip kept at 512 pixels, compared at {SETTINGS['fit_resolution']}, soft tissue
in cells of {SETTINGS['tissue_resolution']:g} %."""


def growth(place: Path, what: str, counts: tuple[int, ...], rest: dict) -> str:
    """One job of every size: a table of processor seconds and peak memory by stage, and how each stage grows."""
    rows = [measured(place, what, count, rest) for count in counts]
    return table(what, rest, rows)


def measured(place: Path, what: str, count: int, rest: dict) -> tuple:
    """Size; processor seconds, peak megabytes and wall seconds by stage; bones: of one job in a process of its own."""
    folder = made_jobs.write_job(place / f"{what}{count}", **{what: count, **rest}, **SETTINGS)
    subprocess.run([sys.executable, ROOT / "__main__.py", "run", folder], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    report = job.read_result(folder).report
    row = (report[what], report["cpu_seconds_by_stage"], report["peak_megabytes_by_stage"], report["seconds_by_stage"], report["bones"])
    print(what, json.dumps(row), file=sys.stderr, flush=True)
    return row


def table(what: str, rest: dict, rows: list[tuple]) -> str:
    """The rows as Markdown, with how each stage grows below them."""
    other = ", ".join(f"{value} {name}" for name, value in rest.items())
    lines = [
        f"## One job, by {what} ({other})", "",
        f"Processor seconds / peak MB of the process in that stage. The last column is the wall's seconds of all.\n\n| {what} | bones | " + " | ".join(STAGES) + " | wall |",
        "|---" * (len(STAGES) + 3) + "|",
        *(f"| {size:,} | {bones} | " + " | ".join(f"{cpu[stage]:.1f} / {peak[stage]:.0f}" for stage in STAGES) + f" | {sum(wall.values()):.0f} |" for size, cpu, peak, wall, bones in rows),
        "| exponent | | " + " | ".join(exponent([(size, cpu[stage]) for size, cpu, *_ in rows]) for stage in STAGES) + " | |",
    ]
    return "\n".join(lines)


def exponent(points: list[tuple[int, float]]) -> str:
    """The slope of seconds over size, both logarithmic, from the middle size to the largest; with a mark where it is not linear."""
    (first, before), (last, after) = points[len(points) // 2], points[-1]
    if first == last or before < 0.1 or after < 0.1:
        return "too short to tell"
    slope = math.log(after / before) / math.log(last / first)
    return f"{slope:.2f}" + (" **not linear**" if slope > LINEAR else "")


def many(place: Path, counts: tuple[int, ...]) -> str:
    """Batches of small jobs on one worker and on two."""
    rig = made_jobs.two_bones(made_jobs.tube(SMALL["vertices"]))
    lines = ["## Many jobs (six frames, 400 vertices, the rig kept)", "", "| jobs | workers | wall s | s a job | processor s a job | done |", "|---|---|---|---|---|---|"]
    for count in counts:
        for workers in (1, 2):
            folder = place / f"batch{count}-{workers}"
            for number in range(count):
                made_jobs.write_job(folder / f"job{number}", rig=rig, **SMALL)
            table = folder / "shots.json"
            table.write_text(json.dumps([{"job": f"job{number}"} for number in range(count)]))
            before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            done = subprocess.run([sys.executable, ROOT / "__main__.py", "batch", table, "--jobs", str(workers)], check=True, capture_output=True, text=True)
            wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / count
            lines.append(f"| {count} | {workers} | {wall:.0f} | {wall / count:.1f} | {cpu:.1f} | {json.loads(done.stdout)['done']} |")
            print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
