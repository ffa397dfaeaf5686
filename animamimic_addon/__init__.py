"""The Blender side that is neither button nor panel. Importing this package needs no bpy; registering does."""

ROOT_PACKAGE = __package__.rpartition(".")[0]
"""The extension's package: `bl_ext.<repository>.animamimic` where Blender installed it, `animamimic` elsewhere."""


def register() -> None:
    """Add the preferences and the scene's properties to Blender."""
    from . import candidates, live_preview, preferences, properties, session, soft_factor, translations

    for part in (translations, preferences, properties, soft_factor, live_preview, candidates, session):
        part.register()


def unregister() -> None:
    """End a run that is under way and take everything away again."""
    from . import candidates, live_preview, preferences, properties, session, soft_factor, translations

    for part in (session, candidates, live_preview, soft_factor, properties, preferences, translations):
        part.unregister()
