"""A contact sheet of skeletons inside their meshes: ours above, the author's below, from the side and from in front."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

SIDE = 200
"""Pixels of one picture."""

VIEWS = ((1, 2, 0, 1.0), (0, 2, 1, -1.0))
"""Axes to the right, upwards and towards the eye, and the sign of the last: from the left and from in front."""

LINE, JOINT = (40, 40, 210), (30, 90, 30)
"""Blue, green, red."""

COLUMNS = 4


def write_sheet(path: Path, drawn: Sequence[tuple[str, object, Sequence[object]]]) -> None:
    """Write the sheet. drawn: for each subject its name, its mesh, and the skeletons (with `heads` and `tails`) one below the other."""
    tiles = [_subject(*one) for one in drawn]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[first : first + COLUMNS]) for first in range(0, len(tiles), COLUMNS)]
    cv2.imwrite(str(path), np.vstack(rows), [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _subject(name: str, mesh, skeletons) -> np.ndarray:
    rows = [np.hstack([_picture(mesh, skeleton, *view) for view in VIEWS]) for skeleton in skeletons]
    tile = np.vstack(rows)
    cv2.putText(tile, name, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return cv2.copyMakeBorder(tile, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(200, 200, 200))


def _picture(mesh, skeleton, right: int, up: int, eye: int, sign: float) -> np.ndarray:
    """uint8[SIDE, SIDE, 3]: the mesh in grey, far triangles first, and the bones over it."""
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    scale = 0.88 * SIDE / float((high - low).max())

    def pixels(points):
        flat = (points - (low + high) / 2)[..., [right, up]] * scale
        return np.rint(np.stack([SIDE / 2 + flat[..., 0], SIDE / 2 - flat[..., 1]], -1)).astype(np.int32)

    corners = mesh.vertices[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = np.abs(normals[:, eye]) / np.maximum(np.linalg.norm(normals, axis=1), 1e-12)
    picture = np.full((SIDE, SIDE, 3), 255, np.uint8)
    flat = pixels(corners)
    for triangle in np.argsort(sign * corners[:, :, eye].mean(1)):
        cv2.fillConvexPoly(picture, flat[triangle], [int(170 + 60 * facing[triangle])] * 3)
    for head, tail in zip(pixels(skeleton.heads), pixels(skeleton.tails), strict=True):
        cv2.line(picture, head.tolist(), tail.tolist(), LINE, 1, cv2.LINE_AA)
        cv2.circle(picture, head.tolist(), 2, JOINT, -1, cv2.LINE_AA)
    return picture
