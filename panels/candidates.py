"""The generated videos to choose from: a picture of each, the chosen one pressed."""

from typing import Any

from ..animamimic_addon.candidates import candidates, chosen, icon
from ..animamimic_addon.datablocks import Context

COLUMNS = 3
ICON_SCALE = 4.0


def draw_candidates(layout: Any, context: Context) -> None:
    """A grid of them, where the driving video is one of several."""
    videos = candidates(context)
    if len(videos) < 2:
        return
    layout.label(text="Candidates")
    grid = layout.grid_flow(row_major=True, columns=COLUMNS, even_columns=True)
    for number, video in enumerate(videos, 1):
        cell = grid.column(align=True)
        cell.template_icon(icon_value=icon(video), scale=ICON_SCALE)
        cell.operator("animamimic.use_video", text=str(number), translate=False, depress=video == chosen(context)).filepath = str(video)
    layout.operator("animamimic.open_contact_sheet", icon="IMAGE_DATA")
