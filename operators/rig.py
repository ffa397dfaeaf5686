"""A rig by itself: armature and weights for the subject as it stands, without a video."""

from dataclasses import replace

import bpy

from ..animamimic_addon.lone_rig import bake_rig, capture_rig
from ..animamimic_addon.registration import registering
from ..animamimic_addon.work import Made, Work
from ..core.settings import Settings
from .run import EngineRun, run_annotations


class ANIMAMIMIC_OT_auto_rig(EngineRun, bpy.types.Operator):
    """Give the selected subject an armature and weights, without animating it; or weights alone, for an armature of its own that moves none of it yet"""

    bl_idname = "animamimic.auto_rig"
    bl_label = "Rig Only"
    __annotations__ = run_annotations()
    work = Work(capture_rig, bake_rig)

    def settings(self) -> Settings:
        """A new rig, whatever the panel says of the one to animate."""
        given = super().settings()
        return replace(given, rig=replace(given.rig, rig="AUTO"))

    def summary(self, made: Made) -> str:
        """Name and number."""
        if made.report.get("weights_only"):
            return f"Made weights for the bones of '{made.armature}': {made.bones}"
        return f"Made '{made.armature}': {made.bones} bones"


register, unregister = registering(ANIMAMIMIC_OT_auto_rig)
