"""Settings in one press."""

from typing import Any

import bpy

from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.registration import registering
from ..animamimic_addon.translations import tooltip
from ..core.presets import EFFECTS, PRESETS
from .at_once import SceneChange

PRESET_TITLES = {name: name.title() for name in PRESETS}
"""What buttons call them."""


class ANIMAMIMIC_OT_use_preset(SceneChange, bpy.types.Operator):
    """Set resolution, keys and soft tissue to values that go together"""

    bl_idname = "animamimic.use_preset"
    bl_label = "Use Preset"

    @classmethod
    def description(cls, context: Context, properties: Any) -> str:
        """What this one is for."""
        return tooltip(EFFECTS[properties.preset])

    def act(self, context: Context) -> str:
        """Set them."""
        given: Any = self
        for name, value in PRESETS[given.preset].items():
            setattr(context.scene.animamimic, name, value)
        return ""


_props: Any = bpy.props
ANIMAMIMIC_OT_use_preset.__annotations__ = {
    "preset": _props.EnumProperty(name="Preset", items=[(name, title, EFFECTS[name]) for name, title in PRESET_TITLES.items()], default="NORMAL", description="Which one")
}

register, unregister = registering(ANIMAMIMIC_OT_use_preset)
