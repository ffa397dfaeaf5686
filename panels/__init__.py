"""The "AnimaMimic" tab in the 3D viewport's side panel: draws properties and operators, decides nothing."""


def register() -> None:
    """Add the panels."""
    from . import main, queue, settings, tissue

    for part in (main, settings, tissue, queue):
        part.register()


def unregister() -> None:
    """Take them away."""
    from . import main, queue, settings, tissue

    for part in (queue, tissue, settings, main):
        part.unregister()
