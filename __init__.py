"""AnimaMimic: animate a still mesh from a video. The repository root is the extension and the package `animamimic`."""


def register() -> None:
    """Blender calls this when the extension is enabled."""
    from . import animamimic_addon, operators, panels

    for part in (animamimic_addon, operators, panels):
        part.register()


def unregister() -> None:
    """Blender calls this when the extension is disabled; it leaves nothing behind."""
    from . import animamimic_addon, operators, panels

    for part in (panels, operators, animamimic_addon):
        part.unregister()
