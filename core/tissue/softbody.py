"""Flesh that follows the bones a beat late: the physical simulation of a rigged subject, as shape keys.

A cage of tetrahedra is put around the subject; its nodes near the bones are held and follow the bones' motion, the others
move by elasticity, inertia, gravity and damping. What they do beyond the skinned motion becomes shape keys.

The subject is simulated at a size that is a setting, not at that of the scene: scenes are modelled in any unit, and with
stiffness in pascals and gravity in m/s^2 a fly would be glass and a whale water. Gravity acts by its difference to the rest
pose, whose sag the modeller has already sculpted: a subject that stands still stays as modelled. The flesh does not collide
with itself.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from ..errors import InputError
from ..fit.kinematics import bone_transforms
from ..settings import TissueSettings
from ..types import Float32, Float64, Mesh, Motion, Progress, Rig, Tissue, TissueParameters, no_progress
from .attachment import attach, node_weights, spread_inside
from .cage import build_cage
from .cage_motion import CageMotion, Trajectory, move_cage
from .ground import Ground
from .material import Recipe, start_parameters
from .regions import element_regions
from .shape_keys import KEY_TOLERANCE, Compression, RestOffsets, compress
from .skinning import vertex_weights
from .softness import complete_softness, stiffening

LONGEST_STEP = 1.0 / 48.0
"""Seconds. Implicit Euler's own damping grows with the step; at this one flesh that swings 3 times a second still swings."""

FASTEST_TURN = math.radians(15.0)
"""Most that a bone turns within a step, relative to its parent."""

MOST_SUBSTEPS = 8

MOST_MOMENTS = 32
"""Moments of the motion, evenly over it, that tell which parts come apart."""

FIRM_ALL_THROUGH = 0.01
"""Painted softness inside the cage below which flesh is held: what is left where the spreading of a 0 ends."""

FLAT = 1e-3
"""Thinnest extent of a subject, as a share of its diagonal, below which it has no inside."""


@dataclass(frozen=True)
class TissueReport:
    """Figures of a simulation.

    nodes, held_nodes, tetrahedra: the cage. cell_pct: edge of its cubes, % of the diagonal.
    substeps: steps a frame. stiffness, damping, softness: the material's, Pa for each region, per second, 0 to 1. unsolved_steps: steps whose Newton iteration ended before its tolerance (they are bounded still).
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
    stiffness: list[float]
    damping: float
    softness: float
    unsolved_steps: int
    least_determinant: float
    limited_share: float
    shape_keys: int
    kept: float
    largest_pct: float
    largest_error_pct: float


@dataclass(frozen=True)
class SoftBody:
    """A subject whose flesh can be moved.

    softness: float32[V], 0 to 1. recipe: from a material's parameters to its elements. motion: the cage's.
    """

    mesh: Mesh
    rig: Rig
    settings: TissueSettings
    softness: Float32
    recipe: Recipe
    motion: CageMotion

    @property
    def regions(self) -> int:
        """How many stiffnesses its material has."""
        return int(self.recipe.region.max()) + 1

    @property
    def frame_transforms(self) -> Float64:
        """float64[T, B, 3, 4]: the bones' motion at the frames."""
        return self.motion.transforms[:: self.motion.substeps]


def simulate(
    mesh: Mesh, rig: Rig, motion: Motion, fps: float, settings: TissueSettings, progress: Progress = no_progress, painted: Float32 | None = None
) -> tuple[Tissue, TissueReport]:
    """Simulate the flesh of a moving subject and bake it to shape keys.

    mesh: the subject in frame 0. rig, motion: its bones and what they do. fps: frames a second, above zero.
    painted: float32[V], the user's softness, NaN where he left it to us; see `softness.complete_softness`.
    Returns at most `settings.shape_keys` keys, fewer or none where the flesh hardly moves, and the figures.
    Raises InputError for a mesh without extent, thickness or faces, a frame rate that is not above zero, a motion of one frame,
    or a subject that is painted firm all over.
    """
    progress(0.0, "building the cage")
    body = soft_body(mesh, rig, motion, fps, settings, painted)
    return bake(body, start_parameters(settings), progress)


