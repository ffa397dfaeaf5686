"""How well a fitted motion explains the video, and how sure its bones are."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from ..types import Float32, Float64
from ..workers import spread
from .evidence import BLURS
from .poses import Poses
from .solver import Priors, Solver

CHUNK = 8
"""Frames drawn at once."""


@dataclass(frozen=True)
class Judgement:
    """iou: float32[T], of the silhouette. difference: float32[T], mean absolute colour difference where the estimate or the frame's
    subject is, 0 to 1. certainty: float32[J], see `core.types.Motion`."""

    iou: Float32
    difference: Float32
    certainty: Float32


def judge(solver: Solver, poses: Poses) -> Judgement:
    """Compare a motion with the video, frame by frame.

    A joint's certainty is the picture's hold on its turns against the usual pull to the rest pose: c / (c + pull), averaged over
    its three principal curvatures c and the frames. A joint seen from one side only, whose turn in the picture's plane is known
    and whose depth is not, has about a third.
    """
    count = len(poses)
    chunks = [list(range(first, min(first + CHUNK, count))) for first in range(0, count, CHUNK)]
    found = spread(partial(_judged, solver), [(frames, poses[frames]) for frames in chunks])
    iou, difference = (np.concatenate([part[kind] for part in found]) for kind in (0, 1))
    return Judgement(iou, difference, (np.sum([part[2] for part in found], 0) / count).astype(np.float32))


def _judged(solver: Solver, chunk: tuple[list[int], Poses]) -> tuple[Float32, Float32, Float64]:
    """Silhouette IoU and colour difference float32[T] of some frames, and the sum over them of every joint's certainty float64[J]."""
    (frames, poses), observer, joints = chunk, solver.observer, solver.problem.joints
    drawings = observer.look.draw(*solver.problem.transforms(poses))
    iou, difference = np.zeros(len(frames), np.float32), np.zeros(len(frames), np.float32)
    for index, drawing in enumerate(drawings):
        ready = observer.evidence[frames[index]]
        either = np.maximum(drawing.covered, ready.coverage)
        area = max(float(either.sum()), 1e-6)
        iou[index] = np.minimum(drawing.covered, ready.coverage).sum() / area
        difference[index] = (np.abs(observer.shown(frames[index], drawing) - ready.image).mean(-1) * either).sum() / area
    system = solver.picture_system(poses, observer.observe(frames, drawings, len(BLURS) - 1))
    turns = system.hessian[:, : 3 * joints, : 3 * joints]
    blocks = turns.reshape(len(frames), joints, 3, joints, 3)
    held = torch.linalg.eigvalsh(torch.diagonal(blocks, dim1=1, dim2=3).permute(0, 3, 1, 2)).clamp(min=0)
    return iou, difference, (held / (held + Priors.rest)).mean(-1).sum(0).numpy()
