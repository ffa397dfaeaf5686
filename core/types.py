"""The data that travels between the stages. Imports numpy alone, so that Blender can use it too.

Conventions, here and everywhere in this project:
- quaternions are (w, x, y, z), real part first; matrices act on column vectors;
- lengths are metres in Blender's world space (Z up); tolerances are relative to the subject's bounding-box diagonal;
- cameras look down their local -Z with +Y up, as Blender's do; clip space is OpenGL's (x, y, z in [-w, w], y up);
- images are [height, width, channel] with row 0 on top; a pixel's centre lies at +0.5;
- frame indices count from 0, the frame in which the mesh stands as modelled.

T is the number of frames, V of vertices, F of triangles, B of bones, K of influences a vertex or of shape keys, R of regions of the flesh.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
UInt8 = NDArray[np.uint8]
Bools = NDArray[np.bool_]

Progress = Callable[[float, str], None]
"""Called by a stage with the fraction done (0 to 1) of that stage and a few words about what is being done."""


def no_progress(fraction: float, text: str) -> None:
    """A `Progress` that tells nobody."""


@dataclass(frozen=True)
class Mesh:
    """The subject as the first video frame shows it, every object of it in one.

    vertices: float32[V, 3], world space, metres.
    triangles: int32[F, 3], indices into vertices, counter-clockwise seen from outside. Vertices at one place need not be
        shared: game assets are often unwelded.
    """

    vertices: Float32
    triangles: Int32

    @property
    def diagonal(self) -> float:
        """Length of the bounding box's diagonal, metres."""
        return float(np.linalg.norm(np.ptp(self.vertices, axis=0)))


@dataclass(frozen=True)
class Rig:
    """A skeleton in the pose of the first frame, and how the mesh hangs on it (linear blend skinning).

    names: B bone names, unique.
    parents: int32[B], -1 for a root; a parent stands before its children.
    heads, tails: float64[B, 3], joints and tips in the pose of the first frame, world space, metres.
    z_axes: float64[B, 3], unit vectors that the bones' local Z axes point along as nearly as they can (the roll).
    influences: int32[V, K], bones that move each vertex; padded with bone 0 at weight 0.
    weights: float32[V, K], non-negative, each row sums to one.
    rest: float32[V, 3], the vertices before skinning, world space. Equals the mesh where the first pose is the rest pose.
    bind: float64[B, 3, 4], maps `rest` to where bone b puts it in the first frame; identity for a rig made by us. So
        mesh.vertices = sum over k of weights[:, k] * bind[influences[:, k]] @ (rest, 1).
    inherits_scale: bool[B], whether the bone is scaled along with its parent. loose: bool[B], whether its joint can leave its place in
        its parent, which Blender's connected bones cannot. All are and can where these are left out.
    hinged: bool[B], whether the bone is built to turn about its own X axis, as a leg's is; none is known to be where this is left out.
    """

    names: tuple[str, ...]
    parents: Int32
    heads: Float64
    tails: Float64
    z_axes: Float64
    influences: Int32
    weights: Float32
    rest: Float32
    bind: Float64
    inherits_scale: Bools = field(default_factory=lambda: np.zeros(0, bool))
    loose: Bools = field(default_factory=lambda: np.zeros(0, bool))
    hinged: Bools = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        for name, unless_told in (("inherits_scale", True), ("loose", True), ("hinged", False)):
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.full(len(self.names), unless_told))

    @property
    def diagonal(self) -> float:
        """Length of the diagonal of the bounding box before skinning, metres."""
        return float(np.linalg.norm(np.ptp(self.rest.astype(np.float64), axis=0)))

    @staticmethod
    def bare(mesh: Mesh, names: tuple[str, ...], parents: Int32, heads: Float64, tails: Float64, z_axes: Float64) -> "Rig":
        """Bones that move nothing yet; the rest pose is the mesh as it stands."""
        count = len(mesh.vertices)
        influences, weights = np.zeros((count, 1), np.int32), np.zeros((count, 1), np.float32)
        return Rig(names, parents, heads, tails, z_axes, influences, weights, mesh.vertices.copy(), np.tile(np.eye(3, 4), (len(names), 1, 1)))


