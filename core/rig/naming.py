"""Names that a rigger reads at a glance and that Blender mirrors: `spine.002`, `tail.001`, `leg.front.002.L`."""

import re

import numpy as np

from .anatomy import Limb

FOOT_LEVEL = 0.4
UPRIGHT_FOOT_LEVEL = 0.12
"""A leg's tip lies within this share of the subject's height above its lowest point; arms of an upright body hang, but not so low."""

ON_GROUND = 0.1
"""A sprawling leg ends within this share of the subject's height above its lowest point, as those of frogs and spiders do."""

HIP_SPREAD = 0.12
"""The hips of an upright body lie within this share of its height above the lowest."""

UPRIGHT = 0.7
"""A trunk that rises at least this share of the way between its ends is upright, as a person's is."""


def is_upright(trunk: Limb) -> bool:
    """Whether the trunk stands rather than lies."""
    rise = abs(trunk.points[-1, 2] - trunk.points[0, 2])
    return bool(rise > UPRIGHT * np.linalg.norm(trunk.points[-1] - trunk.points[0]))


def head_is_last(trunk: Limb) -> bool:
    """Whether the trunk's last point is the head: above on an upright body, else in front (-Y, as Blender's characters look).

    A far end that is much thicker is the head all the same: tails taper.
    """
    first, last = trunk.points[0], trunk.points[-1]
    if is_upright(trunk):
        return bool(last[2] > first[2])
    quarter = max(1, len(trunk.points) // 4)
    thick_first, thick_last = float(np.mean(trunk.widths[:quarter])), float(np.mean(trunk.widths[-quarter:]))
    if max(thick_first, thick_last) > 3.0 * min(thick_first, thick_last):
        return thick_last > thick_first
    main = 1 if abs(last[1] - first[1]) >= abs(last[0] - first[0]) else 0
    return bool(last[main] < first[main]) if main == 1 else bool(last[main] > first[main])


def leg_indices(limbs: list[Limb], floor: float, height: float) -> set[int]:
    """Which limbs are legs: those that go down to the lower part of the body, those that a sprawling body stands on, and their twins.

    An upright body has only its lowest such limbs for legs; the others are arms that hang.
    """
    upright = is_upright(limbs[0])
    level = UPRIGHT_FOOT_LEVEL if upright else FOOT_LEVEL
    found: set[int] = set()
    for index, limb in enumerate(limbs):
        drop = limb.points[0, 2] - limb.points[-1, 2]
        low = limb.points[-1, 2] - floor < level * height
        if limb.side and limb.parent == 0 and low and drop > max(0.4 * limb.length, 0.1 * height):
            found |= {index, limb.twin} - {-1}
    if not upright:
        return found | _sprawling(limbs, floor + ON_GROUND * height)
    if found:
        lowest = min(limbs[index].points[0, 2] for index in found)
        found = {index for index in found if limbs[index].points[0, 2] < lowest + HIP_SPREAD * height}
    return found


def _sprawling(limbs: list[Limb], ground: float) -> set[int]:
    """Legs of a body that stands on at least two limbs on either side, however far they reach aside: those, and such as have them for twins
    or are about as long, wherever their feet are. ground: height up to which a foot stands."""
    sides = [index for index, limb in enumerate(limbs) if limb.side and limb.parent == 0]
    standing = [index for index in sides if limbs[index].points[-1, 2] < ground]
    if min(sum(limbs[index].side == side for index in standing) for side in (-1, 1)) < 2:
        return set()
    long = 0.6 * float(np.median([limbs[index].length for index in standing]))
    return {index for index in sides if index in standing or limbs[index].twin in standing or limbs[index].length > long}


def limb_names(limbs: list[Limb], floor: float, height: float, mirrored: bool) -> list[str]:
    """The stem and side of every limb but the trunk, which comes first as "spine": ("leg.front", ".L") joined by `bone_name`.

    mirrored: the subject looks along +Y of its frame, so that +x is its right.
    """
    upright = is_upright(limbs[0])
    legs = leg_indices(limbs, floor, height)
    stems = ["leg" if index in legs else _stem(limb, limbs, upright) for index, limb in enumerate(limbs)]
    stems[0] = "spine"
    named = ["spine"] + [""] * (len(limbs) - 1)
    for stem in dict.fromkeys(stems[1:]):
        # From the head backwards: the trunk's arc grows towards the head.
        groups = _groups([k for k in range(1, len(limbs)) if stems[k] == stem], limbs)
        for place, group in enumerate(groups):
            for index in group:
                named[index] = _ordinal(stem, place, len(groups), upright) + _side(limbs[index], mirrored)
    return _unique(named)


def bone_name(limb: str, number: int, count: int) -> str:
    """The name of bone `number` (from 1) of `count` in a limb: the number stands before the side."""
    if count == 1:
        return limb
    stem, side = (limb[:-2], limb[-2:]) if limb[-2:] in (".L", ".R") else (limb, "")
    return f"{stem}.{number:03d}{side}"


def _stem(limb: Limb, limbs: list[Limb], upright: bool) -> str:
    trunk = limbs[0]
    if limb.parent > 0:
        return "digit" if limb.length < 0.6 * limbs[limb.parent].length else "branch"
    if limb.side == 0:
        return "top" if limb.points[-1, 2] > limb.points[0, 2] else "bottom"
    if limb.attach > 0.85 * trunk.length and limb.length < 0.4 * trunk.length:
        return "ear" if limb.points[-1, 2] > limb.points[0, 2] else "feeler"
    return "arm" if upright else "fin" if limb.length < 0.35 * trunk.length else "wing"


def _groups(indices: list[int], limbs: list[Limb]) -> list[list[int]]:
    """Twins together, ordered along the trunk from the head backwards."""
    groups: list[list[int]] = []
    taken: set[int] = set()
    for index in sorted(indices, key=lambda k: -limbs[k].attach):
        if index in taken:
            continue
        group = [index] + ([limbs[index].twin] if limbs[index].twin in indices else [])
        taken.update(group)
        groups.append(group)
    return groups


def _ordinal(stem: str, place: int, count: int, upright: bool) -> str:
    """`stem` alone, or with front, middle, back; numbered where there are more."""
    if count == 1:
        return stem
    if count == 2:
        return f"{stem}.{('upper', 'lower')[place] if upright else ('front', 'back')[place]}"
    if count == 3 and not upright:
        return f"{stem}.{('front', 'middle', 'back')[place]}"
    return f"{stem}.{chr(ord('a') + place)}" if count <= 26 else f"{stem}.{place + 1}"


def _side(limb: Limb, mirrored: bool) -> str:
    if limb.side == 0:
        return ""
    return ".L" if (limb.side > 0) != mirrored else ".R"


def _unique(names: list[str]) -> list[str]:
    """Names with a letter put before the side where one would come twice."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            stem, side = (name[:-2], name[-2:]) if name[-2:] in (".L", ".R") else (name, "")
            name = f"{stem}.x{seen[name]}{side}"
        unique.append(name)
    return unique


def limb_of(name: str) -> str:
    """The name of the limb that a bone belongs to: its own without the number."""
    return re.sub(r"\.\d{3}(?=\.[LR]$|$)", "", name)


def mirrored_name(name: str) -> str:
    """The name of the bone on the other side; the same for one in the middle."""
    return name[:-1] + {"L": "R", "R": "L"}[name[-1]] if name[-2:] in (".L", ".R") else name


def renumbered(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names whose numbers run from one again for each limb, in the given order, after bones were added or taken away."""
    parts = [re.fullmatch(r"(.+?)(?:\.(\d{3}))?(\.[LR])?", name) for name in names]
    stems = [(part[1] + (part[3] or "")) if part is not None else name for part, name in zip(parts, names, strict=True)]
    counted: dict[str, int] = {}
    made = []
    for stem in stems:
        counted[stem] = counted.get(stem, 0) + 1
        made.append(bone_name(stem, counted[stem], stems.count(stem)))
    return tuple(_unique(made))
