"""First use: what is missing, and the button that brings it."""

from typing import Any

from ..animamimic_addon import engine_setup, preferences, readiness, status
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.translations import sentence
from .text import draw_text


def draw_engine(layout: Any, context: Context) -> None:
    """Nothing where the engine is there; else how to get it, and how far that is."""
    setup = engine_setup.current()
    if setup is not None:
        _draw_progress(layout.box(), context, setup)
        return
    missing = readiness.lacks_engine()
    if not missing:
        return
    box = layout.box()
    draw_text(box.column(align=True), context, missing, "ERROR")
    failed = engine_setup.last_error()
    if failed is not None:
        draw_text(box.column(align=True), context, str(failed), "INFO")
    row = box.row()
    row.scale_y = 1.4
    row.operator_context = "INVOKE_DEFAULT"
    row.operator("animamimic.set_up_engine", icon="IMPORT")
    own = preferences.own_preferences()
    if own is not None:
        box.prop(own, "engine_python", text="Or Use")


def _draw_progress(box: Any, context: Context, setup: engine_setup.SetUp) -> None:
    column = box.column(align=True)
    draw_text(column, context, sentence("Setting up the engine"))
    column.progress(factor=setup.fraction, text=status.progress(setup.fraction, None))
    draw_text(column, context, setup.text)
    box.operator("animamimic.cancel_set_up", icon="CANCEL")
