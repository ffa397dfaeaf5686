"""What the bones make of offsets: where the surface is in a frame, and how it moves with an offset at rest.

Linear blend skinning is linear in the rest position, so an offset at rest moves the surface by a matrix of the vertex and the
frame alone: no unknown of the residual layer ever enters the matrices of its problem twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sparse

from ..fit.kinematics import bone_transforms, skin
from ..fit.problem import Problem
from ..tissue.skinning import vertex_weights
from ..types import Float64, Motion, Rig


@dataclass(frozen=True)
class Carrier:
    """The welded, normalised vertices (W of them, see `fit.problem`) under a motion.

    rig: with the welded vertices alone. weights: sparse [W, B].
    """

    problem: Problem
    rig: Rig
    motion: Motion
    weights: sparse.csr_matrix

    @staticmethod
    def of(problem: Problem, motion: Motion) -> "Carrier":
        """For a subject and what its bones do."""
        whole, kept = problem.rig, problem.kept
        rig = replace(whole, influences=whole.influences[kept], weights=whole.weights[kept], rest=whole.rest[kept])
        return Carrier(problem, rig, motion, vertex_weights(rig))

    def points(self, frames: Sequence[int]) -> Float64:
        """float64[T, W, 3]: where the bones alone put the vertices, normalised."""
        return (skin(self.rig, self.motion, frames).astype(np.float64) - self.problem.centre) / self.problem.scale

    def linear(self, frames: Sequence[int]) -> Float64:
        """float64[T, W, 3, 3]: how an offset at rest moves each vertex."""
        turns = bone_transforms(self.rig, self.motion, frames)[..., :3] @ self.rig.bind[None, :, :, :3]
        return np.stack([(self.weights @ turn.reshape(-1, 9)).reshape(-1, 3, 3) for turn in turns])
