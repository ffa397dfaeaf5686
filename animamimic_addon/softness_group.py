"""The vertex group "Softness": how soft the flesh is where, painted by the user or left for painting by an earlier run."""

import zlib
from typing import Any

import numpy as np

from ..core.types import Float32
from .captured import CapturedMesh
from .datablocks import Context, MeshObject
from .evaluated import evaluated_mesh
from .results import MeshRecord, Rollback
from .subject import Subject

NAME = "Softness"
STEPS = 100
"""Weights are written in steps of a hundredth: vertices of equal weight are added to the group at once."""


def painted_softness(context: Context, subject: Subject) -> Float32 | None:
    """float32[V] of all evaluated vertices, 0 to 1, 0 where the group does not reach; NaN on meshes without it; None without any."""
    if not any(NAME in one.vertex_groups for one in subject.meshes):
        return None
    depsgraph = context.evaluated_depsgraph_get()
    parts = []
    for one in subject.meshes:
        with evaluated_mesh(one, depsgraph) as (_, mesh):
            if NAME in one.vertex_groups:
                parts.append(_weights(mesh, one.vertex_groups[NAME].index))
            else:
                parts.append(np.full(len(mesh.vertices), np.nan, np.float32))
    return np.concatenate(parts)


def leave_softness(mesh: MeshObject, part: CapturedMesh, softness: Float32 | None, record: MeshRecord, rollback: Rollback) -> None:
    """Give a mesh that has no such group one to paint, float32[V] of all the job's vertices, and tell `record`."""
    if softness is None or NAME in mesh.vertex_groups:
        return
    group = mesh.vertex_groups.new(name=NAME)
    rollback.callback(_remove, mesh)
    steps = np.round(softness[part.modelled] * STEPS).astype(int)
    for step in np.unique(steps):
        group.add(np.flatnonzero(steps == step).tolist(), step / STEPS, "REPLACE")
    record.softness = _fingerprint(mesh)


def remove_softness(mesh: MeshObject, record: MeshRecord) -> None:
    """Remove the group that a run left, unless the user painted it since: then it is the user's."""
    if record.softness and NAME in mesh.vertex_groups and _fingerprint(mesh) == record.softness:
        _remove(mesh)


def _remove(mesh: MeshObject) -> None:
    if NAME in mesh.vertex_groups:
        mesh.vertex_groups.remove(mesh.vertex_groups[NAME])


def _weights(mesh: Any, index: int) -> Float32:
    """float32[n]: the weights of a mesh datablock's vertices in the group of that index."""
    return np.array([next((one.weight for one in vertex.groups if one.group == index), 0.0) for vertex in mesh.vertices], np.float32)


def _fingerprint(mesh: MeshObject) -> int:
    """A number that tells whether the group was changed; never 0."""
    return zlib.crc32(_weights(mesh.data, mesh.vertex_groups[NAME].index).tobytes()) or 1
