"""The picture and the words that any video service can start from."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..core.errors import EngineError, InputError
from ..core.files import write_text
from ..core.prompts import full_negative, full_prompt
from .capture import START_PICTURE
from .datablocks import Context
from .readiness import chosen_subject
from .scene_state import at_frame, in_object_mode
from .view_render import render_view


def save_start_picture(context: Context, picture: Path) -> Path:
    """Render the subject at the start frame on white into `picture`, and write the prompt beside it; returns the text's file.

    Raises InputError where there is nothing to render or no place for it, EngineError where it cannot be written.
    """
    scene: Any = context.scene
    settings = scene.animamimic
    if scene.camera is None:
        raise InputError("The scene has no camera.", "Press Frame Subject, or add one.")
    if not picture.parent.is_dir():
        raise InputError(f"There is no folder {picture.parent}.", "Make it, or save the picture elsewhere.")
    subject = chosen_subject(context)
    picture = picture.with_suffix(".png")
    with in_object_mode(context), at_frame(scene, settings.frame_start or scene.frame_start):
        render_view(scene, scene.camera, subject, picture, **START_PICTURE)
    _put_on_white(picture)
    text = picture.with_suffix(".txt")
    try:
        write_text(text, _words(settings))
    except OSError as error:
        raise EngineError(f"The prompt cannot be written to {text} ({error.strerror}).", "Check the folder's permissions.") from error
    return text


def _words(settings: Any) -> str:
    helped = not settings.plain_prompt
    return f"Prompt:\n{full_prompt(settings.prompt, helped)}\n\nNegative prompt:\n{full_negative(settings.negative_prompt, helped)}\n"


def _put_on_white(picture: Path) -> None:
    """Services take transparency for black."""
    image = bpy.data.images.load(str(picture))
    try:
        pixels = np.empty(len(image.pixels), np.float32)  # type: ignore[arg-type]
        image.pixels.foreach_get(pixels)  # type: ignore[attr-defined]
        rgba = pixels.reshape(-1, 4)
        rgba[:, :3] = rgba[:, :3] * rgba[:, 3:] + (1.0 - rgba[:, 3:])
        rgba[:, 3] = 1.0
        image.pixels.foreach_set(pixels)  # type: ignore[attr-defined]
        image.save()
    finally:
        bpy.data.images.remove(image)
