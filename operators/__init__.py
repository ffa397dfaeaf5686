"""Blender's operators: thin, each one job of `animamimic_addon` made callable from buttons and scripts."""

from types import ModuleType


def register() -> None:
    """Add the operators."""
    for part in _parts():
        part.register()


def unregister() -> None:
    """Take them away."""
    for part in reversed(_parts()):
        part.unregister()


def _parts() -> tuple[ModuleType, ...]:
    """Not at the top: this package is imported without bpy."""
    from . import animate, engine, flip, generate, presets, queue, restore, result, rig, sample, setup, tissue, view

    return animate, rig, engine, flip, generate, presets, queue, restore, result, sample, setup, tissue, view
