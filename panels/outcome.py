"""What the last run made or failed of, and what can be done with it."""

from typing import Any

from ..animamimic_addon import session, words
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.translations import sentence
from ..operators.flip import ANIMAMIMIC_OT_flip_limb
from .text import columns, draw_rows, draw_text, icon_beside


def draw_outcome(layout: Any, context: Context) -> None:
    """A box for the last run of this session, where there was one."""
    error, made = session.last_error(), session.last_made()
    if error is not None:
        draw_text(layout.box().column(align=True), context, str(error), "INFO" if session.was_cancelled() else "ERROR")
    elif made is not None and made.armature in context.scene.objects:
        _draw_made(layout.box(), context, made)
    if session.last_folder() is not None:
        layout.operator("animamimic.open_job_folder", icon="FILE_FOLDER")


def _draw_made(box: Any, context: Context, made: session.Made) -> None:
    rows = [("Armature", made.armature), ("Bones", str(made.bones))]
    if made.action:
        rows = [("Action", made.action), rows[1], ("Keys", str(made.keys)), ("Shape Keys", str(made.shape_keys))]
    if made.silhouette_iou is not None:
        rows.append(("Silhouette IoU", f"{made.silhouette_iou:.3f}"))
    draw_rows(box.column(align=True), context, rows)
    if made.iou_by_frame:
        _draw_graph(box.column(align=True), context, made.iou_by_frame)
    if made.unsure:
        draw_text(box.column(align=True), context, sentence("The video tells least about {bones}.", bones=", ".join(made.unsure)), "INFO")
    for warning in made.warnings:
        draw_text(box.column(align=True), context, warning, "INFO")
    _draw_next_steps(box, context, animated=bool(made.action))


def _draw_graph(column: Any, context: Context, iou: list[float]) -> None:
    """The silhouette's error by frame, as bars of text."""
    worst = min(range(len(iou)), key=iou.__getitem__)
    draw_text(column, context, sentence("Silhouette Error by Frame"))
    column.label(text=words.bars([1.0 - one for one in iou], columns(context, words.STEPS[-1])), translate=False)
    largest = sentence("Largest at frame {frame} of {count}: {percent:.0f} %", frame=worst + 1, count=len(iou), percent=100 * (1 - iou[worst]))
    draw_text(column, context, largest)


def _draw_next_steps(box: Any, context: Context, animated: bool) -> None:
    column = box.column(align=True)
    column.operator_context = "INVOKE_DEFAULT"
    if animated:
        again = column.operator("animamimic.animate_from_video", text="Re-run Fit", icon="FILE_REFRESH")
        again.job_folder = str(session.last_folder())  # where every stage whose settings did not change is found again
        column.operator("animamimic.flip_limb", icon=icon_beside(context, ANIMAMIMIC_OT_flip_limb.bl_label, "MOD_MIRROR"))
        column.operator("animamimic.keep_take", icon="DUPLICATE")
    column.operator("animamimic.remove_result", icon="TRASH")
