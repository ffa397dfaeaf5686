"""What differs between Blender's versions, and nothing else: 4.2 LTS and later.

Slotted Actions came with 4.4 and are the only kind from 5.0 on; 5.0 also sorts image formats by kind of media.
"""

from collections.abc import Iterator
from typing import Any

import bpy


def has_slots(action: bpy.types.Action) -> bool:
    """Whether Actions hold slots, layers and strips (from 4.4)."""
    return hasattr(action, "slots")


def open_action(action: bpy.types.Action, owner: bpy.types.ID, slot: str = "") -> Any:
    """Where new F-curves of `action` that drive `owner` go: something with `.fcurves` and `.groups`.

    slot: identifier of the slot to use, '' for the first of this kind of datablock. Makes slot, layer, strip and channelbag
    where they are missing.
    """
    if not has_slots(action):
        return action
    anything: Any = action
    chosen = _slot_for(action, owner, slot) or anything.slots.new(id_type=owner.id_type, name=owner.name)
    layer = anything.layers[0] if len(anything.layers) else anything.layers.new("Layer")
    strip = layer.strips[0] if len(layer.strips) else layer.strips.new(type="KEYFRAME")
    return strip.channelbag(chosen, ensure=True)


def play_action(owner: Any, action: bpy.types.Action | None, slot: str = "") -> None:
    """Let `owner` play `action`, or nothing.

    slot: identifier of its slot to play, '' for the first of this kind of datablock.
    """
    data = owner.animation_data or owner.animation_data_create()
    data.action = action
    if action is not None and has_slots(action):
        data.action_slot = _slot_for(action, owner, slot)


def drop_empty_animation(owner: Any) -> None:
    """Take away animation data that plays nothing and holds nothing."""
    data = owner.animation_data
    if data is not None and data.action is None and not len(data.nla_tracks) and not len(data.drivers):
        owner.animation_data_clear()


def slot_identifier(owner: Any) -> str:
    """Which slot of its Action `owner` plays, '' for none or in a Blender without slots."""
    data = owner.animation_data
    slot = getattr(data, "action_slot", None) if data is not None else None
    return slot.identifier if slot is not None else ""


def new_curve(bag: Any, path: str, index: int, group: str) -> bpy.types.FCurve:
    """A new F-curve in what `open_action` returned, in the channel group of that name."""
    curve = bag.fcurves.new(path, index=index)
    curve.group = bag.groups.get(group) or bag.groups.new(group)
    return curve


def curves_of(action: bpy.types.Action) -> Iterator[bpy.types.FCurve]:
    """Every F-curve of an Action, of all its slots."""
    anything: Any = action
    if not has_slots(action):
        yield from anything.fcurves
        return
    for layer in anything.layers:
        for strip in layer.strips:
            for bag in strip.channelbags:
                yield from bag.fcurves


def is_in_local_view(context: Any, thing: Any, space: Any) -> bool:
    """Whether an object is shown in a viewport's local view. Blender 4.3 knows it of the evaluated object alone."""
    return bool(thing.evaluated_get(context.evaluated_depsgraph_get()).local_view_get(space))


def write_png(render: bpy.types.RenderSettings) -> None:
    """Let the render settings write 8-bit PNG with alpha."""
    image: Any = render.image_settings
    if hasattr(image, "media_type"):
        image.media_type = "IMAGE"
    image.file_format = "PNG"
    image.color_mode = "RGBA"
    image.color_depth = "8"


def _slot_for(action: bpy.types.Action, owner: bpy.types.ID, identifier: str) -> Any:
    anything: Any = action
    fitting = [one for one in anything.slots if one.target_id_type == owner.id_type]
    return next((one for one in fitting if one.identifier == identifier), fitting[0] if fitting else None)
