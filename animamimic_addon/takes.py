"""Several takes of one subject: copies of its Action that later runs leave alone."""

from itertools import count

import bpy

from ..core.errors import InputError
from . import results
from .subject import Subject, armature_of


def keep(subject: Subject) -> bpy.types.Action:
    """Copy the Action that the subject's armature plays. Raises InputError where it plays none of ours.

    The copy belongs to the user: it has a fake user, and neither a new run nor removing the result touches it.
    """
    armatures = {one for one in (subject.armature, *map(armature_of, subject.meshes)) if one is not None}
    playing = next((action for one in armatures if results.is_ours(action := results.played_by(one))), None)
    if playing is None:
        raise InputError(f"'{subject.name}' plays no motion that AnimaMimic made.", "Animate it first.")
    take: bpy.types.Action = playing.copy()
    take.name = _free_name(playing.name)
    take.use_fake_user = True
    results.unmark(take)
    return take


def _free_name(base: str) -> str:
    """The first of `base` Take 1, Take 2, ... that is free."""
    return next(name for number in count(1) if (name := f"{base} Take {number}") not in bpy.data.actions)
