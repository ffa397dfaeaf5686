"""Stable neo-Hookean elasticity of a tetrahedral mesh (Smith, de Goes, Kim 2018).

The energy stays finite when elements are flattened or turned inside out and pushes them back. N is the number of nodes, E of
tetrahedra, A of free nodes (those that are not held). Units are SI: metres, newtons, joules, pascals.
"""

import numpy as np
import scipy.sparse as sparse
import warp as wp
from numpy.typing import NDArray

from ..types import Float64, Int32
from . import kernels

POISSON_RATIO = 0.4
"""Sideways bulge of the flesh: nearly incompressible, but not so much that linear tetrahedra lock."""

DENSITY = 1000.0
"""Density of the flesh, kg/m^3."""


class Elasticity:
    """Energy, forces and stiffness of a body.

    nodes: float64[N, 3], rest pose. tetrahedra: int32[E, 4], positive volume. young: float64[E] or one number, Pa.
    free: bool[N], nodes that may move on their own; the stiffness has rows for them alone.

    Attributes: volume float64[E], mass float64[N] (a quarter of each tetrahedron's to each corner).
    """

    def __init__(self, nodes: Float64, tetrahedra: Int32, young: Float64 | float, free: NDArray[np.bool_], poisson_ratio: float = POISSON_RATIO) -> None:
        edges = np.swapaxes(nodes[tetrahedra[:, 1:]] - nodes[tetrahedra[:, :1]], 1, 2)
        self.volume = np.linalg.det(edges) / 6.0
        self.mass = np.bincount(tetrahedra.ravel(), np.repeat(self.volume * DENSITY / 4.0, 4), len(nodes))
        self.free = np.flatnonzero(free)
        self._tetrahedra = tetrahedra
        self._poisson_ratio = poisson_ratio
        self._inverse_modelled = _warp(np.linalg.inv(edges), wp.mat33d)
        self._element_arrays = [
            _warp(np.ascontiguousarray(tetrahedra, np.int32), wp.vec4i),
            _warp(np.linalg.inv(edges), wp.mat33d),
            _warp(self.volume, wp.float64),
            wp.zeros(len(tetrahedra), dtype=wp.float64, device="cpu"),
            wp.zeros(len(tetrahedra), dtype=wp.float64, device="cpu"),
        ]
        self.take_material(young)
        self._x = wp.zeros(len(nodes), dtype=wp.vec3d, device="cpu")
        self._energies = wp.zeros(len(tetrahedra), dtype=wp.float64, device="cpu")
        self._gradient = wp.zeros(len(nodes), dtype=wp.vec3d, device="cpu")
        self._numbers = np.where(free, np.cumsum(free) - 1, -1)
        self._indices, self._pointers, slots = _block_pattern(tetrahedra, self._numbers)
        self._slots = _warp(slots, wp.int32)
        self._blocks = wp.zeros(len(self._indices), dtype=wp.mat33d, device="cpu")
        self.diagonal_slots = _diagonal_slots(self._indices, self._pointers)

    def take_material(self, young: Float64 | float) -> None:
        """Make the body of this stiffness: float64[E] or one number, Pa."""
        values = np.broadcast_to(np.asarray(young, np.float64), len(self._tetrahedra))
        for array, parameter in zip(self._element_arrays[3:], stable_parameters(values, self._poisson_ratio), strict=True):
            array.numpy()[:] = parameter

    def take_shape(self, skinned: Float64) -> None:
        """Make a skinned pose, float64[N, 3], the shape without stress; masses and stiffness stay those of the modelled one.

        So the flesh holds any pose as the skinning shapes it, and only motion and gravity move it from there. Elements
        that the skinning folds or stretches out of reason keep a shape that is neither.
        """
        self._x.numpy()[:] = skinned
        corners, inverse_rest = self._element_arrays[:2]
        wp.launch(kernels.take_shape_kernel, len(self._tetrahedra), [self._x, corners, self._inverse_modelled, inverse_rest], device="cpu")

    def energy(self, x: Float64) -> float:
        """Elastic energy, joules, of the nodes at x: float64[N, 3]; zero in the shape without stress."""
        self._x.numpy()[:] = x
        self._launch(kernels.energy_kernel, self._energies)
        return float(self._energies.numpy().sum())

    def energy_and_gradient(self, x: Float64) -> tuple[float, Float64]:
        """Elastic energy and its derivative float64[N, 3], newtons (the elastic force is its negative)."""
        self._x.numpy()[:] = x
        self._gradient.zero_()
        self._launch(kernels.gradient_kernel, self._energies, self._gradient)
        return float(self._energies.numpy().sum()), self._gradient.numpy().copy()

    def stiffness(self, x: Float64, projected: bool = True) -> sparse.bsr_matrix:
        """Second derivative of the energy with respect to the free nodes, sparse [3A, 3A] in 3x3 blocks, N/m.

        projected: leave out negative eigenvalues element by element, so that the matrix is positive semi-definite and
        Newton's direction goes downhill; without, it is exact. The matrix's arrays are reused by the next call.
        """
        self._x.numpy()[:] = x
        self._blocks.zero_()
        kernel = kernels.projected_hessian_kernel if projected else kernels.exact_hessian_kernel
        self._launch(kernel, self._slots, self._blocks)
        size = 3 * len(self.free)
        return sparse.bsr_matrix((self._blocks.numpy(), self._indices, self._pointers), shape=(size, size))

    def element_work(self, x: Float64, way: Float64) -> Float64:
        """float64[E]: how each tetrahedron's energy changes along a way of the nodes, float64[N, 3]; in proportion to its modulus."""
        self._x.numpy()[:] = x
        work = wp.zeros(len(self._tetrahedra), dtype=wp.float64, device="cpu")
        self._launch(kernels.element_work_kernel, _warp(way, wp.vec3d), work)
        return work.numpy()

    def block_slots(self, corners: Int32) -> Int32:
        """int32[G, 4, 4]: the stiffness's block of each pair of the corners [G, 4] of some tetrahedra, -1 where one is held."""
        numbers = self._numbers[corners]
        rows, columns = np.broadcast_arrays(numbers[:, :, None], numbers[:, None, :])
        count = max(len(self.free), 1)
        keys = np.repeat(np.arange(len(self.free), dtype=np.int64), np.diff(self._pointers)) * count + self._indices
        slots = np.searchsorted(keys, rows.astype(np.int64) * count + columns)
        return np.where((rows >= 0) & (columns >= 0), slots, -1).astype(np.int32)

    def determinants(self, x: Float64) -> Float64:
        """float64[E]: volume of each tetrahedron relative to the modelled one; negative where it is turned inside out."""
        edges = np.swapaxes(x[self._tetrahedra[:, 1:]] - x[self._tetrahedra[:, :1]], 1, 2)
        return np.linalg.det(edges) / (6.0 * self.volume)

    def _launch(self, kernel: wp.Kernel, *others: wp.array | wp.float64) -> None:
        wp.launch(kernel, len(self._tetrahedra), [self._x, *self._element_arrays, *others], device="cpu")


