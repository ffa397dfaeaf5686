"""The cage through the whole motion: where the skeleton puts it, and where its flesh goes.

S is the number of steps plus one, T of frames, N of nodes.
"""

from dataclasses import dataclass

import numpy as np

from ..types import Float64, Progress, no_progress
from .attachment import Attachment
from .cage import Cage
from .elasticity import Elasticity
from .ground import Ground
from .implicit import State, Step, advance
from .material import Material
from .skinning import skin_points

GRAVITY = np.array([0.0, 0.0, -9.81])
"""Acceleration, m/s^2, world axes."""

STEP_TOLERANCE = 2e-4
"""Correction of a node, as a share of a cell, below which a step is solved: also how near to rest the flesh comes to rest."""

SETTLING_SECONDS, SETTLING_TOLERANCE = 3.0, 10.0
"""A step so long that its end is where the flesh would come to rest in the pose it has, and its tolerance beside others'."""


@dataclass(frozen=True)
class Trajectory:
    """What the cage does.

    offsets: float64[T, N, 3], metres of the scene, zero in frame 0: from where the flesh would come to rest in each pose without
        gravity to where it is. What the skinning itself folds or tears, the flesh evens out at rest as well, and the surface,
        which is skinned more finely than the cage, has no part in that.
    positions: float64[S, N, 3], settled: float64[T, N, 3], simulated metres.
    """

    offsets: Float64
    positions: Float64
    settled: Float64
    least_determinant: float
    unsolved_steps: int


@dataclass(frozen=True)
class CageMotion:
    """A cage and what the skeleton does to it.

    transforms: float64[S, B, 3, 4] at every step, `substeps` of them a frame, the first the identity. seconds: a step's length.
    scale: simulated metres for one of the scene. body: of the cage at that size. ground: or None.
    tolerance: simulated metres, the largest correction ignored.
    """

    cage: Cage
    attachment: Attachment
    transforms: Float64
    substeps: int
    seconds: float
    scale: float
    body: Elasticity
    tolerance: float
    ground: Ground | None = None

    @staticmethod
    def of(cage: Cage, attachment: Attachment, transforms: Float64, substeps: int, seconds: float, scale: float) -> "CageMotion":
        """Without a ground; the body gets its stiffness from the material that it is moved with."""
        body = Elasticity(cage.nodes * scale, cage.tetrahedra, 1.0, ~attachment.held)
        return CageMotion(cage, attachment, transforms, substeps, seconds, scale, body, STEP_TOLERANCE * cage.cell_size * scale)

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return (len(self.transforms) - 1) // self.substeps + 1

    def skinned(self, index: int) -> tuple[Float64, Float64]:
        """float64[N, 3], where the skinning puts the nodes at a step, and the gravity on them beyond that of the rest pose.

        Gravity at rest turns with the flesh: it is part of the modelled shape.
        """
        places, linear = skin_points(self.cage.nodes, self.attachment.weights, self.transforms[index])
        return places * self.scale, GRAVITY - linear @ GRAVITY

    def step(self, material: Material) -> Step:
        """A step of the motion."""
        return Step(self.seconds, material.damping, self.tolerance, material.pull, self.ground)

    def settling(self, material: Material) -> Step:
        """A step that ends at rest. The ground has no part in it, so that what it pushes is soft motion."""
        return Step(SETTLING_SECONDS, 0.0, SETTLING_TOLERANCE * self.tolerance, material.pull)

    def start(self) -> State:
        """The flesh in frame 0: a video that begins in full motion does not kick it."""
        first, second = self.skinned(0)[0], self.skinned(min(1, len(self.transforms) - 1))[0]
        return State(first, 2.0 * first - second, first)


def move_cage(motion: CageMotion, material: Material, progress: Progress = no_progress, like: Trajectory | None = None) -> Trajectory:
    """Move the cage of this material through the whole motion.

    like: what it does with a material that is much the same, where every step is looked for first; it saves time alone.
    """
    body, step, settling = motion.body, motion.step(material), motion.settling(material)
    body.take_material(material.young)
    state = settled = motion.start()
    positions, rests = [state.positions], [state.positions]
    least_determinant, unsolved = 1.0, 0
    for index in range(1, len(motion.transforms)):
        skinned, gravity = motion.skinned(index)
        body.take_shape(skinned)
        state, solved = advance(body, state, skinned, gravity, step, None if like is None else like.positions[index])
        positions.append(state.positions)
        unsolved += not solved
        if index % motion.substeps == 0:
            frame = index // motion.substeps
            rest = None if like is None else like.settled[frame]
            settled, settles = advance(body, at_rest_near(settled, skinned), skinned, np.zeros_like(skinned), settling, rest)
            rests.append(settled.positions)
            unsolved += not settles
            least_determinant = min(least_determinant, float(body.determinants(state.positions).min()))
            progress(frame / (motion.frames - 1), f"simulating frame {frame} of {motion.frames - 1}")
    kept, rested = np.array(positions), np.array(rests)
    offsets = (kept[:: motion.substeps] - rested) / motion.scale
    offsets[:, motion.attachment.held] = 0.0
    return Trajectory(offsets, kept, rested, least_determinant, unsolved)


def at_rest_near(settled: State, skinned: Float64) -> State:
    """Standing still where the last rest would be if it kept its place relative to the skinned pose."""
    guess = settled.positions + (skinned - settled.skinned)
    return State(guess, guess, skinned)
