"""Blender's operators: thin, each one job of `animamimic_addon` made callable from buttons and scripts."""


def register() -> None:
    """Add the operators."""
    from . import animate, engine, result, view

    for part in (animate, engine, result, view):
        part.register()


def unregister() -> None:
    """Take them away."""
    from . import animate, engine, result, view

    for part in (view, result, engine, animate):
        part.unregister()
