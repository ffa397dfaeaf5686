"""The residual layer of a clip: from a video to shape keys.

After Ani3DHuman (arXiv 2602.19089), whose second layer is a field of offsets over the rigid motion that a video supervises.
There it is a network fitted by thousands of steps of gradient descent; here few handles on the surface, fitted by Gauss-Newton
on the objectives of the bones' fit: colours, silhouettes, and the flow from the drawing of the estimate to the frame.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np

from ..fit.evidence import BLURS
from ..fit.evidence import Evidence as FrameEvidence
from ..fit.look import Look
from ..fit.observe import Observer
from ..fit.problem import Problem
from ..settings import ResidualSettings
from ..tissue.shape_keys import KEY_TOLERANCE, compress
from ..types import Clip, Float32, Float64, Mesh, Motion, Progress, Rig, Tissue, View, no_progress
from ..video.flow import DIS, Follower
from .carrier import Carrier
from .evidence import Evidence, Film
from .handles import Handles
from .solve import Priors, step

log = logging.getLogger(__name__)

LEVELS = (1, 2, 3, 3)
"""Blur levels of the rounds: each draws the surface anew."""

STEPS = 2
"""Gauss-Newton steps a round."""

SURFACE_POINTS = 2500
"""Points of the surface that are compared in a frame: handles are many more than joints."""

CHUNK = 8
"""Frames drawn and compared at once."""


@dataclass(frozen=True)
class ResidualReport:
    """Figures of a residual layer.

    handles: their number. shape_keys, kept: keys made, and the share of the offsets' squared length that they keep.
    largest_pct: longest offset. largest_error_pct: longest that the keys miss an offset by. Both % of the diagonal.
    """

    handles: int
    shape_keys: int
    kept: float
    largest_pct: float
    largest_error_pct: float


def fit_residual(
    mesh: Mesh,
    rig: Rig,
    motion: Motion,
    view: View,
    clip: Clip,
    *,
    resolution: int,
    settings: ResidualSettings,
    max_keys: int,
    flow: Follower = DIS,
    progress: Progress = no_progress,
) -> tuple[Tissue, ResidualReport]:
    """Find what the surface does beyond its bones in a video seen from a camera that stands still.

    mesh, rig, motion: the subject in frame 0, its bones, and what they do in every frame of the clip. resolution: longer side in
    pixels at which pictures are compared. max_keys: most shape keys. flow: how the drawn surface is found in a frame.
    Frame 0 shows the mesh as it stands and gets no offset.
    """
    problem = Problem.of(mesh, rig, view)
    size = view.resized(resolution)
    look = Look.of(problem, clip.frames[0].astype(np.float32) / 255, size.width, size.height)
    observer = Observer.of(problem, look, FrameEvidence.of(clip, size.width, size.height), (flow,) * len(BLURS))
    film = Film(replace(observer, surface_points=SURFACE_POINTS), lambda frame: look)
    handles = Handles.of(mesh, settings.handle_distance / 100)
    offsets = follow(film, Carrier.of(problem, motion), handles, Priors.held(settings.bone_hold), progress)
    return as_tissue(mesh, handles, offsets * problem.scale, max_keys)


def follow(film: Film, carrier: Carrier, handles: Handles, priors: Priors, progress: Progress = no_progress) -> Float64:
    """float64[T, K, 3]: the handles' offsets at rest in every frame of a film, in diagonals."""
    evidence = Evidence.of(film, carrier, handles)
    offsets = np.zeros((len(film), len(handles), 3))
    for number, level in enumerate(LEVELS):

        def told(fraction: float, text: str, number: int = number) -> None:
            progress((number + fraction) / len(LEVELS), text)

        offsets = one_round(evidence, priors, offsets, level, told)
    return offsets


def one_round(evidence: Evidence, priors: Priors, offsets: Float64, level: int, progress: Progress = no_progress) -> Float64:
    """Draw all frames with the offsets float64[T, K, 3] that they have, and take a few steps. level: of the blur pyramid."""
    chunks = [slice(first, min(first + CHUNK, len(offsets))) for first in range(1, len(offsets), CHUNK)]
    looked = []
    for chunk in chunks:
        progress(chunk.start / len(offsets), "following the surface")
        looked.append(evidence.look_at(range(chunk.start, chunk.stop), offsets[chunk], level))
    for _ in range(STEPS):
        parts = [evidence.equations(one, offsets[chunk]) for one, chunk in zip(looked, chunks, strict=True)]
        hessian, gradient = (np.concatenate(part) for part in zip(*parts, strict=True))
        offsets = step(evidence.handles, priors, offsets, hessian, gradient)
    return offsets


def as_tissue(mesh: Mesh, handles: Handles, offsets: Float64, max_keys: int) -> tuple[Tissue, ResidualReport]:
    """Shape keys of handles' offsets at rest, float64[T, K, 3], metres."""

    def of_vertices(vertices: slice) -> Float32:
        return np.stack([handles.weights[vertices] @ one for one in offsets]).astype(np.float32)

    made = compress(of_vertices, len(offsets), len(mesh.vertices), max_keys, KEY_TOLERANCE * mesh.diagonal)
    percent = 100 / mesh.diagonal
    report = ResidualReport(len(handles), len(made.tissue.names), made.kept, made.largest * percent, made.largest_error * percent)
    log.info("residual layer: %s", report)
    return made.tissue, report
