"""From simulated flesh to few shape keys.

The flesh's offsets are taken back to before skinning, through the inverse of each vertex's blended bone matrix, so that the
armature carries them out again; then a truncated singular value decomposition over time leaves few keys. T is the number
of frames, N of cage nodes, V of vertices, K of keys.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import warp as wp

from ..types import Float32, Float64, Rig, Tissue
from .cage import Cage
from .offset_kernels import rest_offset_kernel

KEY_TOLERANCE = 5e-4
"""No more keys are spent once no vertex is off by more than this share of the diagonal in any frame."""

CHUNK_OFFSETS = 4_000_000
"""Most offsets (frames times vertices) in memory at once."""

OffsetsOf = Callable[[slice], Float32]
"""Offsets float32[T, v, 3] of a range of v vertices."""


@dataclass(frozen=True)
class RestOffsets:
    """Offsets of the vertices before skinning, computed for a range of vertices at a time.

    node_offsets: float64[T, N, 3], where the flesh is relative to the skinned cage, world space, metres.
    transforms: float64[T, B, 3, 4], the bones' motion. limit: metres, length above which no offset goes.
    """

    cage: Cage
    rig: Rig
    transforms: Float64
    node_offsets: Float64
    limit: float

    def of(self, vertices: slice) -> tuple[Float32, int]:
        """float32[T, v, 3], metres, world axes of the rest pose, and how many of them had to be limited."""
        frames = len(self.node_offsets)
        bone_linear = np.einsum("tbij,bjk->tbik", self.transforms[..., :3], self.rig.bind[..., :3])
        count = len(self.cage.vertex_nodes[vertices])
        offsets = wp.zeros((frames, count), dtype=wp.vec3f, device="cpu")
        limited = wp.zeros(1, dtype=wp.int32, device="cpu")
        inputs = [
            _warp(self.node_offsets, np.float64, wp.vec3d),
            _warp(self.cage.vertex_nodes[vertices], np.int32, wp.vec4i),
            _warp(self.cage.vertex_barycentric[vertices], np.float64, wp.vec4d),
            _warp(bone_linear, np.float64, wp.mat33d),
            _warp(self.rig.influences[vertices], np.int32, wp.int32),
            _warp(self.rig.weights[vertices], np.float64, wp.float64),
            wp.float64(self.limit),
        ]
        wp.launch(rest_offset_kernel, (frames, count), [*inputs, offsets, limited], device="cpu")
        return offsets.numpy(), int(limited.numpy()[0])


@dataclass(frozen=True)
class Compression:
    """A motion as shape keys, and what that lost.

    kept: share of the offsets' squared length that the keys keep, 1 where there is no motion.
    largest, largest_error: longest offset, and longest difference that any vertex has in any frame, metres.
    """

    tissue: Tissue
    kept: float
    largest: float
    largest_error: float


def compress(offsets_of: OffsetsOf, frames: int, vertices: int, max_keys: int, tolerance: float) -> Compression:
    """The best few shape keys for a motion (truncated singular value decomposition, Eckart and Young 1936).

    offsets_of: the motion, asked for in ranges of vertices, twice. max_keys: at least 1.
    tolerance: metres; fewer keys are made if they keep every vertex that near in every frame.
    Frame 0 must be zero, and stays so. Each key's values reach 1 or -1.
    """
    chunks = [slice(start, start + max(1, CHUNK_OFFSETS // frames)) for start in range(0, vertices, max(1, CHUNK_OFFSETS // frames))]
    gram = np.zeros((frames, frames))
    for chunk in chunks:
        rows = offsets_of(chunk).reshape(frames, -1).astype(np.float64)
        gram += rows @ rows.T
    modes = _time_modes(gram, max_keys)
    scale = np.abs(modes).max(axis=0)
    values = modes / scale
    values[0] = 0.0
    offsets = np.empty((modes.shape[1], vertices, 3), np.float32)
    errors = np.zeros(modes.shape[1] + 1)
    for chunk in chunks:
        original = offsets_of(chunk)
        offsets[:, chunk] = ((modes * scale).T @ original.reshape(frames, -1)).reshape(modes.shape[1], original.shape[1], 3)
        errors = np.maximum(errors, _largest_errors(original, values, offsets[:, chunk]))
    enough = np.flatnonzero(errors <= tolerance)
    count = int(enough[0]) if len(enough) else modes.shape[1]
    total = float(np.trace(gram))
    kept = float(np.vdot(modes[:, :count], gram @ modes[:, :count])) / total if total > 0 else 1.0
    names = tuple(f"soft.{number + 1:03d}" for number in range(count))
    tissue = Tissue(names, offsets[:count], values[:, :count].astype(np.float32))
    return Compression(tissue, kept, float(errors[0]), float(errors[count]))


def _time_modes(gram: Float64, max_keys: int) -> Float64:
    """float64[T, K]: orthonormal courses in time, strongest first, largest value positive. gram: float64[T, T], products of the frames' offsets."""
    strengths, courses = np.linalg.eigh(gram)
    strengths, courses = strengths[::-1], courses[:, ::-1]
    signs = np.sign(courses[np.abs(courses).argmax(axis=0), np.arange(len(gram))])
    # What rounding leaves of a gram matrix of lower rank is no motion.
    count = min(max_keys, int((strengths > 1e-12 * max(strengths[0], 0.0)).sum()))
    return (courses * signs)[:, :count]


def _largest_errors(original: Float32, values: Float64, offsets: Float32) -> Float64:
    """float64[K + 1]: by how much the first 0, 1, ... K keys miss any vertex in any frame, metres.

    original: float32[T, v, 3]. values: float64[T, K]. offsets: float32[K, v, 3].
    """
    left = original.copy()
    errors = [_longest(left)]
    for course, shape in zip(values.T.astype(np.float32), offsets, strict=True):
        left -= course[:, None, None] * shape
        errors.append(_longest(left))
    return np.array(errors)


def _longest(offsets: Float32) -> float:
    return math.sqrt(float(np.einsum("tvi,tvi->tv", offsets, offsets).max(initial=0.0)))


def _warp(values: np.ndarray, kind: type, dtype: type) -> wp.array:
    return wp.array(np.ascontiguousarray(values, kind), dtype=dtype, device="cpu")
