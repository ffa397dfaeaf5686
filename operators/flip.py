"""Flip a limb in depth after the fact."""


import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.flip import flip_limb
from ..animamimic_addon.registration import registering
from .at_once import AtOnce


class ANIMAMIMIC_OT_flip_limb(AtOnce, bpy.types.Operator):
    """Turn the selected bone's limb to its other depth: seen from the scene's camera it looks the same"""

    bl_idname = "animamimic.flip_limb"
    bl_label = "Flip Limb in Depth"
    bl_options = {"REGISTER", "UNDO"}

    bone: StringProperty(name="Bone", description="Where the limb begins; empty: the active bone")  # type: ignore[valid-type]
    whole: BoolProperty(name="Whole Action", description="Flip in all frames of the Action", default=True)  # type: ignore[valid-type]
    first: IntProperty(name="First", description="First frame to flip, where it is not the whole Action", default=1)  # type: ignore[valid-type]
    last: IntProperty(name="Last", description="Last frame to flip, where it is not the whole Action", default=1)  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Only with an armature active."""
        cls.poll_message_set("Make an armature the active object")
        return context.object is not None and context.object.type == "ARMATURE"

    def act(self, context: Context) -> str:
        """Flip the limb of the named or active bone."""
        active = context.object.data.bones.active
        name = self.bone or (active.name if active is not None else "")
        first, last = (None, None) if self.whole else (self.first, self.last)
        frames = flip_limb(context, context.object, name, first, last)
        return f"Flipped '{name}' in frames {frames.start} to {frames.stop - 1}"


register, unregister = registering(ANIMAMIMIC_OT_flip_limb)
