"""The simulation cage: a lattice of cubes around the subject, each split into six tetrahedra (Kuhn's subdivision).

The cage asks nothing of the surface: holes, loose shells, flat parts and unwelded vertices only change which cubes are
filled. A cube through which several parts of the subject pass is there once for each (see `pieces`). A surface point lies in
exactly one tetrahedron of its part's cube and moves with its four corners.

N is the number of cage nodes, E of tetrahedra, P of surface samples; V and F as in `core.types`.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..errors import InputError
from ..types import Float64, Int32, Mesh
from .pieces import GRAINS_PER_EDGE, gather_grains, separate
from .surface import sample_surface, signed_distance

TETRAHEDRA_PER_CELL = 6
MAX_CELLS = 4000
"""Most cubes, not counting copies, and so about 24,000 tetrahedra: bounds time and memory. The cells are made larger to stay
below."""

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

    def at_vertices(self, of_nodes: Float64) -> Float64:
        """float64[..., V, 3]: vectors at the vertices, from those at the nodes, float64[..., N, 3]."""
        return np.einsum("vk,...vki->...vi", self.vertex_barycentric, of_nodes[..., self.vertex_nodes, :])

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


def build_cage(mesh: Mesh, resolution: float, weights: sparse.csr_matrix | None = None, transforms: Float64 | None = None) -> Cage:
    """Fill the subject with tetrahedra.

    resolution: edge of a cube as a share of the bounding box's diagonal. Where that would take more than `MAX_CELLS`
        cubes, they are made larger (see `Cage.cell_size`).
    weights: sparse [V, B], transforms: float64[M, B, 3, 4]: how the vertices hang on bones, and moments of the motion. Parts
        that the motion takes apart get cubes of their own; without, all that is near hangs together.
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
    if weights is None or transforms is None:
        weights, transforms = sparse.csr_matrix(np.ones((len(mesh.vertices), 1))), np.zeros((0, 1, 3, 4))
    return lattice.cage(mesh, cells, weights, transforms)


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
        samples = sample_surface(mesh, self.cell_size / 2).mixtures @ mesh.vertices.astype(np.float64)
        filled[tuple(self._cells_of(samples).T)] = True
        empty = np.argwhere(~filled)
        if len(empty):
            centres = self.origin + (empty + 0.5) * self.cell_size
            filled[tuple(empty[signed_distance(mesh, centres) < 0].T)] = True
        return np.argwhere(filled).astype(np.int32)

    def cage(self, mesh: Mesh, cells: Int32, weights: sparse.csr_matrix, transforms: Float64) -> Cage:
        """The cage made of these cubes, a copy for each part of the flesh that passes through one."""
        samples = sample_surface(mesh, self.cell_size / (GRAINS_PER_EDGE + 1))
        on_surface = samples.mixtures @ mesh.vertices.astype(np.float64)
        inside, nearest, links = self._inside(mesh, cells, on_surface)
        points = np.concatenate([on_surface, inside])
        point_cells, corners, barycentric = embed(points, self.origin, self.cell_size)
        on_bones = samples.mixtures @ weights
        grains, of_point = gather_grains(
            points,
            point_cells,
            (points - self.origin) / self.cell_size - point_cells,
            np.concatenate([samples.links, links]),
            sparse.vstack([on_bones, on_bones[nearest]], format="csr"),
        )
        copies = separate(grains, self.cell_size, transforms)
        nodes = self.origin + copies.nodes * self.cell_size
        count = len(on_surface)
        own = copies.corners[copies.of_grain[of_point[:count]]]
        return Cage(
            nodes=nodes,
            tetrahedra=copies.corners[:, KUHN_TETRAHEDRA].reshape(-1, 4).astype(np.int32),
            cell_size=self.cell_size,
            signed_distance=signed_distance(mesh, nodes),
            surface_samples=samples.mixtures,
            sample_nodes=np.take_along_axis(own, (corners - point_cells[:, None])[:count] @ [1, 2, 4], axis=1).astype(np.int32),
            sample_barycentric=barycentric[:count],
        )

    def _inside(self, mesh: Mesh, cells: Int32, on_surface: Float64) -> tuple[Float64, Int32, Int32]:
        """Points inside the subject, float64[I, 3], a grain apart, the nearest sample of the surface to each, int32[I], and links.

        links: int32[L, 2], counting the samples first: points between which there is certainly no surface, their distance
        being less than those to the surface together; each with its nearest sample.
        """
        thirds = (np.stack(np.unravel_index(np.arange(GRAINS_PER_EDGE**3), (GRAINS_PER_EDGE,) * 3), axis=1) + 0.5) / GRAINS_PER_EDGE
        points = self.origin + (cells[:, None] + thirds).reshape(-1, 3) * self.cell_size
        distance = signed_distance(mesh, points)
        points, depth = points[distance < 0], -distance[distance < 0]
        nearest = cKDTree(on_surface).query(points)[1]
        pairs = cKDTree(points).query_pairs(1.01 * self.cell_size / GRAINS_PER_EDGE, output_type="ndarray") if len(points) else np.zeros((0, 2), np.int64)
        first, second = pairs.T
        clear = depth[first] + depth[second] > np.linalg.norm(points[first] - points[second], axis=1)
        numbers = len(on_surface) + np.arange(len(points))
        return points, nearest, np.concatenate([numbers[pairs[clear]], np.column_stack([nearest, numbers])])

    def _cells_of(self, points: Float64) -> Int32:
        return np.floor((points - self.origin) / self.cell_size).astype(np.int32)


def _check(mesh: Mesh) -> None:
    if len(mesh.triangles) == 0:
        raise InputError("The subject has no faces.", "Soft tissue needs a surface; pick a mesh that has one.")
    if not np.isfinite(mesh.vertices).all():
        raise InputError("The subject has vertices at infinite or undefined places.", "Clean up the mesh.")
    if mesh.diagonal <= 0:
        raise InputError("The subject has no extent.", "Pick a mesh that is larger than a point.")
