"""Milliseconds of a forward and of a forward + backward frame, next to a bare z-buffer in C and to Mitsuba 3.

    python benchmarks/raster.py [--quick]

One core, one frame. Forward: rasterize, interpolate four channels a vertex, antialias (or `draw`, which is the last two in one). Backward: the
positions' gradient from a given one of the picture, so that no loss is in it; `with loss` is forward + backward of a sum of squares instead, ours
by torch. The bare z-buffer (compiled here by `cc`) only finds the visible triangles: the least that any rasterizer must do. Mitsuba draws the same
surface, in a process of its own, three channels and one sample a pixel.
Freed memory is kept as in the engine (`core/bounds.py`). Times are the processor's, of one thread, so that other work on the machine counts
little; every work takes its turn after every other, so that what it does count weighs on all, and runs twice in it, the second time
counted, so that nobody finds what others left in the caches. The numpy backend, which is slow, is measured by itself.
"""

import argparse
import ctypes
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from animamimic.core.bounds import keep_freed_memory
from animamimic.core.render import antialias, draw, interpolate, rasterize, topology
from raster_mitsuba import INTEGRATORS, WORKS
from raster_scene import by_turns, lumpy_ball, seen_from, timed

Z_BUFFER = r"""
#include <math.h>
/* points: V x (pixel x, pixel y, depth); the nearest triangle of each pixel */
void z_buffer(const float *points, const int *triangles, int count, int width, int height, int *ids, float *depth) {
    for (int i = 0; i < width * height; i++) { ids[i] = -1; depth[i] = INFINITY; }
    for (int t = 0; t < count; t++) {
        const float *a = points + 3 * triangles[3 * t], *b = points + 3 * triangles[3 * t + 1], *c = points + 3 * triangles[3 * t + 2];
        float area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
        if (area == 0) continue;
        float over = 1 / area;
        int x0 = (int)ceilf(fminf(a[0], fminf(b[0], c[0])) - .5f), x1 = (int)floorf(fmaxf(a[0], fmaxf(b[0], c[0])) - .5f);
        int y0 = (int)ceilf(fminf(a[1], fminf(b[1], c[1])) - .5f), y1 = (int)floorf(fmaxf(a[1], fmaxf(b[1], c[1])) - .5f);
        if (x0 < 0) x0 = 0;
        if (y0 < 0) y0 = 0;
        if (x1 >= width) x1 = width - 1;
        if (y1 >= height) y1 = height - 1;
        for (int y = y0; y <= y1; y++) {
            float px = x0 + .5f, py = y + .5f;
            float w0 = ((c[0] - b[0]) * (py - b[1]) - (c[1] - b[1]) * (px - b[0])) * over;
            float w1 = ((a[0] - c[0]) * (py - c[1]) - (a[1] - c[1]) * (px - c[0])) * over;
            for (int x = x0; x <= x1; x++, w0 -= (c[1] - b[1]) * over, w1 -= (a[1] - c[1]) * over) {
                float w2 = 1 - w0 - w1, z = w0 * a[2] + w1 * b[2] + w2 * c[2];
                int i = y * width + x;
                if (w0 >= 0 && w1 >= 0 && w2 >= 0 && z < depth[i]) { depth[i] = z; ids[i] = t; }
            }
        }
    }
}
"""
PATIENCE = 300
"""Seconds that Mitsuba may take to start, and for each run."""
LLVM = "DRJIT_LIBLLVM_PATH"
"""Environment variable by which Mitsuba is told its LLVM."""
BARE, PEER = 5.0, 10.0
"""Forward + backward may take this many times the bare z-buffer, and Mitsuba must take this many times ours, at 10k triangles and 512 x 512."""
WAYS = {"four functions": ("warp", False), "draw": ("warp", True)}
"""Backend, and whether interpolation and antialiasing are one call."""
Work = Callable[[], object]
Times = tuple[float, float]
"""Fastest twentieth and median, milliseconds."""


