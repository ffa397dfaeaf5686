"""What `raster.py` draws, and how it takes the time; numpy alone, so that peers can run it in environments of their own."""

import statistics
import time
from collections.abc import Callable, Iterable

import numpy as np


def lumpy_ball(count: int) -> tuple[np.ndarray, np.ndarray]:
    """A closed bumpy surface of about `count` triangles: vertices float32[V, 3] and triangles int32[F, 3]."""
    rings = max(4, round((count / 4) ** 0.5))
    sectors = 2 * rings
    polar, around = np.meshgrid(np.linspace(0, np.pi, rings + 1)[1:-1], np.arange(sectors) * 2 * np.pi / sectors, indexing="ij")
    sides = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], -1).reshape(-1, 3)
    ball = np.concatenate([sides, [[0, 0, 1], [0, 0, -1]]])
    radius = 1 + 0.25 * np.sin(5 * ball[:, 0] + 1) * np.cos(4 * ball[:, 1]) + 0.15 * np.sin(6 * ball[:, 2] + 2 * ball[:, 0])
    here = np.arange(sectors)
    after = (here + 1) % sectors
    row = np.arange(rings - 2)[:, None] * sectors
    a, b = (row + here).ravel(), (row + after).ravel()
    top, bottom = np.full(sectors, len(sides)), np.full(sectors, len(sides) + 1)
    last = (rings - 2) * sectors
    faces = [(a, a + sectors, b), (b, a + sectors, b + sectors), (here, after, top), (last + after, last + here, bottom)]
    triangles = np.concatenate([np.stack(face, 1) for face in faces]).astype(np.int32)
    return (ball * radius[:, None]).astype(np.float32), triangles


def seen_from(vertices: np.ndarray, distance: float = 5.0, focal: float = 2.5) -> np.ndarray:
    """float32[V, 4]: clip space of a camera at `distance` along z that looks at the origin; focal in half picture heights."""
    near, far = 0.1, 100.0
    w = distance - vertices[:, 2]
    z = (far + near) / (far - near) * w - 2 * far * near / (far - near)
    return np.stack([focal * vertices[:, 0], focal * vertices[:, 1], z, w], 1).astype(np.float32)


def milliseconds(work: Callable[[], object], seconds: float, clock: Callable[[], float] = time.thread_time) -> float:
    """Median time of one run of `work` by `clock`, measured for about `seconds`, after one run that does not count."""
    work()
    times: list[float] = []
    while sum(times) < seconds or len(times) < 3:
        begin = clock()
        work()
        times.append(clock() - begin)
    return 1e3 * statistics.median(times)


def by_turns(works: Iterable[Callable[[], object]], seconds: float) -> list[tuple[float, float]]:
    """Fastest twentieth and median, milliseconds of this thread, of each work's runs; one of each after the other, so that what else the
    machine does weighs on all alike. About `seconds` for each."""
    works = list(works)
    times: list[list[float]] = [[] for _ in works]
    for work in works:
        work()
    while sum(map(sum, times)) < seconds * len(works) or len(times[0]) < 20:
        for work, found in zip(works, times, strict=True):
            begin = time.thread_time()
            work()
            found.append(time.thread_time() - begin)
    return [(1e3 * sorted(found)[len(found) // 20], 1e3 * statistics.median(found)) for found in times]