@dataclass(frozen=True)
class View:
    """The camera's picture.

    width, height: pixels.
    camera_to_world: float64[4, 4], rigid.
    projection: float64[4, 4], camera space to clip space, perspective or orthographic; holds sensor fit, shift and pixel
        aspect, and so fits any `width` and `height` of the same aspect.
    """

    width: int
    height: int
    camera_to_world: Float64
    projection: Float64

    @property
    def world_to_clip(self) -> Float64:
        """float64[4, 4]: world space to clip space."""
        return self.projection @ np.linalg.inv(self.camera_to_world)

    def resized(self, longer_side: int) -> "View":
        """The same view with its longer side `longer_side` pixels long."""
        scale = longer_side / max(self.width, self.height)
        width, height = (max(1, round(side * scale)) for side in (self.width, self.height))
        return View(width, height, self.camera_to_world, self.projection)


@dataclass(frozen=True)
class Clip:
    """The driving video, decoded and brought onto the camera's picture.

    frames: uint8[T, H, W, 3], sRGB.
    masks: uint8[T, H, W], how much of the pixel the subject covers, 0 to 255.
    fps: the scene's frames a second.
    times: float64[T], the scene frame, counted from the clip's start, at which each is shown; ascending from 0. None where
        frame t of the clip is frame t of the scene.
    """

    frames: UInt8
    masks: UInt8
    fps: float
    times: Float64 | None = None


@dataclass(frozen=True)
class Motion:
    """What the bones do, relative to the first frame; frame 0 is the identity.

    rotations: float64[T, B, 4], unit quaternions about each bone's joint (`Rig.heads`) along the world's axes of frame 0,
        carried along by the parent: world(b) = world(parent) * translate(head + translation) * rotate * scale * translate(-head).
        Continuous in time (no sign flips).
    translations: float64[T, B, 3], metres, of each joint in its parent's frame; zero but for roots.
    certainty: float32[B], 0 (a guess, never seen) to 1 (well determined by the picture).
    scales: float64[T, B, 3], of each bone along its own X, Y and Z axes of frame 0 (see `core.bone_scale`), and so of all that
        hangs on it. One for bones that keep their size, and for all where it is left out.
    """

    rotations: Float64
    translations: Float64
    certainty: Float32
    scales: Float64 = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        if not self.scales.size:
            object.__setattr__(self, "scales", np.ones(self.translations.shape))


@dataclass(frozen=True)
class Keys:
    """Where the animation has keys.

    frames: B arrays int32[n], ascending frame indices, for each bone; the first is 0, the last T - 1; a single one for a
        bone that never moves.
    tissue: int32[n], the same for all shape keys.
    surface_error: largest displacement of the surface by leaving out the other frames, fraction of the diagonal.
    """

    frames: tuple[Int32, ...]
    tissue: Int32
    surface_error: float


@dataclass(frozen=True)
class TissueParameters:
    """The few numbers that flesh has.

    stiffness: float64[R], Young's modulus of the softest flesh of each region, Pa. damping: per second. free_depth: 0 to 1, how far
    from the skin towards the bones the flesh is free (the setting `softness`).
    """

    stiffness: Float64
    damping: float
    free_depth: float


@dataclass(frozen=True)
class Tissue:
    """Soft motion on top of the bones, as shape keys.

    names: K shape-key names.
    offsets: float32[K, V, 3], added to `Rig.rest` before skinning, world axes, metres, at value 1.
    values: float32[T, K], in [-1, 1].
    softness: float32[V], 0 (firm as bone) to 1, with which it was simulated; None where nobody needs to know.
    fitted: what a video said about the flesh; None where none was asked.
    """

    names: tuple[str, ...]
    offsets: Float32
    values: Float32
    softness: Float32 | None = None
    fitted: TissueParameters | None = None