def stable_parameters(young: Float64, poisson_ratio: float) -> tuple[Float64, Float64]:
    """The energy's mu and lambda, Pa, that act as linear elasticity at rest (Smith et al. 2018, section 3.4)."""
    shear = young / (2.0 * (1.0 + poisson_ratio))
    bulk_like = young * poisson_ratio / ((1.0 + poisson_ratio) * (1.0 - 2.0 * poisson_ratio))
    return 4.0 / 3.0 * shear, bulk_like + 5.0 / 6.0 * shear


def _block_pattern(tetrahedra: Int32, numbers: NDArray[np.int64]) -> tuple[Int32, Int32, Int32]:
    """Block columns [blocks] and row pointers [A + 1] of the stiffness, and the block of each pair of corners [E, 16].

    numbers: int64[N], the free nodes counted from 0, -1 for held ones.
    """
    count = int(numbers.max(initial=-1)) + 1
    corners = numbers[tetrahedra]
    rows, columns = np.repeat(corners, 4, axis=1), np.tile(corners, (1, 4))
    both_free = (rows >= 0) & (columns >= 0)
    own = np.arange(count, dtype=np.int64) * (count + 1)
    keys, places = np.unique(np.concatenate([(rows * count + columns)[both_free], own]), return_inverse=True)
    slots = np.full(rows.shape, -1, np.int32)
    slots[both_free] = places[: len(places) - count]
    pointers = np.searchsorted(keys, np.arange(count + 1, dtype=np.int64) * count).astype(np.int32)
    return (keys % max(count, 1)).astype(np.int32), pointers, slots


def _diagonal_slots(indices: Int32, pointers: Int32) -> Int32:
    """int32[A]: the block of each free node with itself."""
    rows = np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))
    return np.flatnonzero(rows == indices).astype(np.int32)


def _warp(values: np.ndarray, dtype: type) -> wp.array:
    """A Warp array of its own memory on the CPU."""
    return wp.array(np.ascontiguousarray(values), dtype=dtype, device="cpu", copy=True)
