"""The subject's surface as the cage sees it: points spread over it, which of them touch, and what lies inside.

P is the number of samples, L of links, V of vertices.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
import warp as wp

from ..surface import at_one_place
from ..types import Float64, Int32, Mesh
from .kernels import signed_distance_kernel

WELDED = 1e-5
"""Vertices nearer than about this share of the diagonal are one place of the surface: game assets are often unwelded."""


@dataclass(frozen=True)
class SurfaceSamples:
    """Points spread over a surface.

    mixtures: sparse [P, V], rows sum to one: the points as mixtures of vertices. The first V are the vertices themselves.
    links: int32[L, 2], samples that the surface joins: side by side on a triangle, or vertices at one place.
    """

    mixtures: sparse.csr_matrix
    links: Int32


def sample_surface(mesh: Mesh, spacing: float) -> SurfaceSamples:
    """Points on the surface no further apart than about `spacing` metres."""
    corners = mesh.vertices[mesh.triangles].astype(np.float64)
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    divisions = np.ceil(longest / spacing).astype(int)
    blocks = [sparse.identity(len(mesh.vertices), format="csr")]
    whole = mesh.triangles[divisions <= 1]
    links = [_welds(mesh), whole[:, :2], whole[:, 1:]]
    count = len(mesh.vertices)
    for number in np.unique(divisions[divisions > 1]):
        triangles = mesh.triangles[divisions == number]
        mixture, neighbours, tips = _triangle_grid(int(number))
        columns = np.repeat(triangles[:, None], len(mixture), axis=1).reshape(-1, 3)
        values = np.tile(mixture, (len(triangles), 1))
        starts = np.arange(0, values.size + 1, 3)
        blocks.append(sparse.csr_matrix((values.ravel(), columns.ravel(), starts), (len(values), len(mesh.vertices))))
        firsts = count + len(mixture) * np.arange(len(triangles))
        links.append((firsts[:, None, None] + neighbours).reshape(-1, 2))
        links.append(np.stack([triangles, firsts[:, None] + tips], axis=2).reshape(-1, 2))
        count += len(values)
    return SurfaceSamples(sparse.vstack(blocks, format="csr"), np.concatenate(links).astype(np.int32))


def signed_distance(mesh: Mesh, points: Float64) -> Float64:
    """float64[P]: metres from the points, float64[P, 3], to the surface, negative inside.

    Inside is where the generalised winding number is above one half (Jacobson et al. 2013), which holes, overlapping
    shells and unwelded vertices change little.
    """
    centre = mesh.vertices.mean(axis=0)
    triangles = _facing_outwards(mesh)
    surface = wp.Mesh(
        wp.array(np.ascontiguousarray((mesh.vertices - centre) / mesh.diagonal, np.float32), dtype=wp.vec3, device="cpu"),
        wp.array(triangles.ravel().astype(np.int32), dtype=wp.int32, device="cpu"),
        support_winding_number=True,
    )
    queries: wp.array = wp.array(np.ascontiguousarray((points - centre) / mesh.diagonal, np.float32), dtype=wp.vec3, device="cpu")
    distances = wp.zeros(len(points), dtype=wp.float32, device="cpu")
    wp.launch(signed_distance_kernel, len(points), [surface.id, queries, distances], device="cpu")
    return distances.numpy().astype(np.float64) * mesh.diagonal


def _triangle_grid(divisions: int) -> tuple[Float64, Int32, Int32]:
    """A regular grid over a triangle, corners included.

    Barycentric coordinates float64[n, 3], pairs of neighbours int32[m, 2], and the grid points at the three corners int32[3].
    """
    first, second = np.meshgrid(np.arange(divisions + 1), np.arange(divisions + 1), indexing="ij")
    inside = first + second <= divisions
    numbers = np.full(inside.shape, -1)
    numbers[inside] = np.arange(inside.sum())
    sides = ((numbers[1:], numbers[:-1]), (numbers[:, 1:], numbers[:, :-1]), (numbers[1:, :-1], numbers[:-1, 1:]))
    neighbours = np.concatenate([np.stack([one.ravel(), other.ravel()], axis=1) for one, other in sides])
    along, across = first[inside] / divisions, second[inside] / divisions
    tips = np.array([numbers[0, 0], numbers[divisions, 0], numbers[0, divisions]], np.int32)
    return np.stack([1 - along - across, along, across], axis=1), neighbours[(neighbours >= 0).all(axis=1)].astype(np.int32), tips


def _welds(mesh: Mesh) -> Int32:
    """int32[V, 2]: each vertex with the first one at its place."""
    first, place = at_one_place(mesh.vertices - mesh.vertices.min(axis=0), WELDED * mesh.diagonal)
    return np.stack([np.arange(len(place)), first[place]], axis=1).astype(np.int32)


def _facing_outwards(mesh: Mesh) -> Int32:
    """The triangles, turned over if they enclose a negative volume."""
    corners = (mesh.vertices - mesh.vertices.mean(axis=0))[mesh.triangles].astype(np.float64)
    volume = np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    return mesh.triangles[:, ::-1] if volume < 0 else mesh.triangles
