"""The sub-panels: every declared setting that the main panel does not show, stage by stage."""

from typing import Any

import bpy

from ..animamimic_addon import properties, session
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.registration import registering

SHOWN_ABOVE = {"video", "camera", "rig", "frame_start", "frame_end", "tissue"}
"""Settings that the main panel shows."""


class _StagePanel:
    """A sub-panel for the settings of some stages."""

    bl_space_type: Any = "VIEW_3D"
    bl_region_type: Any = "UI"
    bl_category = "AnimaMimic"
    bl_parent_id = "ANIMAMIMIC_PT_main"
    bl_options: Any = {"DEFAULT_CLOSED"}
    layout: Any
    stages: tuple[str, ...]
    buttons: tuple[str, ...] = ()

    def draw(self, context: Context) -> None:
        """Blender calls this for every redraw."""
        settings = context.scene.animamimic
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.enabled = session.current() is None
        column.active = self.counts(settings)
        for stage in self.stages:
            for name in properties.names_of(stage):
                if name not in SHOWN_ABOVE:
                    column.prop(settings, name)
        for operator in self.buttons:
            column.operator(operator)

    def counts(self, settings: Any) -> bool:
        """Whether these settings make a difference as the others stand; greyed where not."""
        return True


class ANIMAMIMIC_PT_video(_StagePanel, bpy.types.Panel):
    """How the driving video is made and read"""

    bl_idname = "ANIMAMIMIC_PT_video"
    bl_label = "Video"
    stages = ("video", "generate")
    buttons = ("animamimic.generate_video", "animamimic.save_start_picture", "animamimic.overlay_video")


class ANIMAMIMIC_PT_rig(_StagePanel, bpy.types.Panel):
    """How the new armature is made"""

    bl_idname = "ANIMAMIMIC_PT_rig"
    bl_label = "Rig"
    stages = ("rig",)

    def counts(self, settings: Any) -> bool:
        """A kept rig stays as it is."""
        return settings.rig == "AUTO"


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

    def counts(self, settings: Any) -> bool:
        """Only where soft tissue is asked for."""
        return settings.tissue != "OFF"


class ANIMAMIMIC_PT_residual(_StagePanel, bpy.types.Panel):
    """How the surface follows a video beyond the bones"""

    bl_idname = "ANIMAMIMIC_PT_residual"
    bl_label = "Beyond the Bones"
    stages = ("residual",)

    def counts(self, settings: Any) -> bool:
        """Only where a video says what the flesh does."""
        return settings.tissue in {"RESIDUAL", "RESTORED"}


class ANIMAMIMIC_PT_restore(_StagePanel, bpy.types.Panel):
    """How a video model restores what the bones leave out"""

    bl_idname = "ANIMAMIMIC_PT_restore"
    bl_label = "Restoration"
    stages = ("restore",)

    def draw(self, context: Context) -> None:
        """The settings, and what a character that is animated already needs besides them."""
        _StagePanel.draw(self, context)
        column = self.layout.column()
        column.enabled = session.current() is None
        column.operator_context = "INVOKE_DEFAULT"
        column.operator("animamimic.restore_motion", icon="MOD_CLOTH")


class ANIMAMIMIC_PT_machine(_StagePanel, bpy.types.Panel):
    """How much of the machine a run may use"""

    bl_idname = "ANIMAMIMIC_PT_machine"
    bl_label = "Machine"
    stages = ("machine",)


PANELS = (
    ANIMAMIMIC_PT_video, ANIMAMIMIC_PT_rig, ANIMAMIMIC_PT_motion, ANIMAMIMIC_PT_tissue, ANIMAMIMIC_PT_residual, ANIMAMIMIC_PT_restore, ANIMAMIMIC_PT_machine
)

register, unregister = registering(*PANELS)
