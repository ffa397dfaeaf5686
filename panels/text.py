"""Text in a panel: labels neither wrap nor make room by themselves, so that what does not fit is cut in the middle."""

from collections.abc import Callable, Iterator
from typing import Any

import blf

from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.translations import sentence

MARGIN = 54
"""Between a region's width and its contents', the tabs and the panel's border, at a UI scale of one."""

BOX = 16
"""What a box takes of that at both sides together."""

PADDING = 10
"""What a label or a button leaves free at both sides of its text together."""

ICON = 20
"""An icon, and the height of a button."""

DEFAULT_FONT = 0


def draw_text(column: Any, context: Context, text: str, icon: str = "NONE") -> None:
    """Text over as many lines as the panel's width makes of it."""
    room = _room(context, BOX + PADDING + (ICON if icon != "NONE" else 0))
    lines = (line for part in text.splitlines() for line in wrapped(part, lambda line: text_width(context, line) <= room))
    for number, line in enumerate(lines):
        column.label(text=line, icon=icon if number == 0 or icon == "NONE" else "BLANK1", translate=False)


def wrapped(text: str, fits: Callable[[str], bool]) -> Iterator[str]:
    """The text's words in lines that fit; a word that fits in none has one for itself."""
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if line and not fits(longer):
            yield line
            longer = word
        line = longer
    if line:
        yield line


def draw_rows(column: Any, context: Context, rows: list[tuple[str, str]]) -> None:
    """Names and values side by side, or one text where the names do not fit into half of the width."""
    named = [(sentence(name), value) for name, value in rows]
    narrow = max(text_width(context, name) for name, _ in named) > _room(context, BOX) / 2 - PADDING
    for name, value in named:
        if narrow:
            draw_text(column, context, f"{name}: {value}")
            continue
        split = column.split(factor=0.5)
        split.label(text=name, translate=False)
        split.label(text=value, translate=False)


def icon_beside(context: Context, text: str, icon: str) -> str:
    """The icon of a button with this text, or none where text and icon do not fit both."""
    return icon if text_width(context, sentence(text)) <= _room(context, BOX + PADDING + ICON) else "NONE"


def columns(context: Context, character: str) -> int:
    """How many of a character a line holds."""
    return max(1, int(_room(context, BOX + PADDING) / text_width(context, character)))


def icon_scale(context: Context) -> float:
    """The scale at which an icon is as wide as the panel."""
    return max(3.0, _room(context) / _pixels(context, ICON))


def text_width(context: Context, text: str) -> float:
    """Pixels that a text takes in the interface's font."""
    blf.size(DEFAULT_FONT, _pixels(context, context.preferences.ui_styles[0].widget.points))
    return float(blf.dimensions(DEFAULT_FONT, text)[0])


def share(context: Context, text: str) -> float:
    """Which part of the panel's width a label with this text wants."""
    return (text_width(context, text) + _pixels(context, PADDING)) / max(1.0, _room(context))


def _room(context: Context, taken: float = 0) -> float:
    """Pixels that the panel has for its contents. taken: of that, at a UI scale of one."""
    return float(context.region.width) - _pixels(context, MARGIN + taken)


def _pixels(context: Context, units: float) -> float:
    return units * float(context.preferences.system.ui_scale)
