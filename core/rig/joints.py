"""Joints along trunk and limbs: at bends where there are bends, spread evenly where there are none."""

import itertools
from dataclasses import dataclass

import numpy as np

from ..types import Float64
from .anatomy import LEAST_LIMB, Limb

SPINE = 0.09
"""Length of a bone on a thin trunk at detail 1, fraction of the diagonal."""

SHORTEST = 0.12
"""Length of a bone on a thin limb at detail 1, fraction of the diagonal: a video settles few joints of a limb."""

STOUT = 2.0
"""Length of a bone on a thick part at detail 1, in half thicknesses."""

LEG = (3, 0.2)
"""A leg has at least so many bones at detail 1 if it is at least so long: thigh, shin and foot."""

LEAST_BODY = 2
"""Bones at least of the middle part of a subject that is put together from parts: hips and chest."""

SHORT_LEG = 0.1
"""A leg of a thick body has a knee if it is at least so long, fraction of the diagonal."""

EVENNESS = 0.03
"""How much uneven bones count against bends missed."""

MOST_IN_TRUNK, MOST_IN_LIMB = 9, 5
FEWEST, MOST = 10, 60
SAMPLES = 48


@dataclass(frozen=True)
class Chain:
    """The joints of one limb. joints: float64[N + 1, 3], N bones; arcs: float64[N + 1], where they lie on the limb; parts: N, of each bone."""

    joints: Float64
    arcs: Float64
    parts: tuple[int, ...]


def cut(limbs: list[Limb], legs: set[int], detail: float) -> list[Chain]:
    """The joints of every limb, about as many as `detail` asks for and between `FEWEST` and `MOST` in all. legs: indices of limbs."""
    counts = _counts(limbs, legs, detail)
    for _ in range(40):
        if sum(counts) <= MOST:
            break
        detail *= 0.92
        counts = _counts(limbs, legs, detail)
    for _ in range(12):
        if sum(counts) >= FEWEST * min(1.0, detail):
            break
        detail *= 1.12
        counts = _counts(limbs, legs, detail)
    arcs = [_places(limb, count) for limb, count in zip(limbs, counts, strict=True)]
    return [_chain(limb, _like_twin(limbs, arcs, index)) for index, limb in enumerate(limbs)]


def _chain(limb: Limb, arcs: Float64) -> Chain:
    parts = tuple(limb.part_at((one + other) / 2) for one, other in itertools.pairwise(arcs.tolist()))
    return Chain(np.array([limb.at(arc) for arc in arcs]), arcs, parts)


def _places(limb: Limb, count: int) -> Float64:
    """float64[N + 1]: arc lengths of the joints: where the limb passes from part to part, and about `count` bones in all."""
    ends = [0.0]
    for place in limb.breaks:
        if place - ends[-1] > LEAST_LIMB and limb.length - place > LEAST_LIMB:
            ends.append(place)
    ends.append(limb.length)
    arcs = [np.zeros(1)]
    for start, stop in itertools.pairwise(ends):
        share = max(1, round(count * (stop - start) / limb.length))
        part = limb.part_at((start + stop) / 2)
        if part in limb.stiff:
            share = 1
        elif limb.parent < 0 and part == 0 and limb.breaks:
            share = max(share, LEAST_BODY)
        arcs.append(_divided(limb, start, stop, share)[1:])
    return np.concatenate(arcs)


def _counts(limbs: list[Limb], legs: set[int], detail: float) -> list[int]:
    """Bones of each limb; twins have equally many."""
    single = [_count(limb, index in legs, detail) for index, limb in enumerate(limbs)]
    return [max(count, single[limb.twin]) if limb.twin >= 0 else count for limb, count in zip(limbs, single, strict=True)]


def _count(limb: Limb, is_leg: bool, detail: float) -> int:
    trunk = limb.parent < 0
    width = float(np.median(limb.widths))
    wanted = limb.length / max(SPINE if trunk else SHORTEST, STOUT * width) * detail
    fewest = 2 if limb.side and limb.length > max(0.1, 3 * width) and detail >= 0.7 else 1
    if is_leg and limb.length > SHORT_LEG:
        fewest = max(fewest, round((LEG[0] if limb.length > LEG[1] else 2) * min(1.0, detail)))
    return int(np.clip(round(wanted), fewest, MOST_IN_TRUNK if trunk else MOST_IN_LIMB))


def _divided(limb: Limb, start: float, stop: float, count: int) -> Float64:
    """Arc lengths of the polyline of `count` bones that keeps nearest to a stretch of the limb with bones of nearly equal length
    (dynamic programming)."""
    arcs = np.linspace(start, stop, SAMPLES + 1)
    line = np.array([limb.at(arc) for arc in arcs])
    price = _prices(line, (stop - start) / count)
    best = np.full((count + 1, SAMPLES + 1), np.inf)
    came = np.zeros((count + 1, SAMPLES + 1), int)
    best[0, 0] = 0.0
    for bone in range(1, count + 1):
        total = best[bone - 1][:, None] + price
        came[bone] = total.argmin(0)
        best[bone] = total.min(0)
    places = [SAMPLES]
    for bone in range(count, 0, -1):
        places.append(int(came[bone, places[-1]]))
    return arcs[np.array(places[::-1])]


def _prices(line: Float64, even: float) -> Float64:
    """float64[S + 1, S + 1]: what a bone from sample i to sample j costs: distance from the line squared, and unevenness."""
    count = len(line)
    price = np.full((count, count), np.inf)
    for i in range(count - 1):
        for j in range(i + 1, count):
            chord = line[j] - line[i]
            length = float(np.linalg.norm(chord))
            if length < 1e-9:
                continue
            inner = line[i : j + 1] - line[i]
            off = inner - (inner @ chord / length**2)[:, None] * chord
            price[i, j] = (off**2).sum() / count + EVENNESS * (length - even) ** 2
    return price


def _like_twin(limbs: list[Limb], arcs: list[Float64], index: int) -> Float64:
    """Arc lengths of the joints at the same fractions as its twin's: the mean of both. A limb of several parts keeps its own contacts."""
    limb, own = limbs[index], arcs[index]
    if limb.twin < 0 or limb.breaks:
        return own
    other = arcs[limb.twin]
    if len(own) == len(other):
        fractions = (own / own[-1] + other / other[-1]) / 2
    else:
        first = arcs[min(index, limb.twin)]
        fractions = first / first[-1]
    return np.asarray(fractions * limb.length)
