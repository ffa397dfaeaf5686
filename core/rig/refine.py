"""The skeleton after a first fit: a joint more where the surface bends inside a bone, a bone less where nothing turns.

What the bones left unexplained is told as offsets of the surface at rest, see `core.residual`. Inside one bone such offsets are
either a small rigid motion of the whole (then the bone was misplaced, not missing) or they are not; where one more hinge explains
most of what a rigid motion does not, there is one. Mirrored bones are treated alike.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..types import Bools, Float64, Int32, Motion, Rig, Tissue
from .naming import mirrored_name, renumbered
from .weights import strongest

STILL = 0.07
"""A bone that never turns farther than this against its parent is no bone of its own, radians."""

SEEN = 0.2
"""Certainty from which a bone's stillness is believed; what the video does not show is left as it is."""

NOTICED = 0.004
"""Least part of the offsets that a joint must explain, root mean square over surface and frames, fraction of the diagonal."""

EXPLAINED = 0.5
"""Least share that a joint must explain of the squared offsets that a rigid motion of the bone does not."""

PLACES = np.linspace(0.25, 0.75, 11)
"""Where along a bone a joint is tried."""

FEWEST_VERTICES = 8
"""On either side of a joint."""

BLEND = 0.3
"""Length over which weights pass from one half of a bone to the other, in the bone's lengths."""

MOST_BONES = 60


@dataclass(frozen=True)
class Refined:
    """A rig after a first fit. added, merged: the names of the bones that were divided, and of those that joined their parents."""

    rig: Rig
    added: tuple[str, ...]
    merged: tuple[str, ...]


def refine_rig(rig: Rig, motion: Motion, left: Tissue, most_influences: int) -> Refined:
    """The rig with joints where `left` bends inside a bone, and without bones that `motion` never turns.

    rig: an automatic one, whose rest pose is the first frame. motion: what was fitted. left: what the surface does beyond it.
    """
    bends = _bends(rig, left)
    still = _still(rig, motion) - set(bends)
    for bone in sorted(bends, reverse=True):  # from the end, so that indices before it stay
        rig = _divided(rig, bone, bends[bone])
        still = {one + (one > bone) for one in still}
    added = tuple(rig.names[bone + sum(other < bone for other in bends)] for bone in sorted(bends))
    merged = tuple(rig.names[bone] for bone in sorted(still))
    rig = _without(rig, still)
    influences, weights = strongest(_dense(rig), most_influences)
    return Refined(replace(rig, names=renumbered(rig.names), influences=influences, weights=weights), added, merged)


def _still(rig: Rig, motion: Motion) -> set[int]:
    """Bones that can join their parents."""
    farthest = 2 * np.arccos(np.clip(np.abs(motion.rotations[..., 0]), 0, 1)).max(0)
    moves = np.abs(motion.translations).max((0, 2)) > 0
    found = set(np.flatnonzero((farthest < STILL) & (motion.certainty >= SEEN) & ~moves & (rig.parents >= 0)).tolist())
    return {bone for bone in found if (twin := _twin(rig, bone)) is None or twin in found}


def _bends(rig: Rig, left: Tissue) -> dict[int, float]:
    """Bones that bend inside, and where along them."""
    places: dict[int, tuple[float, float]] = {}
    for bone in range(len(rig.names)):
        found = _bend(rig, left, bone)
        if found is not None:
            places[bone] = found
    for bone, (noticed, place) in sorted(places.items(), key=lambda item: -item[1][0]):
        twin = _twin(rig, bone)
        if twin is not None:
            places[twin] = (noticed, place)
    most = sorted(places, key=lambda bone: -places[bone][0])[: max(0, MOST_BONES - len(rig.names))]
    return {bone: places[bone][1] for bone in most}


def _bend(rig: Rig, left: Tissue, bone: int) -> tuple[float, float] | None:
    """How much a hinge inside the bone explains (root mean square, fraction of the diagonal), and where along the bone it lies."""
    own = np.flatnonzero((rig.influences == bone)[np.arange(len(rig.weights)), rig.weights.argmax(1)])
    if len(own) < 2 * FEWEST_VERTICES or not len(left.names):
        return None
    points = rig.rest[own].astype(np.float64) - rig.heads[bone]
    along = rig.tails[bone] - rig.heads[bone]
    share = points @ along / (along @ along)
    # Every frame is a combination of the keys, so that the sums over frames are sums over pairs of keys.
    offsets = left.offsets[:, own].astype(np.float64)
    frames = left.values.astype(np.float64).T @ left.values / len(left.values)
    rigid = np.concatenate([_turns(points), np.tile(np.eye(3), (len(own), 1))], axis=1)
    before = _unexplained(rigid, offsets, frames)
    best = (0.0, 0.0)
    for place in PLACES:
        beyond = share > place
        if min(beyond.sum(), (~beyond).sum()) < FEWEST_VERTICES:
            continue
        hinge = _turns(points - place * along) * np.repeat(_passing(share, place), 3)[:, None]
        best = max(best, (before - _unexplained(np.concatenate([rigid, hinge], axis=1), offsets, frames), float(place)))
    noticed = float(np.sqrt(best[0] / len(own))) / rig.diagonal
    return (noticed, best[1]) if noticed > NOTICED and best[0] > EXPLAINED * before else None


