"""Text in a panel: labels do not wrap by themselves."""

import textwrap
from typing import Any

from ..animamimic_addon.datablocks import Context

PIXELS_A_CHARACTER = 7.5
"""Rough width of a character at a UI scale of one."""

MARGIN_PIXELS = 60


def draw_text(column: Any, context: Context, text: str, icon: str) -> None:
    """Text over as many lines as the panel's width makes of it."""
    for number, line in enumerate(one for part in text.splitlines() for one in textwrap.wrap(part, columns(context))):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")


def draw_rows(column: Any, rows: list[tuple[str, str]]) -> None:
    """Names and values side by side."""
    for name, value in rows:
        split = column.split(factor=0.5)
        split.label(text=name)
        split.label(text=value, translate=False)


def columns(context: Context) -> int:
    """About how many characters a line of the panel holds."""
    return max(20, int((context.region.width / context.preferences.system.ui_scale - MARGIN_PIXELS) / PIXELS_A_CHARACTER))
