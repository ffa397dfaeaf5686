"""The driving video behind the camera, as a background image of it: every frame where the engine put it."""

from pathlib import Path
from typing import Any

import bpy

from ..core.errors import InputError
from . import results
from .datablocks import Context

OPACITY = 0.5
FOREVER = 1048574
"""Blender's last frame: a sequence shorter than this shows nothing after its end."""


def toggle(context: Context) -> bool:
    """Put the video of the scene's settings before the scene's camera, or take it away where it is; returns whether it is there now.

    Raises InputError where there is no camera or no video.
    """
    camera = context.scene.camera
    if camera is None or camera.type != "CAMERA":
        raise InputError("The scene has no camera.", "Press Frame Subject, or add one.")
    ours = [one for one in camera.data.background_images if results.is_ours(one.image)]
    if ours:
        _remove(camera.data, ours)
        return False
    _add(context, camera.data)
    return True


def _add(context: Context, data: Any) -> None:
    settings = context.scene.animamimic
    video = Path(bpy.path.abspath(settings.video)).expanduser()
    if not settings.video or not video.is_file():
        raise InputError("No driving video is chosen that could be shown.", "Choose one.")
    image = bpy.data.images.load(str(video))
    if image.source == "FILE":
        image.source = "SEQUENCE"
    results.mark(image, "overlay")
    background = data.background_images.new()
    background.image, background.alpha, background.display_depth, background.frame_method = image, OPACITY, "FRONT", "CROP"
    user = background.image_user
    user.frame_start = settings.frame_start or context.scene.frame_start
    user.frame_duration = image.frame_duration if image.source == "MOVIE" else FOREVER
    data.show_background_images = True


def _remove(data: Any, ours: list[Any]) -> None:
    for one in ours:
        image = one.image
        data.background_images.remove(one)
        if image.users <= 1:  # Blender counts the loading itself
            results.discard(image)