def _turns(points: Float64) -> Float64:
    """float64[3 N, 3]: how points move by a small turn about the origin, for each of its three components."""
    x, y, z, none = points[:, 0], points[:, 1], points[:, 2], np.zeros(len(points))
    rows = np.stack([np.stack([none, z, -y], 1), np.stack([-z, none, x], 1), np.stack([y, -x, none], 1)], 1)
    return np.asarray(rows.reshape(-1, 3))


def _unexplained(model: Float64, offsets: Float64, frames: Float64) -> float:
    """Squared offsets that no combination of the model's columns makes, the mean over frames.

    model: float64[3 N, P]. offsets: float64[K, N, 3] of keys. frames: float64[K, K], mean products of the keys' values.
    """
    basis = np.linalg.qr(model)[0]
    keys = offsets.reshape(len(offsets), -1)
    missed = keys - (keys @ basis) @ basis.T
    return float((missed @ missed.T * frames).sum())


def _passing(share: Float64, place: float) -> Float64:
    """float64[N]: what the outer half has of vertices at `share` along a bone that is divided at `place`."""
    step = np.clip((share - place) / BLEND + 0.5, 0, 1)
    return np.asarray(step * step * (3 - 2 * step))


def _divided(rig: Rig, bone: int, place: float) -> Rig:
    """The rig with a joint inside a bone; the outer half comes right after it and takes the children that hang on it."""
    joint = rig.heads[bone] + place * (rig.tails[bone] - rig.heads[bone])
    along = rig.tails[bone] - rig.heads[bone]
    dense = _dense(rig)
    outer = dense[:, bone] * _passing((rig.rest - rig.heads[bone]) @ along / (along @ along), place)
    dense = np.insert(dense, bone + 1, outer, axis=1)
    dense[:, bone] -= outer
    parents = [_outer_parent(rig, child, bone, place) for child in range(len(rig.names))]
    tails = rig.tails.copy()
    tails[bone] = joint
    return _with(
        rig,
        names=(*rig.names[: bone + 1], "spine" if rig.parents[bone] < 0 else rig.names[bone], *rig.names[bone + 1 :]),
        parents=np.insert(np.array(parents, np.int32), bone + 1, bone),
        heads=np.insert(rig.heads, bone + 1, joint, axis=0),
        tails=np.insert(tails, bone + 1, rig.tails[bone], axis=0),
        z_axes=np.insert(rig.z_axes, bone + 1, rig.z_axes[bone], axis=0),
        hinged=np.insert(rig.hinged, bone + 1, rig.hinged[bone]),
        dense=dense,
    )


def _outer_parent(rig: Rig, child: int, bone: int, place: float) -> int:
    """The parent of a bone when another was divided: the outer half where it hangs beyond the joint."""
    parent = int(rig.parents[child])
    if parent != bone:
        return parent + (parent > bone)
    along = rig.tails[bone] - rig.heads[bone]
    return bone + int((rig.heads[child] - rig.heads[bone]) @ along / (along @ along) > place)


def _without(rig: Rig, gone: set[int]) -> Rig:
    """The rig whose bones `gone` have joined their parents, which reach as far as they did where they went on from them."""
    into = np.arange(len(rig.names))
    tails = rig.tails.copy()
    for bone in sorted(gone, reverse=True):
        parent = int(rig.parents[bone])
        if np.linalg.norm(rig.heads[bone] - tails[parent]) < 1e-6 * rig.diagonal:
            tails[parent] = tails[bone]
    for bone in sorted(gone):
        into[bone] = into[rig.parents[bone]]
    kept = np.array([bone for bone in range(len(rig.names)) if bone not in gone])
    number = np.zeros(len(rig.names), np.int64)
    number[kept] = np.arange(len(kept))
    dense = np.zeros((len(rig.rest), len(kept)))
    np.add.at(dense.T, number[into], _dense(rig).T)
    parents = np.array([-1 if rig.parents[bone] < 0 else number[into[rig.parents[bone]]] for bone in kept], np.int32)
    return _with(rig, tuple(rig.names[bone] for bone in kept), parents, rig.heads[kept], tails[kept], rig.z_axes[kept], rig.hinged[kept], dense)


def _with(rig: Rig, names: tuple[str, ...], parents: Int32, heads: Float64, tails: Float64, z_axes: Float64, hinged: Bools, dense: Float64) -> Rig:
    """The rig with other bones and all of their weights. dense: float64[V, B]."""
    influences, weights = strongest(dense, dense.shape[1])
    return Rig(names, parents, heads, tails, z_axes, influences, weights, rig.rest, np.tile(np.eye(3, 4), (len(names), 1, 1)), hinged=hinged)


def _dense(rig: Rig) -> Float64:
    """float64[V, B]: the weights as a table."""
    dense = np.zeros((len(rig.rest), len(rig.names)))
    np.add.at(dense, (np.arange(len(dense))[:, None], rig.influences), rig.weights)
    return dense


def _twin(rig: Rig, bone: int) -> int | None:
    """The mirrored bone, if there is one."""
    other = mirrored_name(rig.names[bone])
    return rig.names.index(other) if other != rig.names[bone] and other in rig.names else None
