"""The command line's part for many shots: `batch TABLE`, and `shot FOLDER`, which the batch starts for every attempt."""

import argparse
import json
import signal
import sys
import threading
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from ..bounds import cores, threads_each
from ..claim import claim
from ..errors import EngineError, InputError
from ..parent import end_with
from .display import display, retry_table
from .generator import serve
from .local_pool import LocalPool
from .pools import Pool, Resources
from .ray_pool import RayPool
from .run import SUMMARY_FILE, Batch, summary
from .shot import PATIENCE_MINUTES, Programs, attempt
from .steps import Step, steps_of
from .table import Shot, chosen, read_shots

RETRIES = 2
JOB_GIGABYTES = 2.0
"""What a job takes where nothing else is said; see benchmarks/scale.md."""

BATCH_LOCK = "batch.lock"


def add_to(commands: Any) -> None:
    """Add the commands to the parser's."""
    batch = commands.add_parser("batch", help="animate many shots, on this machine or on a Ray cluster")
    batch.set_defaults(command=_batch)
    batch.add_argument("table", metavar="SHOTS", type=Path, help="a .csv or .json: columns blend, out and any setting by name (video above all), or job")
    batch.add_argument("--rows", default="", metavar="N", help="only these rows, such as 3 or 1-4,7; for farms that hand out rows themselves")
    batch.add_argument("--folder", type=Path, metavar="DIR", help="where the shots' folders lie (default: SHOTS-batch beside the table)")
    batch.add_argument("--jobs", type=int, default=0, metavar="N", help="shots at once on this machine (default: as many as cores and memory allow)")
    batch.add_argument("--ray", default="", metavar="ADDRESS", help="run on the Ray cluster at this address; 'auto' finds the one of this machine")
    batch.add_argument("--threads", type=int, default=0, metavar="N", help="cores for one shot (default: 1 on Ray, here what jobs leave)")
    batch.add_argument("--memory", type=float, default=JOB_GIGABYTES, metavar="GB", help=f"memory for one shot (default: {JOB_GIGABYTES:g})")
    batch.add_argument("--gpus", type=float, default=0.0, metavar="N", help="graphics cards for one shot on Ray, or a share of one (default: none)")
    batch.add_argument("--generators", type=int, default=1, metavar="N", help="video models kept loaded at once, for rows with a prompt (default: 1)")
    batch.add_argument("--generator-gpus", type=float, default=-1.0, metavar="N", help="graphics cards for each on Ray (default: 1 where the cluster has any)")
    batch.add_argument("--generator-memory", type=float, default=0.0, metavar="GB", help="memory for each (default: half of this machine's for all of them; on Ray none is kept free)")
    batch.add_argument("--retries", type=int, default=RETRIES, metavar="N", help=f"how often a shot that was lost is tried again (default: {RETRIES})")
    batch.add_argument("--blender", type=Path, metavar="PATH", help="drive this Blender instead of the bpy module")
    batch.add_argument("--patience", type=float, default=PATIENCE_MINUTES, metavar="MINUTES", help=f"how long a shot's Blender may tell nothing before it is ended as hanging (default: {PATIENCE_MINUTES:g})")
    batch.add_argument("--engine-python", default="", metavar="PATH", help="the Python that has torch (default: the one that runs a shot)")

    shot = commands.add_parser("shot")  # what a batch starts; not for people
    shot.set_defaults(command=_shot)
    shot.add_argument("folder", type=Path)
    shot.add_argument("--attempt", type=int, required=True)
    shot.add_argument("--step", type=Step, required=True)
    shot.add_argument("--parent", type=int, default=0)

    generator = commands.add_parser("generator")  # likewise, for the steps at videos
    generator.set_defaults(command=_generator)
    generator.add_argument("--parent", type=int, required=True)


def _batch(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    if min(options.jobs, options.threads, options.retries, options.gpus, options.generator_memory) < 0 or min(options.memory, options.patience) <= 0 or options.generators < 1:
        raise InputError("A number of jobs, threads, cards, models or retries, the memory or the patience is too small.", "Give numbers above zero.")
    shots = read_shots(options.table)
    if options.rows:
        shots = chosen(shots, options.rows)
    place = (options.folder or options.table.with_name(options.table.stem + "-batch")).resolve()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {place} cannot be made ({error.strerror}).", "Choose another with --folder.") from error
    programs = Programs(str(options.blender or ""), options.engine_python, options.patience)
    # Rows that a farm hands out run side by side; each job folder has a lock of its own.
    own = options.rows.replace(",", "+").replace(" ", "")
    lock, summary_file = (f"{own}-{name}" if own else name for name in (BATCH_LOCK, SUMMARY_FILE))
    with claim(place, lock), redirect_stdout(sys.stderr), display() as show:  # Ray prints of its own accord
        found = Batch(shots, place, _pool(options, shots, place), options.retries, show, programs, summary_file).run()
    if table := retry_table(found):
        print(table, file=sys.stderr)
    told = {name: value for name, value in summary(found, 0.0).items() if name not in {"shots", "seconds"}}
    print(json.dumps({**told, "summary": str(place / summary_file)}))
    return 0 if told["outcome"] == "done" else EngineError.exit_code


def _pool(options: argparse.Namespace, shots: tuple[Shot, ...], place: Path) -> Pool:
    generators = options.generators if any(Step.GENERATE in steps_of(one) for one in shots) else 0
    if options.ray:
        cards = options.generator_gpus if options.generator_gpus >= 0 else None
        fitting = Resources(options.threads or 1, options.memory, options.gpus)
        generating = Resources(0, options.generator_memory, cards)  # it waits for its card most of the time, and must not keep the last core from the fits
        return RayPool(options.ray, fitting, place, generating, generators, options.engine_python)
    jobs = options.jobs or max(1, min(cores() // (options.threads or 1), int(_free_gigabytes() / options.memory)))
    most = threads_each(jobs + generators)
    return LocalPool(jobs, min(options.threads or most, most), place, generators, options.generator_memory, options.engine_python)


def _free_gigabytes() -> float:
    """Memory that is free now; without a way to know, enough for every core."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) * 1024 / 1e9
    except (OSError, StopIteration):
        return JOB_GIGABYTES * cores()


def _shot(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    if options.parent:
        threading.Thread(target=end_with, args=(options.parent,), daemon=True).start()
    return attempt(options.folder.resolve(), options.attempt, options.step)


def _generator(options: argparse.Namespace) -> int:
    threading.Thread(target=end_with, args=(options.parent,), daemon=True).start()
    return serve()


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
