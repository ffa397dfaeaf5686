"""The sub-panel for flesh on motion that is there already: how much of it plays, and simulating it again."""

from typing import Any

import bpy

from ..animamimic_addon import session, soft_factor
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.registration import registering


class ANIMAMIMIC_PT_soft_motion(bpy.types.Panel):
    """Soft tissue on the motion that the selected character has now"""

    bl_idname = "ANIMAMIMIC_PT_soft_motion"
    bl_label = "On Its Present Motion"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "AnimaMimic"
    bl_parent_id = "ANIMAMIMIC_PT_tissue"
    layout: Any

    def draw(self, context: Context) -> None:
        """Blender calls this for every redraw."""
        column = self.layout.column()
        column.enabled = session.current() is None
        owner = soft_factor.owner_in(context)
        if owner is not None and soft_factor.has_soft_motion(owner):
            column.prop(owner, "animamimic_soft_tissue", slider=True)
        column.operator_context = "INVOKE_DEFAULT"
        column.operator("animamimic.bake_soft_tissue", icon="MOD_SOFT")


register, unregister = registering(ANIMAMIMIC_PT_soft_motion)
