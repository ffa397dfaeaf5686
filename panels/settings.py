"""The sub-panels: every declared setting that the main panel does not show, stage by stage."""

from typing import Any

import bpy

from ..animamimic_addon import properties, session
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.registration import registering
from .candidates import draw_candidates
from .fields import Fields
from .main import INPUTS

ADVANCED = (
    *("negative_prompt", "plain_prompt", "steps", "guidance", "quantize"),
    *("max_influences", "unirig", "unirig_python", "flow", "flow_weights", "seed", "tissue_size", "threads", "memory_limit"),
)
"""Settings that few need: in a sub-panel of their own instead of their stage's."""


class _StagePanel:
    """A sub-panel for the settings of some stages."""

    bl_space_type: Any = "VIEW_3D"
    bl_region_type: Any = "UI"
    bl_category = "AnimaMimic"
    bl_parent_id = "ANIMAMIMIC_PT_main"
    bl_options: Any = {"DEFAULT_CLOSED"}
    layout: Any
    stages: tuple[str, ...] = ()
    buttons: tuple[str, ...] = ()

    def draw(self, context: Context) -> None:
        """Blender calls this for every redraw."""
        column = self.layout.column()
        column.enabled = session.current() is None
        fields = Fields.of(context, self.names(), {})
        for name in self.names():
            fields.draw(column, name)
        column.operator_context = "INVOKE_DEFAULT"
        for operator in self.buttons:
            column.operator(operator)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The settings that it shows."""
        return tuple(name for stage in cls.stages for name in properties.names_of(stage) if name not in INPUTS and name not in ADVANCED)


class ANIMAMIMIC_PT_video(_StagePanel, bpy.types.Panel):
    """How the driving video is made and read"""

    bl_idname = "ANIMAMIMIC_PT_video"
    bl_label = "Video"
    stages = ("video", "generate")
    buttons = ("animamimic.generate_video", "animamimic.save_start_picture", "animamimic.overlay_video")

    def draw(self, context: Context) -> None:
        """The settings, the buttons, and the candidates to choose from."""
        _StagePanel.draw(self, context)
        column = self.layout.column()
        column.enabled = session.current() is None
        draw_candidates(column, context)


class ANIMAMIMIC_PT_rig(_StagePanel, bpy.types.Panel):
    """How the new armature is made"""

    bl_idname = "ANIMAMIMIC_PT_rig"
    bl_label = "Rig"
    stages = ("rig",)


class ANIMAMIMIC_PT_motion(_StagePanel, bpy.types.Panel):
    """How the motion is found and written"""

    bl_idname = "ANIMAMIMIC_PT_motion"
    bl_label = "Motion"
    stages = ("fit", "curves")


class ANIMAMIMIC_PT_tissue(_StagePanel, bpy.types.Panel):
    """How the flesh follows the bones"""

    bl_idname = "ANIMAMIMIC_PT_tissue"
    bl_label = "Soft Tissue"
    stages = ("tissue",)


class ANIMAMIMIC_PT_residual(_StagePanel, bpy.types.Panel):
    """How the surface follows a video beyond the bones"""

    bl_idname = "ANIMAMIMIC_PT_residual"
    bl_label = "Beyond the Bones"
    bl_parent_id = "ANIMAMIMIC_PT_tissue"
    stages = ("residual",)


class ANIMAMIMIC_PT_restore(_StagePanel, bpy.types.Panel):
    """How a video model restores what the bones leave out, also of a character that is animated already"""

    bl_idname = "ANIMAMIMIC_PT_restore"
    bl_label = "Restoration"
    bl_parent_id = "ANIMAMIMIC_PT_tissue"
    stages = ("restore",)
    buttons = ("animamimic.restore_motion",)


class ANIMAMIMIC_PT_advanced(_StagePanel, bpy.types.Panel):
    """Settings that few need, and how much of the machine a run may use"""

    bl_idname = "ANIMAMIMIC_PT_advanced"
    bl_label = "Advanced"

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Those that no other sub-panel shows."""
        return ADVANCED


PANELS = (
    ANIMAMIMIC_PT_video,
    ANIMAMIMIC_PT_rig,
    ANIMAMIMIC_PT_motion,
    ANIMAMIMIC_PT_tissue,
    ANIMAMIMIC_PT_residual,
    ANIMAMIMIC_PT_restore,
    ANIMAMIMIC_PT_advanced,
)

register, unregister = registering(*PANELS)
