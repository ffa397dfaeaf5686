"""Flesh that follows the bones a beat late: the physical simulation of a rigged subject, as shape keys.

A cage of tetrahedra is put around the subject; its nodes near the bones are held and follow the fitted motion, the others
move by elasticity, inertia, gravity and damping. What they do beyond the skinned motion becomes shape keys.

The subject is simulated at a size that is a setting, not at that of the scene: scenes are modelled in any unit, and with
stiffness in pascals and gravity in m/s^2 a fly would be glass and a whale water. Gravity acts by its difference to the rest
pose, whose sag the modeller has already sculpted: a subject that stands still stays as modelled. There is no collision,
neither with itself nor with a floor.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from ..errors import InputError
from ..fit.kinematics import bone_transforms
from ..settings import TissueSettings
from ..types import Float64, Mesh, Motion, Progress, Rig, Tissue, no_progress
from .attachment import Attachment, attach, thickness_stiffening
from .cage import TETRAHEDRA_PER_CELL, Cage, build_cage
from .elasticity import Elasticity
from .implicit import State, Step, advance
from .shape_keys import KEY_TOLERANCE, Compression, RestOffsets, compress
from .skinning import skin_points, vertex_weights

GRAVITY = np.array([0.0, 0.0, -9.81])
"""Acceleration, m/s^2, world axes."""

LONGEST_STEP = 1.0 / 48.0
"""Seconds. Implicit Euler's own damping grows with the step; at this one flesh that swings 3 times a second still swings."""

FASTEST_TURN = math.radians(15.0)
"""Most that a bone turns within a step, relative to its parent."""

MOST_SUBSTEPS = 8

MOST_MOMENTS = 32
"""Moments of the motion, evenly over it, that tell which parts come apart."""

STEP_TOLERANCE = 1e-4
"""Correction of a node, as a share of a cell, below which a step is solved: also how near to rest the flesh comes to rest."""

SETTLING_SECONDS, SETTLING_TOLERANCE = 3.0, 10.0
"""A step so long that its end is where the flesh would come to rest in the pose it has, and its tolerance beside others'."""

PULL = 0.25
"""Force of the springs on nodes that were let go, at a cell's length from their place, relative to the modulus times a cell's
area: enough to keep them about there, too little to press an element flat."""


@dataclass(frozen=True)
class TissueReport:
    """Figures of a simulation.

    nodes, held_nodes, tetrahedra: the cage. cell_pct: edge of its cubes, % of the diagonal.
    substeps: steps a frame. unsolved_steps: steps whose Newton iteration ended before its tolerance (they are bounded still).
    least_determinant: smallest volume of a tetrahedron relative to rest in any frame; below 0 it was turned inside out.
    limited_share: share of offsets (vertices times frames) that were longer than the limit and were shortened.
    shape_keys, kept: keys made, and the share of the offsets' squared length that they keep.
    largest_pct: longest offset. largest_error_pct: longest that the keys miss an offset by. Both % of the diagonal.
    """

    nodes: int
    held_nodes: int
    tetrahedra: int
    cell_pct: float
    substeps: int
    unsolved_steps: int
    least_determinant: float
    limited_share: float
    shape_keys: int
    kept: float
    largest_pct: float
    largest_error_pct: float


@dataclass(frozen=True)
class Trajectory:
    """What the cage does.

    node_offsets: float64[T, N, 3], metres of the scene, zero in frame 0: from where the flesh would come to rest in each
        pose without gravity to where it is. What the skinning itself folds or tears, the flesh evens out at rest as well,
        and the surface, which is skinned more finely than the cage, has no part in that.
    """

    node_offsets: Float64
    least_determinant: float
    unsolved_steps: int


