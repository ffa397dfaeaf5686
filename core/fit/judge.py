"""How well a fitted motion explains the video, and how sure its bones are."""

from dataclasses import dataclass

import numpy as np
import torch

from ..types import Float32
from .evidence import BLURS
from .poses import Poses
from .solver import Priors, Solver

CHUNK = 16
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
    observer, count = solver.observer, len(poses)
    iou, difference, certainty = np.zeros(count, np.float32), np.zeros(count, np.float32), np.zeros(solver.problem.joints)
    for first in range(0, count, CHUNK):
        frames = list(range(first, min(first + CHUNK, count)))
        part = poses[frames]
        drawings = observer.look.draw(*solver.problem.transforms(part))
        for frame, drawing in zip(frames, drawings, strict=True):
            ready = observer.evidence[frame]
            either = np.maximum(drawing.covered, ready.coverage)
            area = max(float(either.sum()), 1e-6)
            iou[frame] = np.minimum(drawing.covered, ready.coverage).sum() / area
            difference[frame] = (np.abs(drawing.over(ready.background) - ready.image).mean(-1) * either).sum() / area
        system = solver.picture_system(part, observer.observe(frames, drawings, len(BLURS) - 1))
        turns = system.hessian[:, : 3 * solver.problem.joints, : 3 * solver.problem.joints]
        blocks = turns.reshape(len(frames), solver.problem.joints, 3, solver.problem.joints, 3)
        held = torch.linalg.eigvalsh(torch.diagonal(blocks, dim1=1, dim2=3).permute(0, 3, 1, 2)).clamp(min=0)
        certainty += (held / (held + Priors.rest)).mean(-1).sum(0).numpy()
    return Judgement(iou, difference, (certainty / count).astype(np.float32))
