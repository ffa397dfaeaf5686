"""The "AnimaMimic" tab in the 3D viewport's side panel: draws properties and operators, decides nothing."""


def register() -> None:
    """Add the panels."""
    from . import main, queue, settings

    for part in (main, queue, settings):
        part.register()


def unregister() -> None:
    """Take them away."""
    from . import main, queue, settings

    for part in (settings, queue, main):
        part.unregister()
