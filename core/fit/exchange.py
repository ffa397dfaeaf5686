"""Limbs that were taken for each other.

Where two legs pass, each may be followed on as the other, or both turn back; the picture then differs little, and small steps do not lead
from one to the other. So for pairs of limbs that are alike, in frames that are badly explained, each limb is sent to where the other one is
in the picture: segment by segment from its root, at the depth that the other's ends have from its own root. What comes of it is fitted
to the frames, and kept over those spans of frames that the picture explains better so, each change costing as much as the known pose of frame 0 is off (two
states in every frame; Viterbi 1967).
"""

import itertools
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..mirror import shortest_turn
from ..types import Float64
from ..workers import spread
from .compare import picture_error
from .hypotheses import Limb, chain_ends, limbs
from .paths import path_of_least_cost
from .poses import Poses
from .problem import Problem
from .propagate import LOST
from .solver import Solver

ALIKE = 0.3
"""Share by which the lengths of two limbs' segments differ at most."""

NEAR = 0.15
"""Diagonals between the roots of two limbs, at most: those further apart are not taken for each other."""

TOGETHER = 0.02
"""Diagonals: bones that begin nearer to each other lead to their limbs, as those from the spine to the hips do, and stay."""

MOST = 4
"""Pairs tried, those first whose roots are nearest."""

SAMPLED = 4
"""Every so many of the badly explained frames are tried first, and all of them only where those promise a span."""

FITTED = ((False, True, True), (True, True, True))
"""Whether flow counts, at each level of each fit of exchanged limbs: at first they are too far off for it."""

LEVELS = (1, 2, 3)

CHUNK = 4
"""Frames fitted in one piece of work: fewer than take the least time together, so that a handful is shared out."""


def exchange(solver: Solver, poses: Poses, stop: Callable[[], bool] = lambda: False) -> Poses:
    """The poses of a clip, with limbs in the place of their like for those spans of frames that this explains better. Frame 0 stays.

    stop: asked before every pair of limbs whether to end here.
    """
    for pair in pairs(solver.problem):
        if stop():
            break
        poses = _exchanged_where_better(solver, poses, pair)
    return poses


def pairs(problem: Problem) -> list[tuple[Limb, Limb]]:
    """Limbs that may be taken for each other."""
    heads = problem.skeleton.heads
    found = []
    for pair in itertools.combinations(limbs(problem), 2):
        one, other = (torch.linalg.norm(chain_ends(problem, limb.chain) - heads[list(limb.chain)], dim=1) for limb in pair)
        apart = float(torch.linalg.norm(heads[pair[0].chain[0]] - heads[pair[1].chain[0]]))
        if apart < NEAR and len(one) == len(other) and bool(((one - other).abs() <= ALIKE * torch.maximum(one, other)).all()):
            found.append((apart, pair))
    return [pair for _, pair in sorted(found, key=lambda one: one[0])[:MOST]]


def _exchanged_where_better(solver: Solver, poses: Poses, pair: tuple[Limb, Limb]) -> Poses:
    """The poses with one pair of limbs exchanged over the spans that are better explained so."""
    errors = picture_error(solver.observer, range(len(poses)), poses)
    bad = [frame for frame in range(1, len(poses)) if errors[frame] > LOST * errors[0]]
    few = bad[::SAMPLED]
    if not few:
        return poses
    sampled = np.append(np.inf, _fitted(solver, few, poses, pair)[1])  # frame 0 is known
    if not any(better_spans(errors[[0, *few]], sampled, errors[0] / SAMPLED)):
        return poses
    others, other_errors = _fitted(solver, bad, poses, pair)
    offered = np.full(len(poses), np.inf)
    offered[bad] = other_errors
    better = better_spans(errors, offered, errors[0])
    taken = [index for index, frame in enumerate(bad) if better[frame]]
    found = poses.clone()
    found.store([bad[index] for index in taken], others[taken])
    return found


def better_spans(own: Float64, other: Float64, change: float) -> list[bool]:
    """Of every frame, whether another pose is taken, by the errors float64[T] of both, of at least two frames. change: what each change between the two costs."""
    path = path_of_least_cost(list(np.stack([own, other], 1)), [np.array([[0.0], [1.0]])] * len(own), 2 * change, 0.0)
    return [bool(state) for state in path]


def _fitted(solver: Solver, frames: Sequence[int], poses: Poses, pair: tuple[Limb, Limb]) -> tuple[Poses, Float64]:
    """Some of a clip's poses with two limbs exchanged, fitted to their frames, and their errors float64[n]."""
    chunks = [list(frames[first : first + CHUNK]) for first in range(0, len(frames), CHUNK)]
    found = Poses.stack(spread(partial(_chunk_fitted, solver, pair), [(chunk, poses[chunk]) for chunk in chunks]))
    return found, picture_error(solver.observer, frames, found)


def _chunk_fitted(solver: Solver, pair: tuple[Limb, Limb], chunk: tuple[list[int], Poses]) -> Poses:
    """The same of some frames together, with their poses."""
    frames, poses = chunk
    found = exchanged(solver.problem, poses, *pair)
    for flow in FITTED:
        found = solver.fit(frames, found, found, LEVELS, flow=flow)
    return found


def exchanged(problem: Problem, poses: Poses, one: Limb, other: Limb) -> Poses:
    """Each limb reaches for where the ends of the other's segments are in the picture. Poses that stretch are turned as if they did not."""
    world, shift = problem.transforms(poses)
    joints, turned = problem.skeleton.joints(world, shift), world.clone()
    heads = problem.skeleton.heads
    first = 1 if len(one.chain) > 1 and torch.linalg.norm(heads[one.chain[0]] - heads[other.chain[0]]) < TOGETHER else 0
    for mine, theirs in ((one.chain, other.chain), (other.chain, one.chain)):
        reached = _reach(problem, world, shift, mine[first:], _places(problem, world, shift, theirs[first:]), joints)
        turned[:, list(mine[first:])] = reached
    moved = list(one.chain[first:] + other.chain[first:])
    result = poses.clone()
    result.rotations[:, moved] = (problem.skeleton.parent_rotations(turned).transpose(-1, -2) @ turned)[:, moved]
    return result


def _places(problem: Problem, world: Tensor, shift: Tensor, chain: Sequence[int]) -> Tensor:
    """float64[T, n + 1, 3]: a chain's root and the ends of its segments."""
    ends = (world[:, list(chain)] @ chain_ends(problem, chain)[:, :, None])[..., 0] + shift[:, list(chain)]
    return torch.cat([problem.skeleton.joints(world, shift)[:, chain[:1]], ends], 1)


def _reach(problem: Problem, world: Tensor, shift: Tensor, chain: Sequence[int], wanted: Tensor, joints: Tensor) -> Tensor:
    """float64[T, n, 3, 3]: a chain whose segments, one after the other, point to `wanted` [T, n + 1, 3], moved in depth to the chain's root."""
    axis = torch.from_numpy(problem.camera_axis)
    places = _places(problem, world, shift, chain)
    wanted = wanted + ((places[:, :1] - wanted[:, :1]) @ axis)[..., None] * axis
    start, found = places[:, 0], []
    for index, joint in enumerate(chain):
        segment, direction = places[:, index + 1] - joints[:, joint], wanted[:, index + 1] - start
        found.append(torch.from_numpy(shortest_turn(segment.numpy(), direction.numpy())) @ world[:, joint])
        length = torch.linalg.norm(segment, dim=1, keepdim=True)
        start = start + direction * length / torch.linalg.norm(direction, dim=1, keepdim=True).clamp(min=1e-12)
    return torch.stack(found, 1)
