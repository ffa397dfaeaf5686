"""Job folder -> scene for motion beyond the bones alone: new shape keys in the place of an earlier run's, and nothing else."""

from dataclasses import replace
from pathlib import Path

from ..core.job import Result, read_result
from . import results
from .captured import Captured
from .datablocks import Context
from .records import clear, shape_key_count, skin_of, successor
from .results import MeshRecord, Rollback
from .scene_state import at_frame, in_object_mode
from .still_there import captured_objects
from .tissue_keys import add_soft_motion
from .work import Made


def bake_tissue_job(context: Context, captured: Captured, folder: Path) -> Made:
    """Bring the soft motion that lies in a job folder into the scene that it was captured from.

    Armature, Action, weights and the user's own shape keys stay as they are. Raises InputError where there is no result, or where
    the subject was changed meanwhile, with the scene as before.
    """
    result = read_result(folder)
    meshes = captured_objects(context, captured)
    with in_object_mode(context), at_frame(context.scene, captured.start_frame):
        keys, shape_keys = _bake(captured, result, meshes)
    context.view_layer.update()
    actions = [record.action for one in meshes if (record := results.mesh_record(one)) is not None and record.action]
    return Made(armature=captured.armature, action=actions[0] if actions else "", bones=len(captured.bones), keys=keys, shape_keys=shape_keys, report=result.report)


def _bake(captured: Captured, result: Result, meshes: list) -> tuple[int, int]:  # type: ignore[type-arg]
    with Rollback() as rollback:
        old = {mesh: record for mesh in meshes if (record := results.put_aside(mesh, True, rollback)) is not None}
        new = {mesh: replace(successor(mesh, old.get(mesh)), **skin_of(old.get(mesh))) for mesh in meshes}
        keys = add_soft_motion(captured, result, new, result.rig.diagonal, rollback)
        rollback.keep()
    clear(old, set(), with_skin=False)
    for mesh, record in new.items():
        results.write_record(mesh, record if record != MeshRecord() else None)
    return keys, shape_key_count(new)
