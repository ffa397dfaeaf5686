"""Milliseconds of a forward and of a forward + backward frame, next to a bare z-buffer in C and to Mitsuba 3.

    python benchmarks/raster.py [--quick]

One core, one frame. Forward: rasterize, interpolate four channels a vertex, antialias (or `draw`, which is these two in one), the mean squared
difference to a target. The bare z-buffer (compiled here by `cc`) only finds the visible triangles: the least that any rasterizer must do.
Freed memory is kept as in the engine (`core/bounds.py`). Times are the processor's, of this thread, so that other work on the machine counts
little; one run of each after the other, so that what it does count weighs on all.
"""

import argparse
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from animamimic.core.bounds import keep_freed_memory
from animamimic.core.render import antialias, draw, interpolate, rasterize, topology
from raster_mitsuba import INTEGRATORS
from raster_scene import by_turns, lumpy_ball, seen_from

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
"""Seconds that Mitsuba may take for one case, its compiling included."""
LLVM = "DRJIT_LIBLLVM_PATH"
"""Environment variable by which Mitsuba is told its LLVM."""
BAR = 5.0
"""Forward + backward, drawn in one, may take this many times the bare z-buffer, at 10k triangles and 512 x 512."""
WAYS = {"warp": ("warp", False), "warp, draw": ("warp", True), "numpy": ("numpy", False)}
"""Backend, and whether interpolation and antialiasing are one call."""
Work = Callable[[], object]


def ours(vertices: np.ndarray, triangles: np.ndarray, size: int, backend: str, in_one: bool) -> tuple[Work, Work]:
    """Forward and forward + backward; in_one: by `draw` instead of by `interpolate` and `antialias`."""
    corners = torch.from_numpy(triangles)
    surface = topology(corners, torch.from_numpy(vertices))
    colours = torch.from_numpy(np.c_[0.5 + 0.4 * vertices, np.ones(len(vertices))].astype(np.float32))
    clip = torch.from_numpy(seen_from(vertices)[None]).requires_grad_()
    target = torch.zeros(1, size, size, 4)

    def forward() -> torch.Tensor:
        raster = rasterize(clip, corners, size, size, backend)
        if in_one:
            image = draw(colours, raster, corners, surface)
        else:
            image = antialias(interpolate(colours, raster, corners), raster, clip, corners, surface)
        return torch.nn.functional.mse_loss(image, target)

    def both() -> None:
        clip.grad = None
        forward().backward()

    return forward, both


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


def measure_mitsuba(python: str, count: int, size: int, integrator: str, seconds: float) -> tuple[float, float] | str:
    """Its milliseconds, or why there are none. In a process of its own: an LLVM that it cannot use ends the process."""
    command = [python, str(Path(__file__).with_name("raster_mitsuba.py")), str(count), str(size), integrator, str(seconds)]
    environment = {**os.environ, **({} if LLVM in os.environ else rust_llvm())}
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=PATIENCE, env=environment)
    except subprocess.TimeoutExpired:
        return f"took longer than {PATIENCE} s"
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        missing = next((line for line in lines if "ModuleNotFoundError" in line), None)
        return f"does not run here: {(missing or lines[0])[:100]}"
    forward, both = done.stdout.split()[-2:]
    return float(forward), float(both)


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
    counts, sizes, seconds = ((10_000,), (512,), 0.5) if options.quick else ((1_000, 10_000, 100_000), (256, 512), 0.3)
    with tempfile.TemporaryDirectory() as folder:
        z_buffer = compiled_z_buffer(Path(folder))
        if z_buffer is None:
            print("No C compiler: no bare z-buffer, no ratios.")
        for count in counts:
            for size in sizes:
                print_case(count, size, z_buffer, options.mitsuba_python, seconds)


def print_case(count: int, size: int, z_buffer: Callable[..., None] | None, python: str, seconds: float) -> None:
    """One mesh at one size, every rasterizer: fastest twentieth and median of the runs."""
    vertices, triangles = lumpy_ball(count)
    print(
        f"{len(triangles)} triangles, {size} x {size}: ms forward / forward + backward, each the fastest twentieth and the median of runs by turns"
    )
    works = {name: ours(vertices, triangles, size, *how) for name, how in WAYS.items()}
    z_buffers = [bare(z_buffer, vertices, triangles, size)] if z_buffer else []
    times = by_turns([*(work for pair in works.values() for work in pair), *z_buffers], seconds)
    limit = times[-1] if z_buffer else (float("nan"), float("nan"))
    print(f"  bare z-buffer in C   {limit[0]:33.2f} {limit[1]:7.2f}")
    for place, name in enumerate(works):
        forward, both = times[2 * place : 2 * place + 2]
        ratios = " ".join(f"{one / least:5.1f}" for one, least in zip(both, limit, strict=True))
        print(f"  {name:20} {forward[0]:7.2f} {forward[1]:7.2f} / {both[0]:7.2f} {both[1]:7.2f}   {ratios} x the bare z-buffer")
    warp = {name: times[2 * place + 1] for place, name in enumerate(works)}
    for integrator in INTEGRATORS:
        peer = measure_mitsuba(python, count, size, integrator, seconds)
        if isinstance(peer, str):
            print(f"  Mitsuba 3 {integrator}: {peer}")
        else:
            ratios = ", ".join(f"{peer[1] / warp[name][1]:.1f} x {name}'s" for name in ("warp", "warp, draw"))
            print(f"  Mitsuba 3 {integrator:17} medians {peer[0]:8.2f} / {peer[1]:8.2f}   {ratios} time")
    if size == 512 and 8_000 < len(triangles) < 12_000 and z_buffer:
        print(f"  bar: {BAR:.0f} x the bare z-buffer, {'met' if warp['warp, draw'][1] <= BAR * limit[1] else 'MISSED'}")


if __name__ == "__main__":
    main()
