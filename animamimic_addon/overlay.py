"""The driving video before the camera, as a background image of it: every frame where the engine put it."""

from pathlib import Path
from typing import Any

import bpy

from ..core.errors import InputError
from . import compat, results
from .datablocks import Context, Scene

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
    if image.source == "MOVIE" and settings.timing == "MATCH_FPS":
        user.frame_duration = FOREVER  # counted in the scene's frames
        _retime(context.scene, data, user.frame_start, _frame_rate(video))


def _retime(scene: Scene, data: Any, start: int, fps: float) -> None:
    """Show the last background image at its own speed: a driver moves it on, to the video frame that the engine takes for each scene frame
    (see `core.video.timing.frame_choice`: the nearest in time, of two the earlier).
    """
    rate = fps * scene.render.fps_base / scene.render.fps
    driver = data.driver_add(_offset_path(len(data.background_images) - 1)).driver
    driver.expression = f"ceil((frame - {start}) * {rate:.9g} - 0.500001) - (frame - {start})"


def _frame_rate(video: Path) -> float:
    """Frames a second, as Blender reads them from the file."""
    clip = bpy.data.movieclips.load(str(video))
    try:
        return float(clip.fps)
    finally:
        results.discard(clip)


def _offset_path(number: int) -> str:
    return f"background_images[{number}].image_user.frame_offset"


def _remove(data: Any, ours: list[Any]) -> None:
    numbers = [number for number, one in enumerate(data.background_images) if one in ours]
    if data.animation_data is not None:
        for curve in [one for one in data.animation_data.drivers if one.data_path in map(_offset_path, numbers)]:
            data.animation_data.drivers.remove(curve)
        compat.drop_empty_animation(data)
    for one in ours:
        image = one.image
        data.background_images.remove(one)
        if image.users <= 1:  # Blender counts the loading itself
            results.discard(image)
