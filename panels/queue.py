"""The queue's sub-panel: its jobs, how each one stands, and what can be done with it."""

from pathlib import Path
from typing import Any

import bpy

from ..animamimic_addon import queued, readiness, session
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.queued import QueuedJob, State
from ..animamimic_addon.registration import registering
from ..animamimic_addon.translations import sentence

ICONS = {
    State.WAITING: "TIME",
    State.STARTED: "PAUSE",
    State.FAILED: "ERROR",
    State.DONE: "CHECKMARK",
    State.BAKED: "SCENE_DATA",
}


class ANIMAMIMIC_PT_queue(bpy.types.Panel):
    """Jobs that wait for the engine"""

    bl_idname = "ANIMAMIMIC_PT_queue"
    bl_label = "Queue"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "AnimaMimic"
    bl_parent_id = "ANIMAMIMIC_PT_main"

    def draw(self, context: Context) -> None:
        """Blender calls this for every redraw."""
        layout: Any = self.layout
        column = layout.column(align=True)
        add, run = column.row(), column.row()
        add.operator_context = run.operator_context = "INVOKE_DEFAULT"
        add.enabled = not readiness.obstacle(context)
        add.operator("animamimic.queue_animation", icon="ADD")
        run.operator("animamimic.run_queue", icon="PLAY")
        jobs = queued.queued_jobs()
        if not jobs:
            layout.label(text="Nothing is queued")
        for one in jobs:
            _draw_job(layout, one)


def _draw_job(layout: Any, one: QueuedJob) -> None:
    run = session.current()
    running = run is not None and run.folder == one.folder
    box = layout.box().column(align=True)
    row = box.row(align=True)
    state = f"{100 * run.fraction:.0f} %" if run is not None and running else sentence(one.state)
    row.label(text=f"{one.number}. {one.subject}: {state}", icon="SORTTIME" if running else ICONS[one.state], translate=False)
    buttons = row.row(align=True)
    buttons.operator_context = "INVOKE_DEFAULT"
    if one.state in (State.DONE, State.BAKED):
        buttons.operator("animamimic.bake_queued", text="", icon="IMPORT").job = one.folder.name
    elif one.state is State.FAILED:
        buttons.operator("animamimic.retry_queued", text="", icon="FILE_REFRESH").job = one.folder.name
    buttons.operator("animamimic.remove_queued", text="", icon="X").job = one.folder.name
    if one.file and one.file != bpy.data.filepath:
        box.label(text=sentence("from {file}", file=Path(one.file).name), icon="BLANK1", translate=False)
    if one.error:
        box.label(text=one.error, icon="BLANK1", translate=False)


register, unregister = registering(ANIMAMIMIC_PT_queue)
