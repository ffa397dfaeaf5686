"""Have the panel drawn again when a run has moved on: Blender draws only what it knows to have changed."""


from .datablocks import Context


def redraw_viewports(context: Context) -> None:
    """Redraw the side panels of every 3D viewport in every window, and not the viewports themselves."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


def show_status(context: Context, text: str | None) -> None:
    """A text in the status bar instead of the hints on keys; None gives those back."""
    if context.workspace is not None:
        context.workspace.status_text_set(text)
