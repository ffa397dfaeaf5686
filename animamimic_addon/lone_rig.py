"""A rig without a motion: the subject as it stands now, and an armature with weights for it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..core import job
from ..core.settings import Settings
from . import lone_weights, results
from .capture import captured_meshes, check_visible, subject_mesh
from .captured import Captured, write_captured
from .datablocks import Context
from .job_folder import make_folder, writing
from .placed_rig import place_rig
from .records import clear, write_records
from .results import Rollback
from .scene_state import at_frame, in_object_mode, switched_off
from .still_there import captured_objects
from .subject import Subject, check_own_data
from .work import Made


def capture_rig(context: Context, subject: Subject, settings: Settings, folder: Path) -> Captured:
    """Write the job of rigging `subject`, as it stands at the current frame, into `folder`; see `capture.capture`.

    Where it has an armature already that moves none of it, the job is to make weights for that.
    """
    check_visible(context, subject)
    check_own_data(subject)
    make_folder(folder)
    waiting = lone_weights.waiting_armature(context, subject)
    if waiting is not None:
        with writing(folder), in_object_mode(context), switched_off(context, results.switches_to_plain(subject.meshes, False)):
            return lone_weights.capture_weights(context, replace(subject, armature=waiting), settings, folder)
    with writing(folder), in_object_mode(context), switched_off(context, results.switches_to_plain(subject.meshes, False)):
        mesh, counts = subject_mesh(context, subject)
        meshes = captured_meshes(context, subject, counts, mesh.diagonal, False)
        no_pose = np.zeros((0, 4, 4))
        captured = Captured(subject.name, context.scene.name, context.scene.frame_current, False, "", meshes, (), no_pose, np.eye(4))
        job.write_request(folder, job.Request(settings, mesh, None, None, 1.0, task=job.Task.RIG))
        write_captured(folder, captured)
    return captured


def bake_rig(context: Context, captured: Captured, folder: Path) -> Made:
    """The rig of the result in a job folder, instead of an earlier one of ours. Raises InputError where there is none; see `bake.bake`."""
    result = job.read_result(folder)
    meshes = captured_objects(context, captured)
    if captured.keep_rig:
        return lone_weights.bake_weights(context, captured, result, meshes)
    with in_object_mode(context), at_frame(context.scene, captured.start_frame):
        with Rollback() as rollback:
            placed = place_rig(context, captured, result, meshes, rollback)
            rollback.keep()
        clear(placed.old, placed.old_armatures, with_skin=True)
        write_records(placed.new, placed.armature, replace(placed.before, made=True))
    context.view_layer.update()
    return Made(armature=placed.armature.name, bones=len(placed.names), warnings=placed.warnings, report=result.report)
