"""Text in a panel: labels do not wrap by themselves."""

import textwrap
from typing import Any

from ..animamimic_addon.datablocks import Context

PIXELS_A_CHARACTER = 7.5
"""Rough width of a character at a UI scale of one."""

MARGIN_PIXELS = 60


UNIT_PIXELS = 20
"""Height of a button at a UI scale of one, in which Blender measures icons."""


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
    return max(20, int(_width(context) / PIXELS_A_CHARACTER))


def icon_scale(context: Context) -> float:
    """The scale at which an icon is as wide as the panel."""
    return max(3.0, _width(context) / UNIT_PIXELS)


def _width(context: Context) -> float:
    """Pixels that the panel has for its contents, at a UI scale of one."""
    return float(context.region.width / context.preferences.system.ui_scale - MARGIN_PIXELS)
