"""A picture of the subject from the camera, for the video generator and for the check of the video's first frame.

It is taken in a scene of its own that exists only meanwhile and holds the subject, the lights and the camera: the user's scene,
its render settings and its other objects are not touched, and alpha is the subject's silhouette. Cycles on the CPU, because it
needs no OpenGL: EEVEE and Workbench end the whole process where there is none.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from ..core.errors import EngineError
from . import compat
from .datablocks import CameraObject, Scene
from .subject import Subject

LONGER_SIDE = 512
SAMPLES = 8
BOUNCES = 2
RENDER_RESULT = "Render Result"
"""Blender's image of the last rendering."""


def render_view(scene: Scene, camera: CameraObject, subject: Subject, target: Path, *, longer_side: int = LONGER_SIDE, samples: int = SAMPLES) -> None:
    """Render the subject at the scene's current frame into the PNG file `target`, RGBA, at most `longer_side` pixels wide and high.

    Raises EngineError where Blender could not write the picture.
    """
    with _stage(scene, camera, subject, longer_side, samples) as stage, _own_result():
        stage.render.filepath = str(target)
        target.unlink(missing_ok=True)
        try:
            bpy.ops.render.render(write_still=True, scene=stage.name)
        except RuntimeError as error:
            raise EngineError(f"Blender could not render the view ({str(error).strip()}).", "Check the free disk space.") from error
    if not target.is_file():
        raise EngineError(f"Blender could not write the view to {target}.", "Check the folder's permissions and the free disk space.")


@contextmanager
def _stage(scene: Scene, camera: CameraObject, subject: Subject, longer_side: int, samples: int) -> Iterator[Scene]:
    stage = bpy.data.scenes.new("AnimaMimic View")
    try:
        stage.world, stage.camera = scene.world, camera
        for one in {camera, *subject.meshes, *_lights(scene)}:
            stage.collection.objects.link(one)
        _look_alike(stage, scene, longer_side)
        _render_fast(stage, samples)
        stage.frame_set(scene.frame_current, subframe=scene.frame_subframe)
        yield stage
    finally:
        bpy.data.scenes.remove(stage)


@contextmanager
def _own_result() -> Iterator[None]:
    """Keep the user's last rendering: ours goes into the last of Blender's render slots, and leaves no image where there was none."""
    image: Any = bpy.data.images.get(RENDER_RESULT)
    before = image.render_slots.active_index if image is not None else 0
    if image is not None:
        image.render_slots.active_index = len(image.render_slots) - 1
    try:
        yield
    finally:
        if image is not None:
            image.render_slots.active_index = before
        elif RENDER_RESULT in bpy.data.images:
            bpy.data.images.remove(bpy.data.images[RENDER_RESULT])


def _lights(scene: Scene) -> list[bpy.types.Object]:
    return [one for one in scene.objects if one.type == "LIGHT" and not one.hide_render]


def _look_alike(stage: Scene, scene: Scene, longer_side: int) -> None:
    """The same picture and colours, smaller."""
    render, own = stage.render, scene.render
    sides = [side * own.resolution_percentage / 100 for side in (own.resolution_x, own.resolution_y)]
    scale = min(1.0, longer_side / max(sides))
    render.resolution_x, render.resolution_y = (max(4, round(side * scale)) for side in sides)
    render.resolution_percentage = 100
    render.pixel_aspect_x, render.pixel_aspect_y = own.pixel_aspect_x, own.pixel_aspect_y
    render.fps, render.fps_base = own.fps, own.fps_base
    stage.display_settings.display_device = scene.display_settings.display_device
    for name in ("view_transform", "look", "exposure", "gamma"):
        setattr(stage.view_settings, name, getattr(scene.view_settings, name))


def _render_fast(stage: Scene, samples: int) -> None:
    render: Any = stage.render
    render.film_transparent = True
    compat.write_png(render)
    try:
        render.engine = "CYCLES"
    except TypeError:  # the user has switched Cycles off; the default engine has to do
        return
    cycles: Any = getattr(stage, "cycles")  # noqa: B009  registered by the Cycles add-on, unknown to the type stubs
    cycles.device = "CPU"
    cycles.samples, cycles.use_denoising, cycles.max_bounces = samples, False, BOUNCES
