"""The material that explains the video: stiffness of each region, damping and softness, through the simulation's adjoint.

R is the number of regions.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from ..fit.kinematics import skin
from ..types import Clip, Float32, Float64, Motion, Progress, TissueParameters, View, no_progress
from ..video.flow import DIS, Follower
from .adjoint import material_gradient
from .cage_motion import Trajectory, move_cage
from .descent import descend
from .footage import Footage
from .material import for_regions
from .softbody import SoftBody

STIFFNESS_LIMITS = (1e3, 1e7)
DAMPING_LIMITS = (0.2, 40.0)
DEPTH_LIMITS = (0.2, 1.0)
"""Within which a material is looked for: Pa, per second, and the share of the depth that is free."""

TRIED = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Powers of ten by which the start's stiffness is multiplied, all regions together, before the descent: swings that are out of
phase with the video's have minima of their own."""

PIXELS = 0.5
"""How far, in pixels of the footage, explained motion is expected to be off."""

STIFFNESS_SPREAD, REGION_SPREAD, DAMPING_SPREAD, DEPTH_SPREAD = math.log(10.0), math.log(2.0), math.log(4.0), 0.2
"""What is believed without looking: standard deviations of the logarithm of the stiffness around the start, of each region around
all, of the logarithm of the damping, and of the free depth."""

EVALUATIONS, LAST_EVALUATIONS = 7, 4
"""Simulations in the descents of the two rounds, each with flow from the estimate that it starts with. The second needs fewer where
the first was in a coarser cage."""

LEAST_GAIN = 0.02
"""Share of the distance from the video that flesh must save to count as seen there."""

SAME = 1e-9
"""Difference of two materials' numbers, see `_vector`, that is rounding."""

DRAFT_TETRAHEDRA = 800
"""About as many elements does the cage have in which the material is looked for first."""


@dataclass(frozen=True)
class MaterialFit:
    """A fitted material, and what it gains.

    before, after: root mean square distance from the video of the bones' motion alone and with the flesh, pixels of the footage,
    both measured against the first round's flow.
    """

    parameters: TissueParameters
    before: float
    after: float

    @property
    def seen(self) -> bool:
        """Whether the video shows this flesh: passive flesh on a motion that was animated without any only blurs what the bones do."""
        return self.after <= (1.0 - LEAST_GAIN) * self.before


def draft_resolution(body: SoftBody) -> float | None:
    """The setting `tissue_resolution`, %, of a cage that is coarse enough to look for the material quickly; None where the body's own is."""
    count = len(body.recipe.cage.tetrahedra)
    if count < 2 * DRAFT_TETRAHEDRA:
        return None
    return 100.0 * body.recipe.cage.cell_size / body.mesh.diagonal * float(np.cbrt(count / DRAFT_TETRAHEDRA))


def fit_material(
    body: SoftBody,
    start: TissueParameters,
    motion: Motion,
    view: View,
    clip: Clip,
    progress: Progress = no_progress,
    draft: SoftBody | None = None,
    flow: Follower = DIS,
) -> MaterialFit:
    """Find the material whose flesh moves as the video shows, beyond what the bones explain.

    body: the subject on the fitted motion. start: where to begin, and what is believed where the video says little.
    motion: the bones', as `body` has it. view, clip: see `fit.motion.fit_motion`. draft: the same subject in a coarser cage, in which
    the search begins; a coarse cage is stiffer than its material, which the end of the search, in the cage itself, sets right.
    flow: how the drawn surface is found in a frame.
    """
    times = np.arange(len(clip.frames)) if clip.times is None else np.rint(clip.times).astype(np.int64)
    compared = np.flatnonzero((times < body.motion.frames) & (np.diff(times, prepend=-1) > 0))
    frames = times[compared]
    footage = Footage.of(body.mesh, view, replace(clip, frames=clip.frames[compared], masks=clip.masks[compared]), flow)
    rigid = skin(body.rig, motion, frames.tolist())
    search = _Search(draft or body, for_regions(start, (draft or body).regions), frames, rigid, footage.followed(rigid), progress)
    first = search.footage
    found = search.best_of([_scaled(search.start, 10.0**power) for power in TRIED])
    for place, evaluations in ((search.body, EVALUATIONS), (body, LAST_EVALUATIONS if draft else EVALUATIONS)):
        search.body, search.start, found = place, for_regions(start, place.regions), for_regions(found, place.regions)
        search.footage = search.footage.followed(search.surface(search.course(found)))
        found = search.descend(found, evaluations)
    before = first.difference(rigid)[0]
    after = first.difference(search.surface(search.course(found)))[0]
    return MaterialFit(found, math.sqrt(before / len(frames)), math.sqrt(after / len(frames)))


@dataclass(frozen=True)
class _Moved:
    """A material, values float64[R + 2], see `_vector`, and how its flesh moves."""

    body: SoftBody
    values: Float64
    course: Trajectory


