"""The driving video: generate it, save what another service needs to make it, take one that was dropped onto the viewport."""

from pathlib import Path
from typing import Any

import bpy

from ..animamimic_addon.candidates import contact_sheet, pick
from ..animamimic_addon.capture import capture_generation
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.generated import bake_generation
from ..animamimic_addon.properties import path_property
from ..animamimic_addon.registration import registering
from ..animamimic_addon.start_picture import save_start_picture
from ..animamimic_addon.work import Made, Work
from .at_once import AtOnce, WhileIdle
from .run import EngineRun, run_annotations

VIDEO_SUFFIXES = ".mp4;.mov;.webm;.mkv;.avi;.gif"


class ANIMAMIMIC_OT_generate_video(EngineRun, bpy.types.Operator):
    """Make driving videos from a picture of the subject and the prompt"""

    bl_idname = "animamimic.generate_video"
    bl_label = "Generate Video"
    __annotations__ = run_annotations()
    work = Work(capture_generation, bake_generation)

    def summary(self, made: Made) -> str:
        """How many, and where."""
        return f"Made {len(made.report['videos'])} driving video(s); number {made.report['picked']} is chosen"


class ANIMAMIMIC_OT_use_video(AtOnce, bpy.types.Operator):
    """Make a file the driving video: one that was dropped onto the viewport, or another of the generated ones"""

    bl_idname = "animamimic.use_video"
    bl_label = "Use as Driving Video"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, context: Context) -> str:
        """Choose it."""
        given: Any = self
        pick(context, Path(bpy.path.abspath(given.filepath)))
        return ""


ANIMAMIMIC_OT_use_video.__annotations__ = {"filepath": path_property("Video", "The video to take")}


class ANIMAMIMIC_OT_open_contact_sheet(AtOnce, bpy.types.Operator):
    """Show some frames of every candidate side by side"""

    bl_idname = "animamimic.open_contact_sheet"
    bl_label = "Open Contact Sheet"

    def act(self, context: Context) -> str:
        """Open it in the system's viewer."""
        wm: Any = bpy.ops.wm
        wm.path_open(filepath=str(contact_sheet(context)))
        return ""


class ANIMAMIMIC_FH_video(bpy.types.FileHandler):
    """Videos dropped onto the 3D viewport become the driving video"""

    bl_idname = "ANIMAMIMIC_FH_video"
    bl_label = "AnimaMimic Driving Video"
    bl_import_operator = "animamimic.use_video"
    bl_file_extensions = VIDEO_SUFFIXES

    @classmethod
    def poll_drop(cls, context: Context) -> bool:
        """Only onto the viewport."""
        return context.area is not None and context.area.type == "VIEW_3D"


class ANIMAMIMIC_OT_save_start_picture(WhileIdle, bpy.types.Operator):
    """Save the picture that a video has to start with and the prompt, for use with any service"""

    bl_idname = "animamimic.save_start_picture"
    bl_label = "Save Start Picture"

    def act(self, context: Context) -> str:
        """Write picture and text."""
        given: Any = self
        text = save_start_picture(context, Path(bpy.path.abspath(given.filepath)).expanduser())
        return f"Saved {given.filepath} and {text.name}"

    def invoke(self, context: Context, event: bpy.types.Event) -> set[Any]:
        """Ask where to."""
        given: Any = self
        given.filepath = given.filepath or "start.png"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


ANIMAMIMIC_OT_save_start_picture.__annotations__ = {"filepath": path_property("Picture", "The PNG file to write; the prompt goes beside it")}

register, unregister = registering(
    ANIMAMIMIC_OT_generate_video, ANIMAMIMIC_OT_use_video, ANIMAMIMIC_OT_open_contact_sheet, ANIMAMIMIC_OT_save_start_picture, ANIMAMIMIC_FH_video
)
