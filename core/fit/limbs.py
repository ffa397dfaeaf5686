"""Limbs that were lost: other poses of them are tried out and drawn.

A Gauss-Newton step finds a limb again only if it still overlaps itself. So, frame by frame, every limb is swung about its
joint through a set of large angles, painted small into the frame without it, and what helps the picture is kept.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..types import Float64
from ..workers import spread
from .compare import picture_error
from .kinematics import exponential
from .painting import Paint
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


def recover(frame: int, pose: Poses, limbs: Sequence[Paint]) -> Poses | None:
    """A better pose for a frame by swinging limbs, or None where no swing helps. limbs: painted into a small picture.

    What a swing promises is told by painting the limb alone; what is kept, by drawing the whole subject.
    """
    if not limbs:
        return None
    observer = limbs[0].observer
    best = error = picture_error(observer, [frame], pose)[0]
    swings = spread(partial(_best_swing, frame, pose), limbs)
    current = pose
    for promise, joint, rotation in sorted(swings, key=lambda swing: -swing[0]):
        if promise < LEAST_GAIN * error:
            break
        joined = current.clone()
        joined.rotations[0, joint] = rotation
        joined_error = picture_error(observer, [frame], joined)[0]
        if joined_error < best * (1 - LEAST_GAIN):
            current, best = joined, joined_error
    return current if best < error else None


def _best_swing(frame: int, pose: Poses, limb: Paint) -> tuple[float, int, Tensor]:
    """The error that a limb's best swing promises to save, the limb's joint, and that joint's local rotation [3, 3] then."""
    problem, joint = limb.observer.problem, limb.root
    above = problem.parent_turns(pose, problem.transforms(pose)[0])[0, joint]
    local = exponential(rotated(above.T, torch.from_numpy(_turns(problem.camera_axis))))
    rotations = torch.cat([pose.rotations[:, joint], local @ pose.rotations[0, joint]])
    whole = pose.rotations.repeat(len(rotations), 1, 1, 1)
    whole[:, joint] = rotations
    worth = limb.worth(limb.backdrop(frame, pose), *problem.transforms(replace(pose.repeat(len(rotations)), rotations=whole)))
    best = int(worth.argmax())
    return float(worth[best] - worth[0]), joint, rotations[best]


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
