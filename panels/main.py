"""The panel one works with: what is animated, by which video, the button, how far it is, what was made."""

import textwrap
from typing import Any

import bpy

from ..animamimic_addon import ROOT_PACKAGE, readiness, session
from ..animamimic_addon.datablocks import Context

PIXELS_A_CHARACTER = 7.5
"""Rough width of a character at a UI scale of one."""


class ANIMAMIMIC_PT_main(bpy.types.Panel):
    """Animate the selected subject from a video"""

    bl_idname = "ANIMAMIMIC_PT_main"
    bl_label = "AnimaMimic"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "AnimaMimic"

    def draw(self, context: Context) -> None:
        """Blender calls this for every redraw."""
        _draw_inputs(self.layout, context)
        run = session.current()
        if run is not None:
            _draw_run(self.layout, run)
            return
        _draw_button(self.layout, context)
        _draw_outcome(self.layout, context)


def _draw_inputs(layout: Any, context: Context) -> None:
    settings = context.scene.animamimic
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.enabled = session.current() is None
    row = column.split(factor=0.4)
    label = row.row()
    label.alignment = "RIGHT"
    label.label(text="Subject")
    row.label(text=readiness.subject_text(context), icon="OUTLINER_OB_MESH")
    column.prop(settings, "video", text="Video")
    column.prop(settings, "camera")
    if readiness.lacks_camera(context):
        column.operator("animamimic.frame_subject", icon="CAMERA_DATA")
    column.prop(settings, "rig")
    frames = column.column(align=True)
    frames.prop(settings, "frame_start", text="Frame Start")
    frames.prop(settings, "frame_end")
    column.prop(settings, "tissue")


def _draw_button(layout: Any, context: Context) -> None:
    obstacle = readiness.obstacle(context)
    row = layout.row()
    row.scale_y = 1.8
    row.enabled = not obstacle
    row.operator_context = "INVOKE_DEFAULT"
    row.operator("animamimic.animate_from_video", icon="PLAY")
    if obstacle:
        _draw_text(layout.column(align=True), context, obstacle, "INFO")
    if readiness.lacks_engine():
        layout.operator("preferences.addon_show", text="Open Preferences", icon="PREFERENCES").module = ROOT_PACKAGE


def _draw_run(layout: Any, run: session.Run) -> None:
    column = layout.column(align=True)
    column.label(text=run.stage)
    left = f", {_duration(run.seconds_left)} left" if run.seconds_left is not None else ""
    column.progress(factor=run.fraction, text=f"{100 * run.fraction:.0f} %{left}")
    if run.text:
        column.label(text=run.text)
    row = layout.row()
    row.scale_y = 1.4
    row.operator("animamimic.cancel", icon="CANCEL")


def _draw_outcome(layout: Any, context: Context) -> None:
    error, made = session.last_error(), session.last_made()
    if error is not None:
        box = layout.box().column(align=True)
        _draw_text(box, context, str(error), "INFO" if session.was_cancelled() else "ERROR")
    elif made is not None and made.armature in context.scene.objects:
        _draw_made(layout.box(), context, made)
    if session.last_folder() is not None:
        layout.operator("animamimic.open_job_folder", icon="FILE_FOLDER")


def _draw_made(box: Any, context: Context, made: session.Made) -> None:
    rows = [("Action", made.action), ("Bones", str(made.bones)), ("Keys", str(made.keys)), ("Shape Keys", str(made.shape_keys))]
    if made.silhouette_iou is not None:
        rows.append(("Silhouette IoU", f"{made.silhouette_iou:.3f}"))
    column = box.column(align=True)
    for name, value in rows:
        split = column.split(factor=0.5)
        split.label(text=name)
        split.label(text=value)
    for warning in made.warnings:
        _draw_text(box.column(align=True), context, warning, "INFO")
    box.operator("animamimic.remove_result", icon="TRASH")


def _draw_text(column: Any, context: Context, text: str, icon: str) -> None:
    """Text over as many lines as the panel's width makes of it: labels do not wrap."""
    scale = context.preferences.system.ui_scale
    width = max(20, int((context.region.width / scale - 60) / PIXELS_A_CHARACTER))
    for number, line in enumerate(one for part in text.splitlines() for one in textwrap.wrap(part, width)):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def register() -> None:
    """Add it."""
    bpy.utils.register_class(ANIMAMIMIC_PT_main)


def unregister() -> None:
    """Take it away."""
    bpy.utils.unregister_class(ANIMAMIMIC_PT_main)
