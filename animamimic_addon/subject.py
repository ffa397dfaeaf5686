"""What is animated: the mesh objects that the user means, and the armature that they hang on."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import bpy
import numpy as np

from ..core.errors import InputError
from .datablocks import ArmatureObject, Context, MeshObject

SELECT_A_MESH = "Select the mesh that shall move, or the armature of a rigged character."


@dataclass(frozen=True)
class Subject:
    """Objects of the scene that are animated together.

    name: what people call it: the active mesh, or the armature. meshes: mesh objects, sorted by name.
    armature: the armature that deforms them, or None.
    """

    name: str
    meshes: tuple[MeshObject, ...]
    armature: ArmatureObject | None


def subject_of(active: bpy.types.Object | None, selected: Iterable[bpy.types.Object]) -> Subject:
    """The subject that a selection means.

    One mesh is itself; several selected meshes are one subject; an armature stands for every visible mesh that it deforms.
    The active object counts where it is selected, or where nothing is. What is neither mesh nor armature is passed over.
    Cheap enough for a panel's redraw: looks at no vertices (see `check_meshes`).

    Raises InputError where there is nothing to animate.
    """
    chosen = list(selected) or ([active] if active is not None else [])
    if not chosen:
        raise InputError("Nothing is selected.", SELECT_A_MESH)
    armatures = [one for one in chosen if one.type == "ARMATURE"]
    meshes = [one for one in chosen if one.type == "MESH"]
    name = active.name if active is not None and active in meshes else (armatures or meshes or chosen)[0].name
    if not meshes and not armatures:
        kind = chosen[0].type.lower().replace("_", " ")
        raise InputError(f"'{name}' is of type {kind}, which has no mesh to animate.", SELECT_A_MESH)
    if len(armatures) > 1:
        raise InputError(f"Several armatures are selected: {', '.join(one.name for one in armatures)}.", "Select one character.")
    loose = bool(meshes) and not any(map(armature_of, meshes))
    if armatures and not loose and not (active in meshes and armature_of(active) is not armatures[0]):
        return _whole_character(armatures[0])
    meshes.sort(key=lambda one: one.name)
    found = {one for one in map(armature_of, meshes) if one is not None}
    subject = Subject(name, tuple(meshes), found.pop() if len(found) == 1 else None)
    _check_ownership(subject)
    return subject


def with_kept_rig(subject: Subject) -> Subject:
    """The subject as it counts where its own rig is kept: the armature and every mesh that it deforms.

    Raises InputError where the subject has no armature, or several.
    """
    if subject.armature is None:
        several = sorted({one.name for one in map(armature_of, subject.meshes) if one is not None})
        if several:
            raise InputError(f"The selected meshes hang on several armatures: {', '.join(several)}.", "Select one character.")
        raise InputError(f"'{subject.name}' has no armature to keep.", "Set Rig to Automatic, or select a rigged character.")
    return replace(_whole_character(subject.armature), name=subject.name)


def left_out(subject: Subject) -> tuple[str, ...]:
    """Names of the visible meshes that the subject's armature deforms too and that are not part of the subject."""
    if subject.armature is None:
        return ()
    return tuple(one.name for one in _whole_character(subject.armature).meshes if one not in subject.meshes)


def armature_of(mesh: MeshObject) -> ArmatureObject | None:
    """The armature that deforms or carries a mesh object, or None."""
    for modifier in mesh.modifiers:
        if modifier.type == "ARMATURE" and modifier.object is not None:
            return modifier.object
    if mesh.parent is not None and mesh.parent.type == "ARMATURE" and mesh.parent_type == "ARMATURE":
        return mesh.parent
    carrier = carrying_bone(mesh)
    return carrier[0] if carrier is not None else None


def carrying_bone(mesh: MeshObject) -> tuple[ArmatureObject, str] | None:
    """The armature and the bone that a mesh object, or an object that it is parented to, is parented to."""
    above = mesh
    while above is not None and above.parent is not None:
        if above.parent_type == "BONE" and above.parent.type == "ARMATURE" and above.parent_bone:
            return above.parent, above.parent_bone
        above = above.parent if above.parent_type == "OBJECT" else None
    return None


def deformed_by(mesh: MeshObject, armature: ArmatureObject) -> bool:
    """Whether the armature's modifier (or parenting 'with armature deform') bends the mesh as seen, not only carries it."""
    if any(one.type == "ARMATURE" and one.object == armature and one.show_viewport for one in mesh.modifiers):
        return True
    return mesh.parent == armature and mesh.parent_type == "ARMATURE"


def check_meshes(subject: Subject, vertices: np.ndarray, triangles: np.ndarray) -> None:
    """Raise InputError unless the evaluated mesh is one that can be seen and moved.

    vertices: float[V, 3] and triangles: int[F, 3] of all objects together.
    """
    if not len(triangles):
        raise InputError(f"'{subject.name}' has no faces.", "Choose a mesh with a surface.")
    if not np.isfinite(vertices).all():
        bad = int((~np.isfinite(vertices)).any(axis=1).sum())
        raise InputError(f"'{subject.name}' has {bad} vertices whose position is not a number.", "Delete or repair them, in Edit Mode.")
    diagonal = float(np.linalg.norm(np.ptp(vertices.astype(np.float64), axis=0)))
    corners = vertices[triangles].astype(np.float64)
    area = 0.5 * float(np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum())
    if diagonal == 0.0 or area < 1e-9 * diagonal * diagonal:
        raise InputError(f"'{subject.name}' has no size: its faces have no area.", "Check the object's scale, or choose another mesh.")


def check_own_data(subject: Subject) -> None:
    """Raise InputError where a mesh datablock is used by several objects: weights and shape keys would go to all of them."""
    for one in subject.meshes:
        users = [other for other in bpy.data.objects if other.data == one.data]
        if len(users) > 1:
            raise InputError(
                f"The mesh of '{one.name}' is shared by {len(users)} objects.",
                "Give it one of its own: Object > Relations > Make Single User > Object & Data.",
            )


def check_shape_keys(subject: Subject) -> None:
    """Raise InputError where soft tissue cannot be added as relative shape keys."""
    for one in subject.meshes:
        if one.data.shape_keys is not None and not one.data.shape_keys.use_relative:
            raise InputError(f"The shape keys of '{one.name}' are absolute.", "Make them relative, or switch Soft Tissue off.")


def _whole_character(armature: ArmatureObject) -> Subject:
    context: Context = bpy.context
    meshes = [one for one in context.scene.objects if one.type == "MESH" and armature_of(one) == armature]
    seen = sorted((one for one in meshes if one.visible_get() and not one.hide_render), key=lambda one: one.name)
    if not seen:
        hidden = "only hidden meshes" if meshes else "no mesh"
        raise InputError(f"The armature '{armature.name}' deforms {hidden}.", "Show its meshes, or select the mesh that shall move.")
    subject = Subject(armature.name, tuple(seen), armature)
    _check_ownership(subject)
    return subject


def _check_ownership(subject: Subject) -> None:
    """Linked data cannot be written to."""
    for one in (*subject.meshes, *([subject.armature] if subject.armature else [])):
        if one.library is not None or one.override_library is not None or (one.data is not None and one.data.library is not None):
            raise InputError(
                f"'{one.name}' is linked from another file and cannot be changed here.",
                "Make it local first: Object > Relations > Make Local > Selected Objects, Data and Materials.",
            )
