"""Limbs that were lost: other poses of them are tried out and drawn.

A Gauss-Newton step finds a limb again only if it still overlaps itself. So, frame by frame, every limb is swung about its
joint through a set of large angles, each pose is drawn small and judged by the picture, and what helps is kept.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..types import Float64
from .compare import picture_error
from .kinematics import exponential
from .observe import Observer
from .poses import Poses
from .problem import Problem
from .solver import rotated

SWINGS = (0.3, -0.3, 0.6, -0.6, 1.0, -1.0)
"""Angles about the camera's axis, radians."""

TILTS = (0.6, -0.6)
"""Angles about the two axes across the camera's, radians."""

LEAST_GAIN = 0.01
"""Share of the picture's error that a swing must save to be kept."""


def limb_joints(problem: Problem, most: int = 10) -> list[int]:
    """Joints that swing a limb: a part of the subject that is longish but not most of it; the largest `most`, parents first."""
    main = problem.joint_of_vertex
    descends = problem.skeleton.descends.numpy().astype(bool)
    heads = problem.skeleton.heads.numpy()
    parents = problem.skeleton.parents
    reach = np.zeros(problem.joints)
    share = np.zeros(problem.joints)
    area = _vertex_area(problem)
    for joint in range(problem.joints):
        below = descends[joint][main]
        if below.any():
            reach[joint] = np.linalg.norm(problem.vertices[below] - heads[joint], axis=1).max()
            share[joint] = area[below].sum()
    useful = (reach > 0.06) & (share < 0.4) & (share > 0.003)
    chosen = []
    for joint in range(problem.joints):
        parent = parents[joint]
        starts = parent < 0 or not useful[parent] or reach[joint] < 0.75 * reach[parent]
        if useful[joint] and parent >= 0 and starts:
            chosen.append(joint)
    return sorted(sorted(chosen, key=lambda joint: -reach[joint] * share[joint] ** 0.5)[:most])


def recover(observer: Observer, frame: int, pose: Poses, joints: Sequence[int]) -> Poses | None:
    """A better pose for a frame by swinging limbs, or None where no swing helps. observer: of a small picture."""
    candidates, owners = _candidates(observer.problem, pose, joints)
    errors = picture_error(observer, [frame] * len(candidates), candidates)
    least = errors[0] * (1 - LEAST_GAIN)
    best = errors[0]
    current: Poses | None = None
    picks = [min(np.flatnonzero(owners == joint), key=lambda index: errors[index]) for joint in joints]
    for pick in sorted(picks, key=lambda index: errors[index]):
        if errors[pick] >= least:
            break
        if current is None:
            current, best = candidates[pick : pick + 1], errors[pick]
            continue
        joined = current.clone()
        joined.rotations[0, owners[pick]] = candidates.rotations[pick, owners[pick]]
        error = picture_error(observer, [frame], joined)[0]
        if error < best * (1 - LEAST_GAIN):
            current, best = joined, error
    return current


def _candidates(problem: Problem, pose: Poses, joints: Sequence[int]) -> tuple[Poses, np.ndarray]:
    """The pose itself, then every swing of every joint; and which joint each belongs to (-1 for the first)."""
    above = problem.parent_turns(pose, problem.transforms(pose)[0])[0]
    turns = torch.from_numpy(_turns(problem.camera_axis))
    rotations, owners = [pose.rotations], [-1]
    for joint in joints:
        swung = pose.rotations.repeat(len(turns), 1, 1, 1)
        local: Tensor = exponential(rotated(above[joint].T, turns))
        swung[:, joint] = local @ pose.rotations[0, joint]
        rotations.append(swung)
        owners += [joint] * len(turns)
    stacked = torch.cat(rotations)
    return replace(pose.repeat(len(stacked)), rotations=stacked), np.array(owners)


def _turns(axis: Float64) -> Float64:
    """float64[n, 3]: rotation vectors tried, world axes."""
    across = np.linalg.svd(axis[None])[2][1:]
    return np.array([angle * axis for angle in SWINGS] + [angle * one for one in across for angle in TILTS])


def _vertex_area(problem: Problem) -> Float64:
    """float64[W]: share of the surface around each vertex."""
    a, b, c = (problem.vertices[problem.triangles[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    result = np.zeros(len(problem.vertices))
    for corner in range(3):
        np.add.at(result, problem.triangles[:, corner], area)
    return result / max(result.sum(), 1e-12)
