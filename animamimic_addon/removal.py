"""Taking a result away again, with all that came with it."""

from ..core.errors import InputError
from . import results
from .datablocks import Context
from .records import clear
from .scene_state import at_frame, in_object_mode
from .softness_group import remove_softness
from .subject import Subject, armature_of


def remove(context: Context, subject: Subject) -> None:
    """Take away what runs left on the subject. Raises InputError where there is nothing."""
    records = {one: record for one in subject.meshes if (record := results.mesh_record(one)) is not None}
    armatures = {one for one in (subject.armature, *map(armature_of, subject.meshes)) if results.armature_record(one) is not None}
    if not armatures and not records:
        raise InputError(f"AnimaMimic made nothing for '{subject.name}'.")
    actions_of_ours = [action for one in armatures if results.is_ours(action := results.played_by(one))]
    first = int(min((action.frame_range[0] for action in actions_of_ours), default=context.scene.frame_current))
    with in_object_mode(context), at_frame(context.scene, first):  # a kept rig without an Action of its own stays in its first pose
        for one in armatures:
            made = results.armature_record(one)
            if made is not None:
                results.remove_camera(context, made)
                results.restore_range(context.scene, made)
        for mesh, record in records.items():
            remove_softness(mesh, record)
        clear(records, armatures, with_skin=True)
    context.view_layer.update()
