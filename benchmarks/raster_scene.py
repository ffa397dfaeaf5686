"""What `raster.py` draws, and how it takes the time; numpy alone, so that peers can run it in environments of their own."""

import statistics
import time
from collections.abc import Callable, Sequence

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


def timed(work: Callable[[], object], clock: Callable[[], float] = time.thread_time) -> Callable[[], float]:
    """Runs `work` twice and returns the milliseconds of the second: what ran before has then left nothing in the caches, nor emptied them."""

    def turn() -> float:
        work()
        begin = clock()
        work()
        return 1e3 * (clock() - begin)

    return turn


def by_turns(turns: Sequence[Callable[[], float]], seconds: float) -> list[tuple[float, float]]:
    """Fastest twentieth and median of what each turn returns, milliseconds; one of each after the other, so that what else the machine
    does weighs on all alike. About `seconds` counted for each on average, and at least 20 rounds."""
    times: list[list[float]] = [[] for _ in turns]
    while sum(map(sum, times)) < 1e3 * seconds * len(turns) or len(times[0]) < 20:
        for turn, found in zip(turns, times, strict=True):
            found.append(turn())
    return [(sorted(found)[len(found) // 20], statistics.median(found)) for found in times]