def simulate(
    mesh: Mesh, rig: Rig, motion: Motion, fps: float, settings: TissueSettings, progress: Progress = no_progress
) -> tuple[Tissue, TissueReport]:
    """Simulate the flesh of a moving subject and bake it to shape keys.

    mesh: the subject in frame 0. rig, motion: its bones and what they do. fps: frames a second, above zero.
    Returns at most `settings.shape_keys` keys, fewer or none where the flesh hardly moves, and the figures.
    Raises InputError for a mesh without extent or faces, or a frame rate that is not above zero.
    """
    if not fps > 0:
        raise InputError(f"The frame rate is {fps}.", "It must be above zero.")
    progress(0.0, "building the cage")
    substeps = choose_substeps(motion, fps)
    transforms = bone_transforms(rig, refine(motion, substeps))
    moments = np.linspace(0, len(transforms) - 1, min(MOST_MOMENTS, len(transforms))).astype(int)
    cage = build_cage(mesh, settings.tissue_resolution / 100.0, vertex_weights(rig), transforms[moments])
    attachment = attach(cage, rig, transforms, settings.softness)
    scale = settings.tissue_size / mesh.diagonal
    young = settings.stiffness * thickness_stiffening(cage)
    pull = np.where(attachment.let_go, pull_strength(cage, young, scale), 0.0)
    step = Step(1.0 / (fps * substeps), settings.damping, STEP_TOLERANCE * cage.cell_size * scale, pull)
    trajectory = run_cage(cage, attachment, transforms, substeps, step, young, scale, progress)
    progress(0.95, "making shape keys")
    compression, limited_share = _bake(mesh, rig, cage, transforms[::substeps], trajectory, settings)
    return compression.tissue, _report(mesh, cage, attachment, substeps, trajectory, compression, limited_share)


def run_cage(
    cage: Cage, attachment: Attachment, transforms: Float64, substeps: int, step: Step, young: Float64 | float, scale: float, progress: Progress = no_progress
) -> Trajectory:
    """Move the cage through the whole motion.

    transforms: float64[S, B, 3, 4] at every step, `substeps` of them a frame, the first the identity. young: float64[E] or one
    number, Pa. step: in simulated metres, which are `scale` times the scene's.
    """
    body = Elasticity(cage.nodes * scale, cage.tetrahedra, young, ~attachment.held)
    skinned, _ = skin_points(cage.nodes, attachment.weights, transforms[0])
    state = State(skinned * scale, _one_step_before(cage, attachment, transforms) * scale, skinned * scale)
    frames = (len(transforms) - 1) // substeps + 1
    offsets = np.zeros((frames, *cage.nodes.shape))
    least_determinant, unsolved = 1.0, 0
    settling = replace(step, seconds=SETTLING_SECONDS, damping=0.0, tolerance=SETTLING_TOLERANCE * step.tolerance)
    for index in range(1, len(transforms)):
        skinned, linear = skin_points(cage.nodes, attachment.weights, transforms[index])
        body.take_shape(skinned * scale)
        # Gravity beyond that of the rest pose, which turns with the flesh: it is part of the modelled shape.
        state, solved = advance(body, state, skinned * scale, GRAVITY - linear @ GRAVITY, step)
        unsolved += not solved
        if index % substeps == 0:
            frame = index // substeps
            settled, settles = advance(body, replace(state, previous=state.positions), skinned * scale, np.zeros_like(skinned), settling)
            unsolved += not settles
            offsets[frame] = (state.positions - settled.positions) / scale
            least_determinant = min(least_determinant, float(body.determinants(state.positions).min()))
            progress(0.05 + 0.9 * frame / (frames - 1), f"simulating frame {frame} of {frames - 1}")
    offsets[:, attachment.held] = 0.0
    return Trajectory(offsets, least_determinant, unsolved)


def _one_step_before(cage: Cage, attachment: Attachment, transforms: Float64) -> Float64:
    """float64[N, 3]: where the flesh was a step before the first: a video that begins in full motion does not kick it."""
    first, second = (skin_points(cage.nodes, attachment.weights, moment)[0] for moment in (transforms[0], transforms[min(1, len(transforms) - 1)]))
    return 2.0 * first - second


