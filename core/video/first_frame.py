"""Does the video start with the subject as it stands?"""

import cv2
import numpy as np

from ..errors import InputError
from ..types import Clip, Float64, Mesh, UInt8, View
from .masks import soft_iou

LEAST_IOU = 0.85
"""Below, the video shows another subject, pose or camera. Clips that fit measure 0.9 (parts as white as the background) to 0.99."""
SHAPES_DIFFER = 0.05
"""Aspects that differ by more are said to: the likely reason for a subject of another size."""
SUPERSAMPLING = 4


def check_first_frame(clip: Clip, subject_mask: UInt8, film_shape: tuple[int, int] | None = None) -> float:
    """Compare frame 0's mask with the mesh seen in the view.

    subject_mask: uint8[H, W], coverage 0 to 255, see `subject_coverage`; of the clip's size.
    film_shape: width and height of the video's own picture, where that is known; for the sentence.
    Returns the IoU. Raises InputError where it is below `LEAST_IOU`; the sentence says how far the subject is off.
    """
    mask = clip.masks[0]
    if subject_mask.shape != mask.shape:
        raise ValueError(f"subject mask {subject_mask.shape}, clip {mask.shape}")
    if not (subject_mask > 127).any():
        raise InputError("The camera does not see the subject.", "Point the camera at it, or let the subject be framed.")
    iou = soft_iou(mask, subject_mask)
    if iou >= LEAST_IOU:
        return iou
    height, width = mask.shape
    if film_shape is not None and abs(film_shape[0] / film_shape[1] * height / width - 1) > SHAPES_DIFFER:
        raise InputError(
            f"The video's picture has another shape ({film_shape[0]} x {film_shape[1]}) than the camera's ({width} x {height}), and its first frame does not show the subject as it stands.",
            "Set the scene's resolution to the video's shape, or make the video from a picture of the camera's shape.",
        )
    shift, scale = offset(mask, subject_mask)
    registered = soft_iou(moved(subject_mask, shift, scale), mask)
    remedy = "move the camera or the subject to match." if registered >= LEAST_IOU else "even so moved it looks different: check pose, camera and video."
    raise InputError(
        f"The video's first frame does not show the subject as it stands: the outlines agree by {100 * iou:.0f} %, {100 * LEAST_IOU:.0f} % is needed.",
        f"In the video it lies {_words(100 * shift / [mask.shape[1], mask.shape[0]])} and is {100 * scale:.0f} % as large; {remedy}",
    )


def offset(mask: UInt8, subject_mask: UInt8) -> tuple[Float64, float]:
    """How the video's subject lies against the expected one: shift of the centroid float64[2], pixels right and down, and scale."""
    (area, centre), (expected_area, expected_centre) = _area_and_centre(mask), _area_and_centre(subject_mask)
    return centre - expected_centre, float(np.sqrt(area / expected_area))


def moved(mask: UInt8, shift: Float64, scale: float) -> UInt8:
    """The mask scaled about its centroid, then shifted."""
    _, centre = _area_and_centre(mask)
    matrix = np.column_stack([np.eye(2) * scale, centre * (1 - scale) + shift])
    return cv2.warpAffine(mask, matrix, (mask.shape[1], mask.shape[0])).astype(np.uint8, copy=False)


def subject_coverage(mesh: Mesh, view: View) -> UInt8:
    """The mesh's silhouette in the view, uint8[H, W], 0 to 255: how much of each pixel it covers."""
    height, width = view.height * SUPERSAMPLING, view.width * SUPERSAMPLING
    points = np.column_stack([mesh.vertices.astype(np.float64), np.ones(len(mesh.vertices))]) @ view.world_to_clip.T
    ahead = points[:, 3] > 1e-9
    plane = points[:, :2] / np.where(ahead, points[:, 3], 1)[:, None]
    # OpenCV's pixel centres lie on whole numbers; 8 fractional bits keep the outline sub-pixel.
    pixels = np.column_stack([(plane[:, 0] + 1) / 2 * width - 0.5, (1 - plane[:, 1]) / 2 * height - 0.5])
    near = np.abs(pixels).max(1) < 2**20  # Beyond, OpenCV's integers would overflow.
    fixed = np.round(np.where((ahead & near)[:, None], pixels, 0) * 256).astype(np.int32)
    canvas = np.zeros((height, width), np.uint8)
    for triangle in fixed[mesh.triangles[(ahead & near)[mesh.triangles].all(1)]]:
        cv2.fillConvexPoly(canvas, triangle, (255,), lineType=cv2.LINE_8, shift=8)
    return cv2.resize(canvas, (view.width, view.height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _area_and_centre(mask: UInt8) -> tuple[float, Float64]:
    weight = mask.astype(np.float64)
    area = float(weight.sum())
    if area == 0:
        return 1e-9, np.array([mask.shape[1] / 2, mask.shape[0] / 2])
    x = (weight.sum(0) @ np.arange(mask.shape[1])) / area
    y = (weight.sum(1) @ np.arange(mask.shape[0])) / area
    return area, np.array([x, y])


def _words(percent: Float64) -> str:
    """A shift in % of the picture's width and height, in words."""
    right, down = (round(float(value)) for value in percent)
    sides = [f"{abs(right)} % of the picture to the {'right' if right > 0 else 'left'}" if right else "", f"{abs(down)} % {'lower' if down > 0 else 'higher'}" if down else ""]
    return " and ".join(filter(None, sides)) or "in place"
