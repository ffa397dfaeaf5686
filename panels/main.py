"""The panel one works with: what is animated, by which video, the button, how far it is, what was made."""

from typing import Any

import bpy

from ..animamimic_addon import live_preview, readiness, session, status
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.registration import registering
from ..animamimic_addon.translations import sentence
from ..operators.animate import ANIMAMIMIC_OT_animate_from_video
from ..operators.presets import PRESET_TITLES
from .engine import draw_engine
from .fields import Fields
from .outcome import draw_outcome
from .text import draw_text, icon_beside, icon_scale, share

INPUTS = ("video", "camera", "rig", "frame_start", "frame_end", "tissue")
"""Settings that this panel shows; the others are in the sub-panels."""

LABELS = {"video": "Video", "frame_start": "Frame Start"}
"""Shorter or clearer here than in the settings' own names."""


class ANIMAMIMIC_PT_main(bpy.types.Panel):
    """Animate the selected subject from a video"""

    bl_idname = "ANIMAMIMIC_PT_main"
    bl_label = "AnimaMimic"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "AnimaMimic"

    def draw(self, context: Context) -> None:
        """Blender calls this for every redraw."""
        draw_engine(self.layout, context)
        _draw_inputs(self.layout, context)
        run = session.current()
        if run is not None:
            _draw_run(self.layout, context, run)
            return
        _draw_button(self.layout, context)
        draw_outcome(self.layout, context)


def _draw_inputs(layout: Any, context: Context) -> None:
    column = layout.column()
    column.enabled = session.current() is None
    fields = Fields.of(context, INPUTS, LABELS)
    fields.place(column, sentence("Subject")).label(text=readiness.subject_text(context), icon="OUTLINER_OB_MESH", translate=False)
    fields.draw(column, "video")
    if not context.scene.animamimic.video:
        column.operator("animamimic.load_sample", icon="OUTLINER_OB_MESH")
    fields.draw(column, "camera")
    if readiness.lacks_camera(context):
        column.operator("animamimic.frame_subject", icon="CAMERA_DATA")
    fields.draw(column, "rig")
    frames = column.column(align=True)
    fields.draw(frames, "frame_start")
    fields.draw(frames, "frame_end")
    fields.draw(column, "tissue")


def _draw_button(layout: Any, context: Context) -> None:
    across = max(share(context, sentence(title)) for title in PRESET_TITLES.values()) <= 1 / len(PRESET_TITLES)
    presets = layout.row(align=True) if across else layout.column(align=True)
    for name, title in PRESET_TITLES.items():
        presets.operator("animamimic.use_preset", text=title).preset = name
    obstacle = readiness.obstacle(context)
    row = layout.row()
    row.scale_y = 1.8
    row.enabled = not obstacle
    row.operator_context = "INVOKE_DEFAULT"
    row.operator("animamimic.animate_from_video", icon=icon_beside(context, ANIMAMIMIC_OT_animate_from_video.bl_label, "PLAY"))
    alone = layout.row()
    alone.operator_context = "INVOKE_DEFAULT"
    alone.operator("animamimic.auto_rig", icon="ARMATURE_DATA")
    if obstacle and obstacle != readiness.lacks_engine():  # which is told above
        draw_text(layout.column(align=True), context, obstacle, "INFO")


def _draw_run(layout: Any, context: Context, run: session.Run) -> None:
    column = layout.column(align=True)
    draw_text(column, context, sentence(run.stage))
    column.progress(factor=run.fraction, text=status.progress(run.fraction, run.seconds_left))
    if run.text:
        draw_text(column, context, run.text)
    ends = layout.column(align=True)  # both always there, so that no button moves away under the pointer
    ends.scale_y = 1.4
    ends.operator("animamimic.cancel", icon="CANCEL")
    ends.operator("animamimic.stop_and_keep", icon="SNAP_FACE")
    picture = live_preview.icon(run.folder)
    if picture:
        layout.template_icon(icon_value=picture, scale=icon_scale(context))


register, unregister = registering(ANIMAMIMIC_PT_main)