def pull_strength(cage: Cage, young: Float64, scale: float) -> Float64:
    """float64[N], N/m: springs as strong beside the flesh around each node as `PULL` says. young: float64[E], Pa."""
    share = young * (cage.cell_size * scale) / (4 * TETRAHEDRA_PER_CELL)
    return PULL * np.bincount(cage.tetrahedra.ravel(), np.repeat(share, 4), len(cage.nodes))


def choose_substeps(motion: Motion, fps: float) -> int:
    """Steps a frame: short enough for the time step and for the fastest turn of any bone, at most `MOST_SUBSTEPS`."""
    cosines = np.abs(np.einsum("tbi,tbi->tb", motion.rotations[1:], motion.rotations[:-1]))
    turn = 2.0 * math.acos(min(1.0, float(cosines.min(initial=1.0))))
    wanted = max(1.0 / (fps * LONGEST_STEP), turn / FASTEST_TURN)
    # A hair less, so that 24 frames a second give exactly the two steps they divide into.
    return min(MOST_SUBSTEPS, max(1, math.ceil(wanted - 1e-6)))


def refine(motion: Motion, substeps: int) -> Motion:
    """The motion with `substeps` times as many frames: turns at constant speed and straight ways between the given ones."""
    frames = len(motion.rotations)
    if substeps == 1 or frames == 1:
        return motion
    given, wanted = np.arange(frames), np.arange((frames - 1) * substeps + 1) / substeps
    rotations = np.empty((len(wanted), motion.rotations.shape[1], 4))
    for bone in range(rotations.shape[1]):
        xyzw = np.roll(motion.rotations[:, bone], -1, axis=-1)
        rotations[:, bone] = np.roll(Slerp(given, Rotation.from_quat(xyzw))(wanted).as_quat(), 1, axis=-1)
    before = np.minimum(wanted.astype(int), frames - 2)
    share = (wanted - before)[:, None, None]
    translations = (1 - share) * motion.translations[before] + share * motion.translations[before + 1]
    return Motion(rotations, translations, motion.certainty)


def _bake(mesh: Mesh, rig: Rig, cage: Cage, transforms: Float64, trajectory: Trajectory, settings: TissueSettings) -> tuple[Compression, float]:
    """The trajectory as shape keys, and the share of offsets that were limited. transforms: float64[T, B, 3, 4]."""
    rest_offsets = RestOffsets(cage, rig, transforms, trajectory.node_offsets, settings.tissue_limit / 100.0 * mesh.diagonal)
    frames, vertices = len(transforms), len(mesh.vertices)
    limited: dict[int, int] = {}

    def offsets_of(chunk: slice) -> np.ndarray:
        offsets, limited[chunk.start] = rest_offsets.of(chunk)
        return offsets

    compression = compress(offsets_of, frames, vertices, settings.shape_keys, KEY_TOLERANCE * mesh.diagonal)
    return compression, sum(limited.values()) / (frames * vertices)


def _report(
    mesh: Mesh, cage: Cage, attachment: Attachment, substeps: int, trajectory: Trajectory, compression: Compression, limited_share: float
) -> TissueReport:
    percent = 100.0 / mesh.diagonal
    return TissueReport(
        nodes=len(cage.nodes),
        held_nodes=int(attachment.held.sum()),
        tetrahedra=len(cage.tetrahedra),
        cell_pct=round(cage.cell_size * percent, 3),
        substeps=substeps,
        unsolved_steps=trajectory.unsolved_steps,
        least_determinant=round(trajectory.least_determinant, 4),
        limited_share=round(limited_share, 4),
        shape_keys=len(compression.tissue.names),
        kept=round(compression.kept, 4),
        largest_pct=round(compression.largest * percent, 4),
        largest_error_pct=round(compression.largest_error * percent, 4),
    )
