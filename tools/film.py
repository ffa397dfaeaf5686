"""Render a result for the comparison film: `python tools/film.py RESULT.blend OBJECT FOLDER [--size N] [--samples N]`.

Runs in a Python with bpy. Writes FOLDER/front/0000.png ... from the scene's camera and FOLDER/side/0000.png ... from the same
camera carried a quarter turn around the subject, on white.
"""

import argparse
import math
import os
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

QUARTER_TURN = math.radians(90)


def main() -> None:
    """Render both views of every frame of the scene's range."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("object")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--samples", type=int, default=8)
    options = parser.parse_args()
    bpy.ops.wm.open_mainfile(filepath=str(options.result.resolve()))
    scene = bpy.context.scene
    prepare(scene, options.size, options.samples)
    side = side_camera(scene, scene.objects[options.object])
    for name, camera in (("front", scene.camera), ("side", side)):
        scene.camera = camera
        for index, frame in enumerate(range(scene.frame_start, scene.frame_end + 1)):
            scene.frame_set(frame)
            scene.render.filepath = str(options.folder.resolve() / name / f"{index:04d}.png")
            bpy.ops.render.render(write_still=True)


def prepare(scene: bpy.types.Scene, size: int, samples: int) -> None:
    """Cycles, which needs no display, at the picture's own aspect with its longer side `size` pixels."""
    render = scene.render
    scale = size / max(render.resolution_x, render.resolution_y)
    render.resolution_x, render.resolution_y = (round(side * scale) for side in (render.resolution_x, render.resolution_y))
    render.resolution_percentage = 100
    render.engine = "CYCLES"
    render.use_persistent_data = True
    render.film_transparent = True
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGBA"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = False
    scene.cycles.max_bounces = 2


def side_camera(scene: bpy.types.Scene, subject: bpy.types.Object) -> bpy.types.Object:
    """A copy of the scene's camera, turned around the subject's centre about the axis that is up in the picture."""
    camera = scene.camera
    corners = np.array([subject.matrix_world @ Vector(corner) for corner in subject.bound_box])
    centre = Vector(corners.mean(axis=0))
    up = camera.matrix_world.to_3x3() @ Vector((0, 1, 0))
    turn = Matrix.Translation(centre) @ Matrix.Rotation(QUARTER_TURN, 4, up) @ Matrix.Translation(-centre)
    side = camera.copy()
    scene.collection.objects.link(side)
    side.matrix_world = turn @ camera.matrix_world
    return side


if __name__ == "__main__":
    main()
    os._exit(0)  # some versions of bpy crash or hang at a normal exit
