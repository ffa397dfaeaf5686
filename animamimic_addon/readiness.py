"""Whether the scene's settings can be run as they stand, in words for the panel. Looks at names and files only: it is asked
for every redraw."""

from pathlib import Path
from typing import Any

import bpy

from ..core.errors import AnimaMimicError
from . import preferences
from .datablocks import Context
from .subject import Subject, subject_of, with_kept_rig
from .translations import sentence


def chosen_subject(context: Context) -> Subject:
    """The subject that the active view layer's selection means. Raises InputError where there is none."""
    objects = context.view_layer.objects  # context.selected_objects is missing where no window is in the context
    return subject_of(objects.active, objects.selected)


def subject_text(context: Context) -> str:
    """What would be animated."""
    try:
        subject = chosen_subject(context)
    except AnimaMimicError:
        return sentence("None")
    if len(subject.meshes) == 1 and subject.armature is None:
        return subject.name
    if len(subject.meshes) == 1:
        return sentence("{name} (1 mesh)", name=subject.name)
    return sentence("{name} ({count} meshes)", name=subject.name, count=len(subject.meshes))


def lacks_camera(context: Context) -> bool:
    """Whether the settings want the scene's camera and it has none."""
    return context.scene.animamimic.camera == "SCENE" and context.scene.camera is None


def lacks_engine() -> str:
    """Why there is no Python for the engine, '' where there is one."""
    try:
        preferences.engine_python()
    except AnimaMimicError as error:
        return str(error)
    return ""


def obstacle(context: Context) -> str:
    """What must be done before the button can be pressed, '' where nothing."""
    settings: Any = context.scene.animamimic
    try:
        subject = chosen_subject(context)
        if settings.rig == "KEEP":
            with_kept_rig(subject)
    except AnimaMimicError as error:
        return str(error)
    if not settings.video and not settings.prompt:
        return "Choose a driving video, or write a prompt."
    if settings.video and not Path(bpy.path.abspath(settings.video)).expanduser().exists():
        return "The driving video is not there any more. Choose it again."
    if lacks_camera(context):
        return "The scene has no camera. Press Frame Subject, or set Camera to Frame the Subject."
    return lacks_engine()