def ours(vertices: np.ndarray, triangles: np.ndarray, size: int, backend: str, in_one: bool) -> list[Work]:
    """`WORKS` by one of our backends; in_one: by `draw` instead of by `interpolate` and `antialias`."""
    corners = torch.from_numpy(triangles)
    surface = topology(corners, torch.from_numpy(vertices))
    colours = torch.from_numpy(np.c_[0.5 + 0.4 * vertices, np.ones(len(vertices))].astype(np.float32))
    clip = torch.from_numpy(seen_from(vertices)[None]).requires_grad_()
    target = torch.zeros(1, size, size, 4)
    given = torch.randn(1, size, size, 4, generator=torch.Generator().manual_seed(0))

    def forward() -> torch.Tensor:
        clip.grad = None
        raster = rasterize(clip, corners, size, size, backend)
        if in_one:
            return draw(colours, raster, corners, surface)
        return antialias(interpolate(colours, raster, corners), raster, clip, corners, surface)

    return [forward, lambda: forward().backward(given), lambda: torch.nn.functional.mse_loss(forward(), target, reduction="sum").backward()]


def compiled_z_buffer(folder: Path) -> Callable[..., None] | None:
    """The bare z-buffer, or None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    source, library = folder / "z_buffer.c", folder / "z_buffer.so"
    source.write_text(Z_BUFFER)
    subprocess.run([compiler, "-O3", "-march=native", "-shared", "-fPIC", str(source), "-o", str(library), "-lm"], check=True)
    return ctypes.CDLL(str(library)).z_buffer


def bare(z_buffer: Callable[..., None], vertices: np.ndarray, triangles: np.ndarray, size: int) -> Work:
    """The bare z-buffer."""
    clip = seen_from(vertices)
    ndc = clip[:, :3] / clip[:, 3:]
    points = np.ascontiguousarray(np.stack([size / 2 * (1 + ndc[:, 0]), size / 2 * (1 - ndc[:, 1]), ndc[:, 2]], 1), dtype=np.float32)
    arrays = (points, triangles, np.empty((size, size), np.int32), np.empty((size, size), np.float32))

    def work() -> None:
        points, triangles, ids, depth = (ctypes.c_void_p(one.ctypes.data) for one in arrays)
        z_buffer(points, triangles, len(arrays[1]), size, size, ids, depth)

    return work


class Mitsuba:
    """Mitsuba on one scene, in a process of its own, since an LLVM that it cannot use ends the process. A context manager.

    Raises RuntimeError, with the reason, where it does not run here.
    """

    def __init__(self, python: str, count: int, size: int, integrator: str) -> None:
        command = [python, str(Path(__file__).with_name("raster_mitsuba.py")), str(count), str(size), integrator]
        environment = {**os.environ, **({} if LLVM in os.environ else rust_llvm())}
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `__exit__`)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=environment, text=True)

    def __enter__(self) -> "Mitsuba":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def turn(self, work: str) -> float:
        """Milliseconds of one run."""
        watch = threading.Timer(PATIENCE, self.process.kill)
        watch.start()
        try:
            print(work, file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            watch.cancel()
        if not answer:
            raise RuntimeError(self.reason())
        return float(answer)

    def reason(self) -> str:
        """Why it ended."""
        self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines() or [f"ended with {self.process.returncode}"]
        missing = next((line for line in lines if "ModuleNotFoundError" in line), None)
        return f"does not run here: {(missing or lines[0])[:100]}"


def rust_llvm() -> dict[str, str]:
    """The environment that lets Mitsuba use the LLVM of an installed Rust; empty where there is none."""
    if shutil.which("rustc") is None:
        return {}
    root = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=False).stdout.strip()
    found = sorted((Path(root) / "lib").glob("libLLVM*.so*")) if root else []
    return {LLVM: str(found[-1])} if found else {}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10k triangles at 512 x 512 alone")
    parser.add_argument("--mitsuba-python", default=sys.executable, help="a Python that has Mitsuba 3, for an environment of its own")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as the engine does
    counts, sizes, seconds = ((10_000,), (512,), 1.0) if options.quick else ((1_000, 10_000, 100_000), (256, 512), 0.3)
    with tempfile.TemporaryDirectory() as folder:
        z_buffer = compiled_z_buffer(Path(folder))
        if z_buffer is None:
            print("No C compiler: no bare z-buffer, no ratios.")
        for count in counts:
            for size in sizes:
                print_case(count, size, z_buffer, options.mitsuba_python, seconds)


def print_case(count: int, size: int, z_buffer: Callable[..., None] | None, python: str, seconds: float) -> None:
    """One mesh at one size, every rasterizer."""
    vertices, triangles = lumpy_ball(count)
    print(f"{len(triangles)} triangles, {size} x {size}: ms forward | forward + backward | with loss; fastest twentieth and median of runs by turns")
    z_buffers = [timed(bare(z_buffer, vertices, triangles, size))] if z_buffer else []
    turns = {name: [timed(work) for work in ours(vertices, triangles, size, *how)] for name, how in WAYS.items()}
    limit, times = measured(z_buffers, turns, seconds)
    print(f"  bare z-buffer in C {told(limit) if limit else ''}")
    for name, found in times.items():
        print(f"  {name:26} {' | '.join(map(told, found))}   {over(found[1:], limit)} x the bare z-buffer")
    peers = {integrator: print_peer(integrator, count, size, python, turns, seconds) for integrator in INTEGRATORS}
    _, slow = measured([], {"numpy": [timed(work) for work in ours(vertices, triangles, size, "numpy", False)]}, seconds)
    print(f"  numpy                      {' | '.join(map(told, slow['numpy']))}   {over(slow['numpy'][1:], limit)} x the bare z-buffer")
    if size == 512 and 8_000 < len(triangles) < 12_000:
        print_bars(limit, times, peers)


def print_peer(
    integrator: str, count: int, size: int, python: str, turns: dict[str, list[Callable[[], float]]], seconds: float
) -> dict[str, list[float]]:
    """Mitsuba by turns with ours. Returns how many times ours its medians of forward + backward, without and with a loss, are; empty
    where it does not run."""
    with Mitsuba(python, count, size, integrator) as peer:
        asked = [functools.partial(peer.turn, work) for work in WORKS]
        try:
            for turn in asked:
                turn()  # compiles
            _, times = measured([], {**turns, integrator: asked}, seconds)
        except RuntimeError as error:
            print(f"  Mitsuba {integrator}: {error}")
            return {}
    theirs = times.pop(integrator)
    ratios = {name: [one[1] / own[1] for one, own in zip(theirs[1:], found[1:], strict=True)] for name, found in times.items()}
    said = ", ".join(f"{one:.1f} and {two:.1f} x {name}" for name, (one, two) in ratios.items())
    print(f"  Mitsuba {integrator:18} {' | '.join(map(told, theirs))}   {said}")
    return ratios


def measured(
    z_buffers: list[Callable[[], float]], turns: dict[str, list[Callable[[], float]]], seconds: float
) -> tuple[Times | None, dict[str, list[Times]]]:
    """The times of the z-buffer, if there is one, and of all works of each name, taken by turns."""
    flat = by_turns([*z_buffers, *(turn for works in turns.values() for turn in works)], seconds)
    limit = flat.pop(0) if z_buffers else None
    return limit, {name: [flat.pop(0) for _ in works] for name, works in turns.items()}


def told(times: Times) -> str:
    """Both times in columns."""
    return f"{times[0]:7.2f} {times[1]:7.2f}"


def over(found: list[Times], limit: Times | None) -> str:
    """How many times the limit each is: fastest twentieths and medians."""
    return " | ".join(" ".join(f"{one / least:.1f}" for one, least in zip(times, limit or (float("nan"),) * 2, strict=True)) for times in found)


def print_bars(limit: Times | None, times: dict[str, list[Times]], peers: dict[str, dict[str, list[float]]]) -> None:
    """Whether the bars are met, by medians, without a loss."""
    for name, found in times.items():
        if limit:
            print(f"  bar: {name} at most {BARE:.0f} x the bare z-buffer: {'met' if found[1][1] <= BARE * limit[1] else 'MISSED'}")
        for integrator, ratios in peers.items():
            if ratios:
                print(f"  bar: {integrator} at least {PEER:.0f} x {name}: {'met' if ratios[name][0] >= PEER else 'MISSED'}")


if __name__ == "__main__":
    main()
