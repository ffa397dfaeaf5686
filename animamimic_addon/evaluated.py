"""Mesh objects as the scene shows them: arrays of the evaluated mesh, and which of its vertices are the modelled ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np
from mathutils.kdtree import KDTree
from numpy.typing import NDArray

from ..core.types import Float32, Float64, Int32
from .datablocks import Context, MeshObject

MARKER = "animamimic_marker"
"""A vertex attribute that exists only while `modelled_vertices` looks."""

FAR_APART = 0.05
"""Copies of one vertex further apart than this fraction of the subject's diagonal cannot share their bones."""


@contextmanager
def evaluated_mesh(mesh: MeshObject, depsgraph: bpy.types.Depsgraph) -> Iterator[tuple[Any, bpy.types.Mesh]]:
    """The evaluated object and its evaluated mesh with all layers; both are gone when the block ends."""
    evaluated = mesh.evaluated_get(depsgraph)
    try:
        yield evaluated, evaluated.to_mesh(preserve_all_data_layers=True, depsgraph=depsgraph)
    finally:
        evaluated.to_mesh_clear()


def world_vertices(evaluated: Any, mesh: bpy.types.Mesh) -> Float32:
    """float32[V, 3], world space."""
    return transformed(vector_array(mesh.vertices, "co"), np.array(evaluated.matrix_world, np.float64))


def triangle_array(mesh: bpy.types.Mesh, flipped: bool) -> Int32:
    """int32[F, 3]; turned round where the object is mirrored (a negative scale), so that they stay counter-clockwise."""
    mesh.calc_loop_triangles()
    triangles = np.empty((len(mesh.loop_triangles), 3), np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles.reshape(-1))
    return triangles[:, ::-1].copy() if flipped else triangles


def vector_array(items: Any, name: str) -> Float32:
    """float32[N, 3] of a three-component attribute of a Blender collection."""
    values = np.empty((len(items), 3), np.float32)
    items.foreach_get(name, values.reshape(-1))
    return values


def transformed(points: np.ndarray, matrix: Float64) -> Float32:
    """float32[N, 3]: points [N, 3] through a matrix [4, 4] or [3, 4]."""
    return (points.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)


def modelled_vertices(mesh: MeshObject, context: Context) -> tuple[Int32, float]:
    """Which evaluated vertex each vertex of the mesh datablock became.

    Returns int32[N], an index into the evaluated mesh for every modelled vertex, and the largest distance, in metres, between
    two evaluated vertices that are copies of one modelled vertex (0 where there are none; a Mirror or Array makes them).
    Modifiers that keep every vertex give the identity. Others are asked by a marker: each modelled vertex carries a random
    vector through the stack, and only unmixed copies come out as it went in. A modelled vertex without a copy (Remesh) gets the
    nearest evaluated vertex.
    """
    count = len(mesh.data.vertices)
    depsgraph = context.evaluated_depsgraph_get()
    with evaluated_mesh(mesh, depsgraph) as (_, result):
        if len(result.vertices) == count:
            return np.arange(count, dtype=np.int32), 0.0
    directions = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    with _marked(mesh, directions, context):
        depsgraph = context.evaluated_depsgraph_get()
        with evaluated_mesh(mesh, depsgraph) as (evaluated, result):
            vertices = world_vertices(evaluated, result)
            marker: Any = result.attributes.get(MARKER)
            marks = vector_array(marker.data, "vector") if marker is not None else np.zeros_like(vertices)
    modelled = transformed(vector_array(mesh.data.vertices, "co"), np.array(mesh.matrix_world, np.float64))
    return _match(directions, marks, vertices, modelled)


@contextmanager
def _marked(mesh: MeshObject, directions: Float32, context: Context) -> Iterator[None]:
    attribute = mesh.data.attributes.new(MARKER, "FLOAT_VECTOR", "POINT")
    attribute.data.foreach_set("vector", directions.reshape(-1))
    mesh.data.update_tag()
    context.view_layer.update()
    try:
        yield
    finally:
        mesh.data.attributes.remove(mesh.data.attributes[MARKER])
        mesh.data.update_tag()
        context.view_layer.update()


def _match(directions: Float32, marks: Float32, vertices: Float32, modelled: Float32) -> tuple[Int32, float]:
    """See `modelled_vertices`. modelled: the unmodified vertices in world space."""
    codes, wanted = _codes(marks), _codes(directions)
    order = np.argsort(wanted)
    base = order[np.searchsorted(wanted[order], codes).clip(max=len(order) - 1)]
    copies = np.flatnonzero(wanted[base] == codes)
    found = np.full(len(directions), -1, np.int32)
    found[base[copies][::-1]] = copies[::-1]  # the first copy stays
    apart = np.linalg.norm(vertices[copies] - vertices[found[base[copies]]], axis=1).max(initial=0.0)
    lost = np.flatnonzero(found < 0)
    if len(lost):
        nearest = _tree(vertices)
        found[lost] = [nearest.find(point)[1] for point in modelled[lost].tolist()]
    return found, float(apart)


def _codes(vectors: Float32) -> NDArray[np.uint64]:
    """One number for each vector [N, 3], equal only for equal ones: the bits of two of its components."""
    bits = np.ascontiguousarray(vectors).view(np.uint32).astype(np.uint64)
    return (bits[:, 0] << np.uint64(32)) | bits[:, 1]


def _tree(points: Float32) -> KDTree:
    tree = KDTree(len(points))
    for index, point in enumerate(points.tolist()):
        tree.insert(point, index)
    tree.balance()
    return tree