@dataclass
class _Search:
    """The function that is minimised. frames: int64[F], those of the motion that the footage shows. rigid: float32[F, V, 3], the surface by
    the bones alone. known: the last material that was simulated, or the best that was."""

    body: SoftBody
    start: TissueParameters
    frames: np.ndarray
    rigid: Float32
    footage: Footage
    progress: Progress
    done: int = 0
    known: "_Moved | None" = None

    def course(self, parameters: TissueParameters) -> Trajectory:
        """The flesh's motion."""
        return self._moved(parameters).course

    def _moved(self, parameters: TissueParameters) -> "_Moved":
        """The same with its material. What is known already is not simulated again."""
        values, known = _vector(parameters), self.known if self.known is not None and self.known.body is self.body else None
        if known is None or not np.allclose(values, known.values, rtol=0.0, atol=SAME):
            total = len(TRIED) + EVALUATIONS + LAST_EVALUATIONS + 2
            self.progress(min(0.99, self.done / total), "fitting the material")
            self.done += 1
            like = None if known is None else known.course
            known = _Moved(self.body, values, move_cage(self.body.motion, self.body.recipe.material(parameters), like=like))
            self.known = known
        return known

    def surface(self, course: Trajectory) -> Float32:
        """float32[F, V, 3]: the vertices with their flesh."""
        moved = self.rigid.copy()
        for place, frame in enumerate(self.frames):
            moved[place] += self.body.recipe.cage.at_vertices(course.offsets[frame]).astype(np.float32)
        return moved

    def best_of(self, candidates: list[TissueParameters]) -> TissueParameters:
        """The one that explains the video best."""
        moved = [self._moved(one) for one in candidates]
        costs = [self._picture(one.course)[0] + self._prior(one.values)[0] for one in moved]
        best = int(np.argmin(costs))
        self.known = moved[best]
        return candidates[best]

    def descend(self, begin: TissueParameters, evaluations: int) -> TissueParameters:
        """A few steps down within the limits."""
        count = len(begin.stiffness)
        limits = [np.array([*[math.log(STIFFNESS_LIMITS[end])] * count, math.log(DAMPING_LIMITS[end]), DEPTH_LIMITS[end]]) for end in (0, 1)]
        spread = np.array([*[STIFFNESS_SPREAD] * count, DAMPING_SPREAD, DEPTH_SPREAD])
        best: list[tuple[float, _Moved]] = []

        def cost(values: Float64) -> tuple[float, Float64]:
            moved = self._moved(_parameters(values))
            value, slope = self._cost(moved)
            best[:] = [min((*best, (value, moved)), key=lambda one: one[0])]
            return value, slope

        found = descend(cost, _vector(begin), (limits[0], limits[1]), spread, evaluations)
        self.known = best[0][1]
        return _parameters(found)

    def _cost(self, moved: "_Moved") -> tuple[float, Float64]:
        """Distance from the video and from what is believed, and its derivative."""
        parameters = _parameters(moved.values)
        value, by_offsets = self._picture(moved.course)
        found = material_gradient(self.body.motion, self.body.recipe.material(parameters), moved.course, by_offsets)
        slope = self.body.recipe.gradient(parameters, found.young, found.damping, found.pull)
        prior, prior_slope = self._prior(moved.values)
        by_logarithms = np.concatenate([slope.stiffness * parameters.stiffness, [slope.damping * parameters.damping, slope.free_depth]])
        return value + prior, by_logarithms + prior_slope

    def _picture(self, course: Trajectory) -> tuple[float, Float64]:
        """Distance from the video in expected errors, and its derivative by the cage's offsets, float64[T, N, 3]."""
        value, by_vertices = self.footage.difference(self.surface(course))
        cage = self.body.recipe.cage
        by_offsets = np.zeros_like(course.offsets)
        for frame, slope in zip(self.frames, by_vertices, strict=True):
            shares = cage.vertex_barycentric[:, :, None] * slope[:, None]
            np.add.at(by_offsets[frame], cage.vertex_nodes, shares)
        return value / PIXELS**2, by_offsets / PIXELS**2

    def _prior(self, values: Float64) -> tuple[float, Float64]:
        """Squared distance from the start in standard deviations, and its derivative."""
        away = values - _vector(self.start)
        stiffness = away[:-2]
        shared = stiffness.mean()
        apart = stiffness - shared
        value = (shared / STIFFNESS_SPREAD) ** 2 + (apart**2).sum() / REGION_SPREAD**2
        slope = np.append(2 * apart / REGION_SPREAD**2 + 2 * shared / STIFFNESS_SPREAD**2 / len(stiffness), [0.0, 0.0])
        for place, spread in ((-2, DAMPING_SPREAD), (-1, DEPTH_SPREAD)):
            value += (away[place] / spread) ** 2
            slope[place] = 2 * away[place] / spread**2
        return float(value), slope


def _vector(parameters: TissueParameters) -> Float64:
    """float64[R + 2]: logarithms of the stiffnesses and of the damping, and the free depth."""
    return np.concatenate([np.log(parameters.stiffness), [math.log(max(parameters.damping, DAMPING_LIMITS[0])), parameters.free_depth]])


def _parameters(values: Float64) -> TissueParameters:
    return TissueParameters(np.exp(values[:-2]), math.exp(values[-2]), float(values[-1]))


def _scaled(start: TissueParameters, factor: float) -> TissueParameters:
    return replace(start, stiffness=np.clip(start.stiffness * factor, *STIFFNESS_LIMITS))
