"""A picture series of one clip: truth, bones alone, bones with flesh.

    python benchmarks/soft_pictures.py JOB TRUTH.npz OUT.png [--material FAT] [--frames 8 14 20 26]

JOB: a job folder with a result of the engine, on the author's rig. TRUTH.npz: the vertices of the clip (see `shared/cases`).
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from animamimic.core import job
from animamimic.core.fit import skin
from animamimic.core.render import interpolate, rasterize
from animamimic.core.settings import TissueSettings
from animamimic.core.tissue import soft_body, start_parameters
from animamimic.core.tissue.cage_motion import move_cage
from animamimic.core.types import Mesh, View

SIDE = 220
LIGHT = np.array([0.3, -0.5, 0.8])


def main() -> int:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--material", default="FAT")
    parser.add_argument("--frames", type=int, nargs="+", default=[8, 14, 20, 26])
    options = parser.parse_args()
    torch.set_num_threads(1)
    request, result = job.read_request(options.job), job.read_result(options.job)
    bones = skin(result.rig, result.motion, options.frames)
    soft = bones + flesh(request, result, options.material)[options.frames]
    rows = [np.load(options.truth)["vertices"][options.frames], bones, soft.astype(np.float32)]
    view = request.needed_view().resized(SIDE)
    picture = np.vstack([np.hstack([draw(request.mesh, view, one) for one in row]) for row in rows])
    cv2.imwrite(str(options.out), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return 0


def flesh(request: job.Request, result: job.Result, material: str) -> np.ndarray:
    """float64[T, V, 3]: what a preset's flesh adds to the bones' motion."""
    settings = TissueSettings(tissue="PHYSICS", material=material)
    body = soft_body(request.mesh, result.rig, result.motion, request.fps, settings)
    return body.recipe.cage.at_vertices(move_cage(body.motion, body.recipe.material(start_parameters(settings))).offsets)


def draw(mesh: Mesh, view: View, vertices: np.ndarray) -> np.ndarray:
    """uint8[SIDE, SIDE, 3]: the surface in grey, lit from above."""
    triangles = torch.as_tensor(mesh.triangles)
    corners = vertices[mesh.triangles].astype(np.float64)
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices, np.float64)
    np.add.at(normals, mesh.triangles, np.repeat(facing[:, None], 3, axis=1))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    shade = np.repeat((0.35 + 0.5 * np.clip(normals @ (LIGHT / np.linalg.norm(LIGHT)), -0.4, 1.0))[:, None], 3, axis=1)
    clip = torch.nn.functional.pad(torch.as_tensor(vertices[None], dtype=torch.float32), (0, 1), value=1.0) @ torch.as_tensor(view.world_to_clip, dtype=torch.float32).T
    raster = rasterize(clip, triangles, view.height, view.width)
    drawn = interpolate(torch.as_tensor(shade, dtype=torch.float32), raster, triangles)[0].numpy()
    covered = raster.covered[0].numpy()[..., None]
    return (np.where(covered, drawn, 1.0) * 255 + 0.5).astype(np.uint8)


if __name__ == "__main__":
    sys.exit(main())
