"""How the search for few keys grows with a clip's length, on motions that were fitted.

    python benchmarks/keys.py JOB [JOB ...] [--frames 49,98,150,300,600]

JOB: folder of a finished job, as `benchmarks/accuracy.py --out` leaves them. A longer clip is the fitted motion forth and back again
and again, with slow turns of about a degree on every moving bone, so that no two rounds are alike. Processor seconds of this process
count: run it with OMP_NUM_THREADS=1.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from animamimic.core import job
from animamimic.core.curves import choose_keys
from animamimic.core.settings import CurveSettings
from animamimic.core.types import Float64, Motion

SWAY = 0.01
"""Size of each of three slow waves that are added to a bone's turns, as half angles in radians."""


def main() -> int:
    """Print a table, a row a job and length."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", nargs="+", type=Path)
    parser.add_argument("--frames", default="49,98,150,300,600")
    options = parser.parse_args()
    print("| job | frames | bones | keys | keys / frames | surface error % | processor s | ms a frame |\n|---|---|---|---|---|---|---|---|")
    for folder in options.jobs:
        for frames in map(int, options.frames.split(",")):
            print(row(folder, frames), flush=True)
    return 0


def row(folder: Path, frames: int) -> str:
    """A line of the table."""
    request, result = job.read_request(folder), job.read_result(folder)
    motion = longer(result.motion, frames)
    begin = time.process_time()
    keys = choose_keys(request.mesh, result.rig, motion, None, CurveSettings())
    seconds = time.process_time() - begin
    moving = [len(one) for one in keys.frames if len(one) > 1]
    share = np.mean(moving) / frames if moving else 0.0
    return (
        f"| {folder.name} | {frames} | {len(keys.frames)} | {sum(map(len, keys.frames))} | {share:.3f} "
        f"| {100 * keys.surface_error:.4f} | {seconds:.2f} | {1000 * seconds / frames:.1f} |"
    )


def longer(motion: Motion, frames: int) -> Motion:
    """The motion forth and back until there are enough frames, bones that move swaying a little beside it."""
    count = len(motion.rotations)
    if frames <= count:
        return replace(motion, rotations=motion.rotations[:frames], translations=motion.translations[:frames], scales=motion.scales[:frames])
    at = np.abs((np.arange(frames) + count - 1) % (2 * count - 2) - (count - 1))
    moving = np.ptp(motion.rotations, axis=0).max(1) > 0
    turns = _sway(frames, motion.rotations.shape[1]) * moving[:, None]
    return replace(motion, rotations=_turned(motion.rotations[at], turns), translations=motion.translations[at], scales=motion.scales[at])


def _sway(frames: int, bones: int) -> Float64:
    """float64[frames, bones, 3]: half angles, zero in the first frame."""
    random, times = np.random.default_rng(0), np.arange(frames)[:, None, None]
    waves = ((random.uniform(20, 70, (bones, 3)), random.uniform(0, 2 * np.pi, (bones, 3))) for _ in range(3))
    return sum((SWAY * (np.sin(2 * np.pi * times / period + phase) - np.sin(phase)) for period, phase in waves), np.zeros((frames, bones, 3)))


def _turned(rotations: Float64, half_angles: Float64) -> Float64:
    """Quaternions [..., 4] after a small turn each."""
    other = np.concatenate([np.ones((*half_angles.shape[:-1], 1)), half_angles], -1)
    other /= np.linalg.norm(other, axis=-1, keepdims=True)
    w, v, a, b = rotations[..., :1], rotations[..., 1:], other[..., :1], other[..., 1:]
    return np.concatenate([w * a - (v * b).sum(-1, keepdims=True), w * b + a * v + np.cross(v, b)], -1)


if __name__ == "__main__":
    raise SystemExit(main())
