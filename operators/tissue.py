"""Simulate soft tissue on the motion that a character already has."""

import bpy

from ..animamimic_addon.capture_motion import capture_motion
from ..animamimic_addon.registration import registering
from ..animamimic_addon.tissue_bake import bake_tissue_job
from ..animamimic_addon.work import Made, Work
from .run import EngineRun, run_annotations


class ANIMAMIMIC_OT_bake_soft_tissue(EngineRun, bpy.types.Operator):
    """Simulate the flesh of the selected character on its armature's motion as it is now, and replace the soft shape keys"""

    bl_idname = "animamimic.bake_soft_tissue"
    bl_label = "Re-bake Soft Tissue"
    __annotations__ = run_annotations()
    work = Work(capture_motion, bake_tissue_job)

    def summary(self, made: Made) -> str:
        """Numbers."""
        return f"Made {made.shape_keys} shape keys with {made.keys} keys on the motion of '{made.armature}'"


register, unregister = registering(ANIMAMIMIC_OT_bake_soft_tissue)
