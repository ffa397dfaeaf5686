"""The simulation cage: a lattice of cubes around the subject, each split into six tetrahedra (Kuhn's subdivision).

The cage asks nothing of the surface: holes, loose shells, flat parts and unwelded vertices only change which cubes are
filled. A surface point lies in exactly one tetrahedron of its cube and moves with its four corners.

N is the number of cage nodes, E of tetrahedra, P of surface samples; V and F as in `core.types`.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
import warp as wp
from scipy.sparse.csgraph import connected_components

from ..errors import InputError
from ..types import Float64, Int32, Mesh
from .kernels import signed_distance_kernel

TETRAHEDRA_PER_CELL = 6
MAX_CELLS = 4000
"""Most cubes, and so at most 24,000 tetrahedra: bounds time and memory. The cells are made larger to stay below."""

CELL_CORNERS = np.array([[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)])
KUHN_TETRAHEDRA = np.array([[0, 1, 3, 7], [0, 3, 2, 7], [0, 2, 6, 7], [0, 6, 4, 7], [0, 4, 5, 7], [0, 5, 1, 7]])
"""Corners of the six tetrahedra of a cube, all around its main diagonal, so that neighbouring cubes fit together."""


@dataclass(frozen=True)
class Cage:
    """Tetrahedra around the subject, in the pose of the first frame.

    nodes: float64[N, 3], world space, metres. tetrahedra: int32[E, 4], positive volume. cell_size: edge of a cube, metres.
    signed_distance: float64[N], metres to the surface, negative inside.
    surface_samples: sparse [P, V], rows sum to one: points spread over the surface, as mixtures of its vertices. The first
        V are the vertices themselves.
    sample_nodes: int32[P, 4], sample_barycentric: float64[P, 4]: what each sample moves with.
    """

    nodes: Float64
    tetrahedra: Int32
    cell_size: float
    signed_distance: Float64
    surface_samples: sparse.csr_matrix
    sample_nodes: Int32
    sample_barycentric: Float64

    @property
    def vertex_nodes(self) -> Int32:
        """int32[V, 4]: the corners of the tetrahedron around each vertex of the mesh."""
        return self.sample_nodes[: self.surface_samples.shape[1]]

    @property
    def vertex_barycentric(self) -> Float64:
        """float64[V, 4]: how much of each of those corners."""
        return self.sample_barycentric[: self.surface_samples.shape[1]]

    def edges(self) -> Int32:
        """int32[edges, 2]: pairs of nodes that share a tetrahedron, each once."""
        first, second = np.triu_indices(4, 1)
        pairs = np.stack([self.tetrahedra[:, first].ravel(), self.tetrahedra[:, second].ravel()], axis=1)
        return np.unique(np.sort(pairs, axis=1), axis=0)

    def components(self) -> Int32:
        """int32[N]: which connected piece of the cage each node belongs to, counted from 0."""
        first, second = self.edges().T
        count = len(self.nodes)
        return connected_components(sparse.coo_matrix((np.ones(len(first)), (first, second)), (count, count)), directed=False)[1]


def build_cage(mesh: Mesh, resolution: float) -> Cage:
    """Fill the subject with tetrahedra.

    resolution: edge of a cube as a share of the bounding box's diagonal. Where that would take more than `MAX_CELLS`
        cubes, they are made larger (see `Cage.cell_size`).
    Raises InputError for a mesh without extent, without triangles or with coordinates that are not finite.
    """
    _check(mesh)
    cell_size = resolution * mesh.diagonal
    while True:
        lattice = _Lattice.around(mesh, cell_size)
        cells = lattice.filled_cells(mesh)
        if len(cells) <= MAX_CELLS:
            break
        cell_size *= max(1.05, (len(cells) / MAX_CELLS) ** 0.4)
    return lattice.cage(mesh, cells)


def embed(points: Float64, origin: Float64, cell_size: float) -> tuple[Int32, Int32, Float64]:
    """Where points lie in Kuhn's subdivision of a lattice.

    points: float64[P, 3]. Returns cells int32[P, 3], the four corners of the tetrahedron around each point as lattice
    coordinates int32[P, 4, 3], and barycentric coordinates float64[P, 4]. The corners are reached from the cell's
    lowest one by stepping along the axes in descending order of the point's fractions, which are thus the coordinates.
    """
    scaled = (points - origin) / cell_size
    cells = np.floor(scaled).astype(np.int32)
    fractions = scaled - cells
    order = np.argsort(-fractions, axis=1, kind="stable")
    ordered = np.take_along_axis(fractions, order, axis=1)
    steps = np.cumsum(np.eye(3, dtype=np.int32)[order], axis=1)
    corners = np.concatenate([np.zeros_like(steps[:, :1]), steps], axis=1) + cells[:, None]
    padded = np.concatenate([np.ones((len(points), 1)), ordered, np.zeros((len(points), 1))], axis=1)
    return cells, corners.astype(np.int32), -np.diff(padded, axis=1)


def sample_surface(mesh: Mesh, spacing: float) -> sparse.csr_matrix:
    """Points on the surface no further apart than about `spacing` metres: sparse [P, V], the vertices first."""
    corners = mesh.vertices[mesh.triangles].astype(np.float64)
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    divisions = np.ceil(longest / spacing).astype(int)
    blocks = [sparse.identity(len(mesh.vertices), format="csr")]
    for count in np.unique(divisions[divisions > 1]):
        triangles = mesh.triangles[divisions == count]
        mixture = _triangle_mixtures(int(count))
        columns = np.repeat(triangles[:, None], len(mixture), axis=1).reshape(-1, 3)
        values = np.tile(mixture, (len(triangles), 1))
        starts = np.arange(0, values.size + 1, 3)
        blocks.append(sparse.csr_matrix((values.ravel(), columns.ravel(), starts), (len(values), len(mesh.vertices))))
    return sparse.vstack(blocks, format="csr")


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


@dataclass(frozen=True)
class _Lattice:
    """Cubes around a mesh: origin float64[3] metres, edge in metres, and how many there are along each axis."""

    origin: Float64
    cell_size: float
    shape: tuple[int, int, int]

    @classmethod
    def around(cls, mesh: Mesh, cell_size: float) -> "_Lattice":
        """The lattice whose middle is the middle of the mesh."""
        low, high = mesh.vertices.min(axis=0).astype(np.float64), mesh.vertices.max(axis=0).astype(np.float64)
        # A hundredth of a cell of margin keeps what lies on the box's sides clear of the lattice's own.
        counts = np.maximum(1, np.ceil((high - low) / cell_size + 0.01)).astype(int)
        return cls((low + high) / 2 - counts * cell_size / 2, cell_size, (int(counts[0]), int(counts[1]), int(counts[2])))

    def filled_cells(self, mesh: Mesh) -> Int32:
        """int32[C, 3]: the cubes that hold some surface or lie inside."""
        filled = np.zeros(self.shape, bool)
        samples = sample_surface(mesh, self.cell_size / 2) @ mesh.vertices.astype(np.float64)
        filled[tuple(self._cells_of(samples).T)] = True
        empty = np.argwhere(~filled)
        if len(empty):
            centres = self.origin + (empty + 0.5) * self.cell_size
            filled[tuple(empty[signed_distance(mesh, centres) < 0].T)] = True
        return np.argwhere(filled).astype(np.int32)

    def cage(self, mesh: Mesh, cells: Int32) -> Cage:
        """The cage made of these cubes."""
        corners = cells[:, None] + CELL_CORNERS
        lattice_ids, indices = np.unique(self._node_ids(corners), return_inverse=True)
        tetrahedra = indices.reshape(-1, 8)[:, KUHN_TETRAHEDRA].reshape(-1, 4).astype(np.int32)
        nodes = self.origin + np.stack(np.unravel_index(lattice_ids, self._node_shape), axis=1) * self.cell_size
        samples = sample_surface(mesh, self.cell_size / 2)
        _, sample_corners, barycentric = embed(samples @ mesh.vertices.astype(np.float64), self.origin, self.cell_size)
        return Cage(
            nodes=nodes,
            tetrahedra=tetrahedra,
            cell_size=self.cell_size,
            signed_distance=signed_distance(mesh, nodes),
            surface_samples=samples,
            sample_nodes=np.searchsorted(lattice_ids, self._node_ids(sample_corners)).astype(np.int32),
            sample_barycentric=barycentric,
        )

    @property
    def _node_shape(self) -> tuple[int, int, int]:
        x, y, z = self.shape
        return x + 1, y + 1, z + 1

    def _cells_of(self, points: Float64) -> Int32:
        return np.floor((points - self.origin) / self.cell_size).astype(np.int32)

    def _node_ids(self, coordinates: Int32) -> Int32:
        return np.ravel_multi_index(tuple(np.moveaxis(coordinates, -1, 0)), self._node_shape)


def _triangle_mixtures(divisions: int) -> Float64:
    """float64[n, 3]: barycentric coordinates of a regular grid over a triangle, corners included."""
    first, second = np.meshgrid(np.arange(divisions + 1), np.arange(divisions + 1), indexing="ij")
    inside = first + second <= divisions
    first, second = first[inside] / divisions, second[inside] / divisions
    return np.stack([1 - first - second, first, second], axis=1)


def _facing_outwards(mesh: Mesh) -> Int32:
    """The triangles, turned over if they enclose a negative volume."""
    corners = (mesh.vertices - mesh.vertices.mean(axis=0))[mesh.triangles].astype(np.float64)
    volume = np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    return mesh.triangles[:, ::-1] if volume < 0 else mesh.triangles


def _check(mesh: Mesh) -> None:
    if len(mesh.triangles) == 0:
        raise InputError("The subject has no faces.", "Soft tissue needs a surface; pick a mesh that has one.")
    if not np.isfinite(mesh.vertices).all():
        raise InputError("The subject has vertices at infinite or undefined places.", "Clean up the mesh.")
    if mesh.diagonal <= 0:
        raise InputError("The subject has no extent.", "Pick a mesh that is larger than a point.")
