"""The subject's own frame: which way is left, which way is up, how big it is.

Everything in this package is computed in that frame, where the mirror plane is x = 0, up is +Z, the subject looks along -Y as
Blender's characters do, and the bounding box's diagonal is 1. So neither the subject's heading nor its size changes the rig.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..surface import spread_by_area
from ..types import Float64, Mesh

SAMPLES = 3000
"""Surface points that a mirror plane is tried on."""

TOLERANCE = 0.015
"""How near a mirrored point must come to the surface to count fully, fraction of the diagonal."""

POSED = 0.55
"""Share of the surface that must mirror onto itself for a plane to be believed; a creature in mid-stride still has it."""

SYMMETRIC = 0.92
"""Share from which left and right are taken as equal, and the skeleton is made exactly so."""

UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class SubjectFrame:
    """A similarity: local = (world - origin) @ axes.T / scale.

    axes: float64[3, 3], rows are the local X (left), Y (back) and Z (up) axes in world space, right-handed.
    origin: float64[3], world; lies in the mirror plane, else at the middle of the bounding box.
    scale: metres that one local unit is long: the bounding box's diagonal.
    likeness: share of the surface that the plane x = 0 maps onto itself, 0 to 1.
    """

    axes: Float64
    origin: Float64
    scale: float
    likeness: float

    @property
    def has_plane(self) -> bool:
        """Whether the subject has a left and a right."""
        return self.likeness >= POSED

    @property
    def symmetric(self) -> bool:
        """Whether left and right are the same shape."""
        return self.likeness >= SYMMETRIC

    def to_local(self, points: Float64) -> Float64:
        """[..., 3] world to local."""
        return (points - self.origin) @ self.axes.T / self.scale

    def to_world(self, points: Float64) -> Float64:
        """[..., 3] local to world."""
        return points @ self.axes * self.scale + self.origin

    def turned(self) -> "SubjectFrame":
        """The same frame looking the other way."""
        return SubjectFrame(self.axes * np.array([[-1.0], [-1.0], [1.0]]), self.origin, self.scale, self.likeness)


def find_frame(mesh: Mesh) -> SubjectFrame:
    """The frame of `mesh`, by the mirror plane under which most of its surface comes back to itself."""
    scale = mesh.diagonal
    points = sample_surface(mesh, SAMPLES)
    low, high = mesh.vertices.min(0).astype(np.float64), mesh.vertices.max(0).astype(np.float64)
    centre = (low + high) / 2
    local = (points - centre) / scale
    tree = cKDTree(local)
    normals = _candidate_normals(local)
    scores = np.array([_best_offset(local, tree, normal)[0] for normal in normals])
    # An axis of the scene is preferred over a slanted plane that is hardly better: assets are modelled along the axes.
    scores *= np.array([1.0, 0.99] + [0.95] * (len(normals) - 2))
    likeness, normal, offset = _refined(local, tree, normals[int(scores.argmax())])
    left = _pointing_left(normal)
    up = UP - left * (UP @ left)
    up = up / np.linalg.norm(up) if np.linalg.norm(up) > 0.5 else np.array([0.0, -1.0, 0.0])
    up = up - left * (up @ left)
    up /= np.linalg.norm(up)
    axes = np.array([left, np.cross(up, left), up])
    origin = centre + normal * offset * scale if likeness >= POSED else centre
    return SubjectFrame(axes, origin, scale, likeness)


def sample_surface(mesh: Mesh, count: int) -> Float64:
    """float64[count, 3]: points spread over the surface by area, always the same for the same mesh."""
    corners = mesh.vertices.astype(np.float64)[mesh.triangles]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    generator = np.random.default_rng(0)
    triangle = corners[spread_by_area(areas, count)]
    u, v = generator.random((2, count))
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    return triangle[:, 0] + u[:, None] * (triangle[:, 1] - triangle[:, 0]) + v[:, None] * (triangle[:, 2] - triangle[:, 0])


def _candidate_normals(points: Float64) -> Float64:
    """float64[N, 3]: X, Y, horizontal directions every 15 degrees, and the principal axes."""
    turns = np.radians(np.arange(15, 180, 15)[np.arange(15, 180, 15) != 90])
    horizontal = np.stack([np.cos(turns), np.sin(turns), np.zeros_like(turns)], 1)
    principal = np.linalg.svd(points - points.mean(0), full_matrices=False)[2]
    flat = principal * [1, 1, 0]
    lengths = np.linalg.norm(flat, axis=1)
    levelled = flat[lengths > 0.5] / lengths[lengths > 0.5][:, None]
    return np.concatenate([np.eye(3)[:2], horizontal, levelled, principal])


def _best_offset(points: Float64, tree: cKDTree, normal: Float64) -> tuple[float, float]:
    """The likeness and the plane's distance from the origin, the best of three guesses for planes across `normal`."""
    along = points @ normal
    guesses = {0.0, float((along.min() + along.max()) / 2), float(np.median(along))}
    return max((_likeness(points, tree, normal, guess), guess) for guess in guesses)


def _likeness(points: Float64, tree: cKDTree, normal: Float64, offset: float) -> float:
    """Share of points that the plane maps onto the surface, falling smoothly with the distance missed."""
    mirrored = points - 2 * (points @ normal - offset)[:, None] * normal
    missed, _ = tree.query(mirrored)
    # Samples are themselves apart; that much is no miss.
    spacing = np.median(tree.query(points[:200], k=2)[0][:, 1])
    return float(np.exp(-0.5 * (np.maximum(missed - 1.5 * spacing, 0) / TOLERANCE) ** 2).mean())


def _refined(points: Float64, tree: cKDTree, normal: Float64) -> tuple[float, Float64, float]:
    """Likeness, normal and offset after a few rounds of matching mirrored points to the nearest (as ICP does)."""
    best = (*_best_offset(points, tree, normal),)
    likeness, offset = best
    start_likeness, start = likeness, (normal, offset)
    for _ in range(6):
        mirrored = points - 2 * (points @ normal - offset)[:, None] * normal
        missed, match = tree.query(mirrored)
        near = missed < 4 * TOLERANCE
        if near.sum() < 10:
            break
        between = points[near] - points[match[near]]
        pull = between.T @ between
        normal = _dominant(pull, normal)
        offset = float(np.median((points[near] + points[match[near]]) @ normal / 2))
    likeness = _likeness(points, tree, normal, offset)
    axis_like = max(abs(start[0])) > 0.999
    if likeness < start_likeness + (0.03 if axis_like else 0.0):
        return start_likeness, start[0], start[1]
    return likeness, normal, offset


def _dominant(matrix: Float64, fallback: Float64) -> Float64:
    """Unit eigenvector of the largest eigenvalue, on the side of `fallback`."""
    vector = np.linalg.eigh(matrix)[1][:, -1]
    return np.asarray(vector if vector @ fallback > 0 else -vector)


def _pointing_left(normal: Float64) -> Float64:
    """The normal turned so that a subject looking along -Y, or else +X, has it on its left."""
    main = int(np.abs(normal[:2]).argmax()) if np.abs(normal[:2]).max() > 0.3 else 2
    return np.asarray(normal if normal[main] > 0 else -normal)
