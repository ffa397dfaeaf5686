"""The coarse video: what the bones alone do, as a film that a video model can work on.

Drawn by our rasterizer in the colours of the first frame rather than by the scene's own renderer: the engine has it at hand in
the fit as well as for an armature's own Action, it costs milliseconds a frame, and its pixels belong to known points of the
surface. What the first frame does not show takes the nearest colours that it does.
"""

import cv2
import numpy as np

from ..fit.look import Look
from ..fit.problem import Problem
from ..types import Clip, Float32, Mesh, Motion, Progress, Rig, UInt8, View, no_progress
from .carrier import Carrier

SUPERSAMPLING = 2


def coarse_film(mesh: Mesh, rig: Rig, motion: Motion, view: View, still: UInt8, fps: float, progress: Progress = no_progress) -> Clip:
    """Draw every frame of a motion on white.

    still: uint8[H, W, 3], the subject as it stands in frame 0, seen from the view. The clip has the view's size, its masks are exact.
    """
    problem = Problem.of(mesh, rig, view)
    carrier = Carrier.of(problem, motion)
    look = Look.of(problem, still.astype(np.float32) / 255, SUPERSAMPLING * view.width, SUPERSAMPLING * view.height)
    white = np.ones((look.height, look.width, 3), np.float32)
    frames, masks = [], []
    for frame in range(len(motion.rotations)):
        progress(frame / len(motion.rotations), "drawing what the bones do")
        drawing = look.draw_points(carrier.points([frame]))[0]
        frames.append(_small(drawing.over(white), view))
        masks.append(_small(drawing.covered.astype(np.float32), view))
    return Clip(np.stack(frames), np.stack(masks), fps)


def _small(picture: Float32, view: View) -> UInt8:
    small = cv2.resize(picture, (view.width, view.height), interpolation=cv2.INTER_AREA)
    return np.clip(255 * small + 0.5, 0, 255).astype(np.uint8)
