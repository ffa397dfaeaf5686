"""The sample that comes with the extension: a subject with its driving video, in a scene of its own."""

from pathlib import Path
from typing import Any

import bpy

from ..core.errors import EngineError
from .datablocks import Context, Scene

FOLDER = Path(__file__).resolve().parent.parent / "samples" / "fish"
SCENE_NAME = "AnimaMimic Sample"
SUBJECT = "Fish"


def load(context: Context) -> Scene:
    """Add the sample's scene to the file and show it, ready for the button; the user's scenes stay. Returns it."""
    blend = FOLDER / "fish.blend"
    libraries: Any = bpy.data.libraries
    try:
        with libraries.load(str(blend), link=False) as (there, here):
            here.scenes = there.scenes[:1]
    except OSError as error:
        raise EngineError(f"The sample {blend} cannot be read.", "Install the extension again.") from error
    scene: Scene = here.scenes[0]
    scene.name = SCENE_NAME
    scene.animamimic.video = str(FOLDER / "driving.mp4")
    if context.window is not None:
        context.window.scene = scene
        _select(scene)
        _look_through_camera(context)
    return scene


def _select(scene: Scene) -> None:
    subject = next(one for one in scene.objects if one.name.startswith(SUBJECT))
    layer = scene.view_layers[0]
    for one in layer.objects:
        one.select_set(one == subject, view_layer=layer)
    layer.objects.active = subject


def _look_through_camera(context: Context) -> None:
    for area in context.window.screen.areas:
        if area.type == "VIEW_3D":
            area.spaces.active.region_3d.view_perspective = "CAMERA"
