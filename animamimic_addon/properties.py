"""The settings as Blender properties, generated from what `core.settings` declares: on the scene and on the operator."""

from typing import Any

import bpy

from ..core.settings import Declared, Settings, Value, declared, from_flat

TITLES = {
    "SCENE": "Scene Camera",
    "FRAME": "Frame the Subject",
    "AUTO": "Automatic",
    "KEEP": "Keep Mine",
    "OFF": "None",
    "RESIDUAL": "From the Video",
    "ZERO": "Scene Zero",
    "LOWEST": "Lowest Point",
    "RESTORED": "Restored by a Model",
    "MATCH_FPS": "Match Frame Rate",
    "DIS": "DIS",
    "RAFT": "RAFT",
    "COTRACKER": "CoTracker",
}
"""Choices that are called by another name than their identifier's."""


def settings_annotations() -> dict[str, Any]:
    """Name -> deferred Blender property, for the `__annotations__` of a property group or an operator."""
    return {one.name: _property(one) for one in declared()}


def path_property(label: str, effect: str, kind: str = "FILE_PATH", default: str = "") -> Any:
    """A deferred property for a path. kind: FILE_PATH, DIR_PATH, or another kind of text."""
    props: Any = bpy.props
    return props.StringProperty(name=label, description=effect, subtype=kind, default=default)


def names_of(stage: str) -> tuple[str, ...]:
    """The names of one stage's settings, in the order of declaration."""
    return tuple(one.name for one in declared() if one.stage == stage)


def settings_from(holder: Any) -> Settings:
    """Settings from a property group or an operator's properties. File paths become absolute."""
    values: dict[str, Value] = {one.name: _value(one, getattr(holder, one.name)) for one in declared()}
    return from_flat(_clamped(values))


def copy_unset(source: Any, target: Any) -> None:
    """Give every setting of the operator `target` that its caller did not set the value that `source` has."""
    for one in declared():
        if not target.is_property_set(one.name):
            setattr(target, one.name, getattr(source, one.name))


def choice_title(identifier: str) -> str:
    """What the panel calls a choice: EVERY_FRAME -> Every Frame, or a name that says more."""
    return TITLES.get(identifier) or identifier.replace("_", " ").title()


def _property(one: Declared) -> Any:
    """The Blender property that one setting is shown and passed as."""
    props: Any = bpy.props
    common: dict[str, Any] = {"name": one.label, "description": one.effect, "default": one.default}
    limits: dict[str, Any] = {name: one.type(value) for name, value in (("min", one.minimum), ("max", one.maximum)) if value is not None}
    if one.choices is not None:
        return props.EnumProperty(items=[(name, choice_title(name), meaning) for name, meaning in one.choices.items()], **common)
    if one.type is bool:
        return props.BoolProperty(**common)
    if one.type is int:
        return props.IntProperty(**common, **limits)
    if one.type is float:
        return props.FloatProperty(**common, **limits)
    if one.path:
        return path_property(one.label, one.effect, default=str(one.default))
    return props.StringProperty(**common)


class ANIMAMIMIC_PG_settings(bpy.types.PropertyGroup):
    """The settings that the panel shows, kept in the scene: `scene.animamimic`."""


ANIMAMIMIC_PG_settings.__annotations__ = settings_annotations()


def register() -> None:
    """Give every scene its settings."""
    bpy.utils.register_class(ANIMAMIMIC_PG_settings)
    scene: Any = bpy.types.Scene
    props: Any = bpy.props
    scene.animamimic = props.PointerProperty(type=ANIMAMIMIC_PG_settings)


def unregister() -> None:
    """Take them away; what files hold stays in the files."""
    scene: Any = bpy.types.Scene
    del scene.animamimic
    bpy.utils.unregister_class(ANIMAMIMIC_PG_settings)


def _value(one: Declared, value: Any) -> Value:
    if one.path and value:
        return str(bpy.path.abspath(value))
    return one.type(value)


def _clamped(values: dict[str, Value]) -> dict[str, Value]:
    """Within the declared limits: Blender keeps float32, whose 0.01 is a little less than 0.01."""
    clamped = dict(values)
    for one in declared():
        value = values[one.name]
        if one.type is not float or not isinstance(value, float):
            continue
        value = float(f"{value:.7g}")  # the decimal that float32 stands for, so that job.json reads as typed
        low, high = one.minimum, one.maximum
        clamped[one.name] = min(max(value, value if low is None else low), value if high is None else high)
    return clamped

