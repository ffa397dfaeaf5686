"""The candidates that the driving video was chosen from, each with its picture as an icon for the panel."""

from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews

from ..core.candidate_files import SHEET_FILE, candidates_with, still_of
from ..core.errors import InputError
from .datablocks import Context

_icons: Any = None
"""Blender's collection of their pictures, from `register` to `unregister`."""


def candidates(context: Context) -> tuple[Path, ...]:
    """The candidates made together with the scene's driving video, in order; none where it is no generated one."""
    return candidates_with(chosen(context))


def chosen(context: Context) -> Path:
    """The scene's driving video."""
    settings: Any = context.scene.animamimic
    return Path(bpy.path.abspath(settings.video))


def pick(context: Context, video: Path) -> None:
    """Make a file the driving video; a generated one keeps its speed. Raises InputError where it is not there."""
    if not video.is_file():
        raise InputError(f"The video {video} is not there.", "Generate it again.")
    settings: Any = context.scene.animamimic
    settings.video = str(video)
    if candidates_with(video):
        settings.timing = "MATCH_FPS"


def contact_sheet(context: Context) -> Path:
    """Some frames of every candidate in one picture. Raises InputError where the driving video is no generated one."""
    if not candidates(context):
        raise InputError("The driving video is none of several that were generated.", "Generate some, or choose one of them.")
    return chosen(context).parent / SHEET_FILE


def icon(video: Path) -> int:
    """The icon with a candidate's picture, 0 where it has none."""
    still, name = still_of(video), str(video)
    if name not in _icons:
        if not still.is_file():
            return 0
        _icons.load(name, str(still), "IMAGE")
    return int(_icons[name].icon_id)


def register() -> None:
    """Make room for the pictures."""
    global _icons
    _icons = bpy.utils.previews.new()


def unregister() -> None:
    """Give it back."""
    bpy.utils.previews.remove(_icons)
