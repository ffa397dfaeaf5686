"""Job folders of any size, made without Blender: a tapered tube that bends in the picture's plane, filmed straight from above.

Mesh and film are drawn from the same curve and know nothing of each other's resolution.
"""

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from animamimic.core import job
from animamimic.core.settings import Value, from_flat
from animamimic.core.types import Mesh, Rig, View
from animamimic.core.video import write_film

FPS = 24.0
LENGTH, RADIUS = 2.0, 0.2
HALF_PICTURE = 1.4
"""Half the width of what the camera sees, metres."""

SEGMENTS = 48
"""Pieces that the film's tube is drawn in."""

BEND = 0.9
"""Largest turn of the tube's end against its middle, radians."""

LEAST_GENERATED = 9
"""Frames that the small model of the tests makes at least: a mask must have as many."""

PERIOD = 24
"""Frames from one bend to the next of the same kind."""


def write_job(folder: Path, *, frames: int = 6, vertices: int = 400, side: int = 256, rig: Rig | None = None, **settings: Value) -> Path:
    """Write a job into `folder`, which is made; returns it. side: of the film, pixels. rig: to be kept. settings: by name."""
    folder.mkdir(parents=True, exist_ok=True)
    write_film(folder / "driving.mp4", [picture(frame, side) for frame in range(frames)], FPS)
    job.write_request(folder, job.Request(from_flat(settings), tube(vertices), rig, view(side), FPS, "driving.mp4"))
    return folder


def write_prompted_job(folder: Path, *, frames: int = 2, side: int = 256, rig: Rig | None = None, **settings: Value) -> Path:
    """The same job without a film: one is to be made from the picture of the view and a prompt. Whatever it shows, the mask says
    where the subject is: a model with random weights makes noise."""
    write_job(folder, frames=frames, side=side, rig=rig, **{"prompt": "a fish swims", **settings})
    pictures = [picture(frame, side) for frame in range(LEAST_GENERATED)]
    covered = [(one < 250).any(-1, keepdims=True).repeat(3, -1) * np.uint8(255) for one in pictures]
    write_film(folder / "mask.mp4", covered, FPS)
    cv2.imwrite(str(folder / job.VIEW_FILE), np.concatenate([pictures[0][..., ::-1], covered[0][..., :1]], -1))
    (folder / "driving.mp4").unlink()
    request = job.read_request(folder)
    job.write_request(folder, replace(request, video="", mask="mask.mp4", frame_count=frames))
    return folder


def tube(vertices: int) -> Mesh:
    """About so many vertices, as one closed skin."""
    around = max(6, round(math.sqrt(vertices / 4)))
    along = max(4, round(vertices / around))
    x = np.linspace(-LENGTH / 2, LENGTH / 2, along)
    angle = np.arange(around) * 2 * math.pi / around
    radius = radius_at(x)
    rings = np.stack(np.broadcast_arrays(x[:, None], radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle)), -1).reshape(-1, 3)
    points = np.concatenate([rings, [[x[0], 0, 0], [x[-1], 0, 0]]]).astype(np.float32)
    ring, side = np.arange(along - 1)[:, None] * around, np.arange(around)
    after = (side + 1) % around
    quads = np.stack([ring + side, ring + around + side, ring + around + after, ring + after], -1).reshape(-1, 4)
    last = (along - 1) * around
    first_cap = np.stack([np.full(around, len(rings)), after, side], -1)
    last_cap = np.stack([np.full(around, len(rings) + 1), last + side, last + after], -1)
    triangles = np.concatenate([quads[:, [0, 2, 1]], quads[:, [0, 3, 2]], first_cap, last_cap])
    return Mesh(points, triangles.astype(np.int32))


def two_bones(mesh: Mesh) -> Rig:
    """A rig for the tube: a bone for each half."""
    zero = np.zeros(3)
    return Rig(
        names=("front", "back"),
        parents=np.array([-1, 0], np.int32),
        heads=np.array([[-LENGTH / 2, 0, 0], zero]),
        tails=np.array([zero, [LENGTH / 2, 0, 0]]),
        z_axes=np.tile([0.0, 0, 1], (2, 1)),
        influences=(mesh.vertices[:, :1] > 0).astype(np.int32),
        weights=np.ones((len(mesh.vertices), 1), np.float32),
        rest=mesh.vertices,
        bind=np.tile(np.eye(3, 4), (2, 1, 1)),
    )


def radius_at(x: np.ndarray) -> np.ndarray:
    """Thick in front, thin behind."""
    return RADIUS * (1.0 - 0.5 * (x / LENGTH + 0.5))


def view(side: int) -> View:
    """Orthographic, from above, X to the right and Y up."""
    camera = np.eye(4)
    camera[2, 3] = 5.0
    projection = np.diag([1 / HALF_PICTURE, 1 / HALF_PICTURE, -2 / 9.8, 1.0])
    projection[2, 3] = -10.2 / 9.8
    return View(side, side, camera, projection)


def picture(frame: int, side: int) -> np.ndarray:
    """uint8[side, side, 3]: one frame of the film, the tube in stripes before white. Drawn twice as large, for smooth edges."""
    x = np.linspace(-LENGTH / 2, LENGTH / 2, SEGMENTS + 1)
    turn = BEND * math.sin(2 * math.pi * frame / PERIOD) * (2 * x / LENGTH)
    step = np.stack([np.cos(turn), np.sin(turn)], -1) * (LENGTH / SEGMENTS)
    curve = np.concatenate([[[0.0, 0.0]], np.cumsum((step[1:] + step[:-1]) / 2, 0)])
    curve += [-LENGTH / 2, 0] - curve[SEGMENTS // 2] + [LENGTH / 2, 0]
    across = np.stack([-np.sin(turn), np.cos(turn)], -1) * radius_at(x)[:, None]
    upper, lower = ((curve + sign * across) * [1, -1] / HALF_PICTURE * side + side for sign in (1, -1))
    image = np.full((2 * side, 2 * side, 3), 255, np.uint8)
    for k in range(SEGMENTS):
        colour = (70 + 25 * (k // 4 % 4), 60 + 40 * (k // 6 % 3), 170 - 3 * k)
        corners = np.stack([upper[k], upper[k + 1], lower[k + 1], lower[k]])
        cv2.fillConvexPoly(image, np.round(corners * 16).astype(np.int32), colour, cv2.LINE_8, 4)
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
