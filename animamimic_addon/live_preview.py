"""The engine's picture of the fit at work, as an icon for the panel: no datablock, no undo step, a few milliseconds of the main thread."""

from pathlib import Path
from typing import Any

import bpy.utils.previews
import numpy as np

from ..core import job
from ..core.types import UInt8

NAME = "fit"

_icons: Any = None
"""Blender's collection that holds the picture, from `register` to `unregister`."""

_seen: dict[str, Any] = {"folder": None, "written": 0}
"""The job folder of the picture that is shown, and when it was written."""


def look(folder: Path) -> None:
    """Take in the picture that the engine has written into this job folder since the last call, if there is one."""
    try:
        written = (folder / job.PREVIEW_FILE).stat().st_mtime_ns
    except OSError:
        return
    if (folder, written) == (_seen["folder"], _seen["written"]):
        return
    picture = job.read_preview(folder)
    if picture is not None:
        _show(picture)
        _seen.update(folder=folder, written=written)


def icon(folder: Path) -> int:
    """The icon with the last picture from this job folder, 0 where there is none."""
    return _icons[NAME].icon_id if _seen["folder"] == folder and NAME in _icons else 0


def _show(picture: UInt8) -> None:
    """picture: uint8[H, W, 3], row 0 on top; Blender's begins below."""
    height, width = picture.shape[:2]
    pixels = np.full((height, width, 4), 255, np.uint8)
    pixels[..., :3] = picture[::-1]
    shown = _icons[NAME] if NAME in _icons else _icons.new(NAME)
    shown.image_size = (width, height)
    shown.image_pixels.foreach_set(pixels.view(np.int32).ravel())


def register() -> None:
    """Make room for the picture."""
    global _icons
    _icons = bpy.utils.previews.new()


def unregister() -> None:
    """Give it back."""
    bpy.utils.previews.remove(_icons)
    _seen.update(folder=None, written=0)