def soft_body(mesh: Mesh, rig: Rig, motion: Motion, fps: float, settings: TissueSettings, painted: Float32 | None = None, regions: bool = False) -> SoftBody:
    """The subject ready to be moved. regions: whether trunk and limbs may differ in stiffness. Raises as `simulate`."""
    _check(mesh, motion, fps)
    substeps = choose_substeps(motion, fps)
    transforms = bone_transforms(rig, refine(motion, substeps))
    moments = np.linspace(0, len(transforms) - 1, min(MOST_MOMENTS, len(transforms))).astype(int)
    cage = build_cage(mesh, settings.tissue_resolution / 100.0, vertex_weights(rig), transforms[moments])
    weights = node_weights(cage, rig)
    softness = complete_softness(cage, rig, weights, painted)
    of_nodes = np.clip(spread_inside(cage, softness[:, None].astype(np.float64))[:, 0], 0.0, 1.0)
    if painted is not None:
        of_nodes[of_nodes < FIRM_ALL_THROUGH] = 0.0
    attachment = attach(cage, rig, transforms, settings.softness, weights, of_nodes)
    scale = settings.tissue_size / mesh.diagonal
    region = element_regions(cage, rig, weights) if regions else np.zeros(len(cage.tetrahedra), np.int32)
    recipe = Recipe(cage, attachment, stiffening(cage, of_nodes), region, scale)
    moved = CageMotion.of(cage, attachment, transforms, substeps, 1.0 / (fps * substeps), scale)
    if settings.ground != "OFF":
        height = 0.0 if settings.ground == "ZERO" else float(mesh.vertices[:, 2].min())
        stiffness = float(start_parameters(settings).stiffness[0])
        moved = replace(moved, ground=Ground.under(cage, moved.body, height, stiffness, scale))
    return SoftBody(mesh, rig, settings, softness, recipe, moved)


def bake(body: SoftBody, parameters: TissueParameters, progress: Progress = no_progress) -> tuple[Tissue, TissueReport]:
    """Move the flesh of this material and make shape keys of it."""
    trajectory = move_cage(body.motion, body.recipe.material(parameters), lambda share, text: progress(0.05 + 0.9 * share, text))
    progress(0.95, "making shape keys")
    compression, limited_share = _compressed(body, trajectory)
    return replace(compression.tissue, softness=body.softness), _report(body, parameters, trajectory, compression, limited_share)


def no_flesh(body: SoftBody) -> Tissue:
    """Soft motion without any motion: no keys."""
    return Tissue((), np.zeros((0, len(body.mesh.vertices), 3), np.float32), np.zeros((body.motion.frames, 0), np.float32), body.softness)


def _check(mesh: Mesh, motion: Motion, fps: float) -> None:
    if not fps > 0:
        raise InputError(f"The frame rate is {fps}.", "It must be above zero.")
    if len(motion.rotations) < 2:
        raise InputError("The motion has one frame only.", "Soft tissue needs at least two: choose a longer frame range.")
    centred = mesh.vertices - mesh.vertices.mean(axis=0)
    if len(centred) and np.isfinite(centred).all() and mesh.diagonal > 0:
        axes = np.linalg.eigh(centred.T.astype(np.float64) @ centred)[1]
        if np.ptp(centred @ axes, axis=0).min() < FLAT * mesh.diagonal:
            raise InputError("The subject is flat.", "Soft tissue needs a body with some thickness; add a Solidify modifier, or switch Soft Tissue off.")


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
    translations, scales = ((1 - share) * values[before] + share * values[before + 1] for values in (motion.translations, motion.scales))
    return Motion(rotations, translations, motion.certainty, scales)


def _compressed(body: SoftBody, trajectory: Trajectory) -> tuple[Compression, float]:
    """The trajectory as shape keys, and the share of offsets that were limited."""
    diagonal, transforms = body.mesh.diagonal, body.frame_transforms
    rest_offsets = RestOffsets(body.recipe.cage, body.rig, transforms, trajectory.offsets, body.settings.tissue_limit / 100.0 * diagonal)
    frames, vertices = len(transforms), len(body.mesh.vertices)
    limited: dict[int, int] = {}

    def offsets_of(chunk: slice) -> np.ndarray:
        offsets, limited[chunk.start] = rest_offsets.of(chunk)
        return offsets

    compression = compress(offsets_of, frames, vertices, body.settings.shape_keys, KEY_TOLERANCE * diagonal)
    return compression, sum(limited.values()) / (frames * vertices)


def _report(body: SoftBody, parameters: TissueParameters, trajectory: Trajectory, compression: Compression, limited_share: float) -> TissueReport:
    cage, percent = body.recipe.cage, 100.0 / body.mesh.diagonal
    return TissueReport(
        nodes=len(cage.nodes),
        held_nodes=int(body.recipe.attachment.held.sum()),
        tetrahedra=len(cage.tetrahedra),
        cell_pct=round(cage.cell_size * percent, 3),
        substeps=body.motion.substeps,
        stiffness=[round(float(one), 1) for one in parameters.stiffness],
        damping=round(parameters.damping, 3),
        softness=round(parameters.free_depth, 3),
        unsolved_steps=trajectory.unsolved_steps,
        least_determinant=round(trajectory.least_determinant, 4),
        limited_share=round(limited_share, 4),
        shape_keys=len(compression.tissue.names),
        kept=round(compression.kept, 4),
        largest_pct=round(compression.largest * percent, 4),
        largest_error_pct=round(compression.largest_error * percent, 4),
    )
