"""Blender's operators: thin, each one job of `animamimic_addon` made callable from buttons and scripts."""


def register() -> None:
    """Add the operators."""
    from . import animate, engine, queue, result, view

    for part in (animate, engine, result, view, queue):
        part.register()


def unregister() -> None:
    """Take them away."""
    from . import animate, engine, queue, result, view

    for part in (queue, view, result, engine, animate):
        part.unregister()
