"""Let a video model imagine what moves beyond the bones of a character that is animated already."""

import bpy

from ..animamimic_addon.capture_motion import capture_coarse
from ..animamimic_addon.registration import registering
from ..animamimic_addon.tissue_bake import bake_tissue_job
from ..animamimic_addon.work import Made, Work
from .run import EngineRun, run_annotations


class ANIMAMIMIC_OT_restore_motion(EngineRun, bpy.types.Operator):
    """Render the selected character's motion, let the chosen video model restore what its bones leave out, and bake it to shape keys"""

    bl_idname = "animamimic.restore_motion"
    bl_label = "Restore Motion"
    __annotations__ = run_annotations()
    work = Work(capture_coarse, bake_tissue_job)

    def summary(self, made: Made) -> str:
        """Numbers."""
        return f"Made {made.shape_keys} shape keys with {made.keys} keys on the motion of '{made.armature}'"


register, unregister = registering(ANIMAMIMIC_OT_restore_motion)
