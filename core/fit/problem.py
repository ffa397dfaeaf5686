"""The subject as the fit sees it: in a world of size one, with the joints that the picture can say something about.

The world is moved and scaled so that the subject's bounding box has its centre at the origin and a diagonal of one; a fly
and a whale then behave alike. Vertices at one place with one skin are welded. The rig's tree becomes the `Skeleton` that
is solved, see `tree`. `Problem.motion` turns a solution back into the rig's own tree, exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from scipy import sparse
from scipy.spatial.transform import Rotation
from torch import Tensor

from ..bone_scale import bone_axes, scale_matrices
from ..sent_once import sent_once
from ..surface import spread_by_area
from ..types import Float32, Float64, Int32, Mesh, Motion, Rig, View
from .kinematics import Skeleton, Skin, Stretching, stretch_matrices
from .posed import transforms
from .poses import Poses
from .tree import solved_tree

BULK_POINTS = 160
"""Points that stand for the whole body where its depth is held."""

WELD = 1e-5
"""Vertices nearer than this fraction of the diagonal are one."""


@sent_once
@dataclass(frozen=True)
class Problem:
    """The normalised subject.

    skeleton: J joints, normalised. bone_of_joint: J indices into the rig's bones. skin: of the welded vertices, over joints.
    kept: int64[W], which of the mesh's vertices stands for each welded one. vertices: float64[W, 3], welded. triangles: int32[F, 3] into them. clip_matrix: float64[4, 4], normalised world to clip.
    camera_axis: float64[3], unit, away from the camera. movable: bool[J], joints that may translate. axes: float64[J, 3], unit, along each
    joint's bone. stretchy: bool[J], joints that may change their length. centre, scale: world = normalised * scale + centre.
    """

    rig: Rig
    skeleton: Skeleton
    bone_of_joint: tuple[int, ...]
    skin: Skin
    kept: np.ndarray
    vertices: Float64
    triangles: Int32
    clip_matrix: Float64
    camera_axis: Float64
    movable: Tensor
    axes: Tensor
    stretchy: Tensor
    centre: Float64
    scale: float
    blend: sparse.csr_matrix

    @staticmethod
    def of(mesh: Mesh, rig: Rig, view: View) -> "Problem":
        """Normalise a subject."""
        low, high = mesh.vertices.min(0).astype(float), mesh.vertices.max(0).astype(float)
        centre, scale = (low + high) / 2, float(np.linalg.norm(high - low))
        parents, heads, bones = solved_tree(mesh, rig)
        joint_of_bone = np.full(len(rig.names), -1)
        joint_of_bone[bones] = np.arange(len(bones))
        kept, welded = _weld(mesh, rig, scale)
        raw = Skin.of(rig)
        skin = Skin(
            torch.as_tensor(np.maximum(joint_of_bone[rig.influences[kept]], 0)),
            raw.weights[kept] / raw.weights[kept].sum(1, keepdim=True).clamp(min=1e-12),
            (raw.starts[kept] - torch.as_tensor(centre)) / scale,
        )
        normalise = np.eye(4)
        normalise[:3, :3] *= scale
        normalise[:3, 3] = centre
        triangles = welded[mesh.triangles]
        distinct = (triangles[:, 0] != triangles[:, 1]) & (triangles[:, 1] != triangles[:, 2]) & (triangles[:, 2] != triangles[:, 0])
        return Problem(
            rig=rig,
            skeleton=Skeleton.of(parents, (heads - centre) / scale),
            bone_of_joint=tuple(bones),
            skin=skin,
            kept=kept,
            vertices=(mesh.vertices[kept].astype(float) - centre) / scale,
            triangles=np.ascontiguousarray(triangles[distinct], np.int32),
            clip_matrix=view.world_to_clip @ normalise,
            camera_axis=-view.camera_to_world[:3, 2],
            movable=torch.tensor([parent < 0 for parent in parents]),
            axes=torch.from_numpy(bone_axes(rig)[bones, :, 1]),
            stretchy=torch.zeros(len(bones), dtype=torch.bool),
            centre=centre,
            scale=scale,
            blend=_blend_matrix(skin, len(bones)),
        )

    @cached_property
    def joint_of_vertex(self) -> np.ndarray:
        """int64[W]: the joint that moves each welded vertex most."""
        return self.skin.bones.gather(1, self.skin.weights.argmax(1, keepdim=True))[:, 0].numpy()

    @cached_property
    def joint_of_triangle(self) -> np.ndarray:
        """int64[F]: the joint that moves each triangle most."""
        return self.joint_of_vertex[self.triangles[:, 0]]

    @cached_property
    def bulk(self) -> tuple[Skin, Tensor]:
        """`BULK_POINTS` points spread evenly over the whole surface, seen or not: their skin, and float64[N, 3] where frame 0 has them."""
        corners = self.vertices[self.triangles]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        chosen = spread_by_area(area, BULK_POINTS)
        points = torch.from_numpy(self.triangles[chosen, np.arange(BULK_POINTS) % 3].astype(np.int64))
        skin = self.skin[points]
        return skin, torch.from_numpy(self.vertices[points.numpy()])

    @property
    def joints(self) -> int:
        """Number of solved joints."""
        return len(self.bone_of_joint)

    @cached_property
    def elastic(self) -> np.ndarray:
        """bool[J]: the joints whose bones can change their length without more ado: all that moves with one in the solved tree hangs
        below it in the rig's own too, and is scaled along."""
        parents, inherits = self.rig.parents.tolist(), self.rig.inherits_scale.tolist()
        carriers = []
        for bone in self.bone_of_joint:
            above = {bone}
            while parents[bone] >= 0 and inherits[bone]:
                bone = parents[bone]
                above.add(bone)
            carriers.append(above)
        descends = self.skeleton.descends.numpy() > 0
        return np.array([all(bone in carriers[below] for below in np.flatnonzero(descends[joint])) for joint, bone in enumerate(self.bone_of_joint)])

    @cached_property
    def hinge_axes(self) -> Tensor:
        """float64[J, 3]: the axis that each joint is built to turn about, unit; zero where none is known."""
        chosen = list(self.bone_of_joint)
        return torch.from_numpy(bone_axes(self.rig)[chosen, :, 0] * self.rig.hinged[chosen, None])

    @cached_property
    def loose(self) -> np.ndarray:
        """bool[J]: the joints that could leave their place in their parent."""
        return self.rig.loose[list(self.bone_of_joint)]

    def rest(self, count: int) -> Poses:
        """`count` times the pose of frame 0."""
        poses = Poses.rest(count, self.joints)
        return replace(poses, stretches=torch.zeros(count, self.joints, dtype=torch.float64)) if self.stretchy.any() else poses

    def transforms(self, poses: Poses) -> tuple[Tensor, Tensor]:
        """Linear maps float64[T, J, 3, 3] and shifts float64[T, J, 3] of all joints."""
        if poses.stretches is None:
            return transforms(self.skeleton, poses.rotations, poses.translations)
        return transforms(self.skeleton, poses.rotations @ stretch_matrices(poses.stretches, self.axes), poses.translations)

    def with_limb(self, pose: Poses, joints: Sequence[int], rotations: Tensor) -> tuple[Tensor, Tensor]:
        """Transforms [K, J, 3, 3] and [K, J, 3] of one pose with other turns float64[K, m, 3, 3] of some joints; see `Skeleton.moved`."""
        turns = rotations
        if pose.stretches is not None:
            turns = rotations @ stretch_matrices(pose.stretches, self.axes)[:, list(joints)]
        return self.skeleton.moved(*self.transforms(pose), joints, turns, pose.translations[:, list(joints)])

    def parent_turns(self, poses: Poses, world: Tensor) -> Tensor:
        """float64[T, J, 3, 3]: the rotation of each joint's parent, as if nothing above it were stretched. world: the joints' linear maps."""
        if poses.stretches is not None:
            world, _ = transforms(self.skeleton, poses.rotations, poses.translations)
        return self.skeleton.parent_rotations(world)

    def stretching(self, poses: Poses, world: Tensor) -> Stretching | None:
        """How joints act in poses whose linear maps are `world`; None where none may stretch."""
        if poses.stretches is None:
            return None
        above = self.skeleton.parent_rotations(world)
        return Stretching.of(above, self.parent_turns(poses, world), world, self.axes, self.stretchy)

    @property
    def parts(self) -> tuple[slice, slice]:
        """Where a pose's unknowns hold the joints' turns and the movable joints' shifts; behind them are the lengths of those that stretch."""
        turns = 3 * self.joints
        return slice(0, turns), slice(turns, turns + 3 * int(self.movable.sum()))

    @property
    def unknowns(self) -> int:
        """Number of unknowns of a pose."""
        return self.parts[1].stop + int(self.stretchy.sum())

    def stretched(self, poses: Poses, change: Tensor) -> Tensor | None:
        """The poses' stretches after a change float64[T, S] of those that may stretch."""
        if poses.stretches is None:
            return None
        stretches = poses.stretches.clone()
        stretches[:, self.stretchy] += change
        return stretches

    def skinned(self, world: Tensor, shift: Tensor) -> Float64:
        """float64[T, W, 3]: the welded vertices in some poses, as one sparse product."""
        stacked = torch.cat([world, shift[..., None]], -1).permute(1, 3, 0, 2)  # J, 4, T, 3
        points = self.blend @ stacked.reshape(4 * world.shape[1], -1).numpy()
        return np.ascontiguousarray(points.reshape(len(self.vertices), -1, 3).transpose(1, 0, 2))

    def clip_points(self, points: Float64) -> Float32:
        """float32[..., 4]: normalised points in clip space."""
        return (points @ self.clip_matrix[:, :3].T + self.clip_matrix[:, 3]).astype(np.float32)

    def motion(self, poses: Poses, certainty: Float32) -> Motion:
        """The solution in the rig's own tree and in metres. certainty: float32[J]."""
        world, shift = (part.numpy() for part in self.transforms(poses))
        shift = shift * self.scale + self.centre - world @ self.centre
        joints = dict(zip(self.bone_of_joint, range(self.joints), strict=True))
        frames, bones = len(poses), len(self.rig.names)
        scales = np.ones((frames, bones, 3))
        if poses.stretches is not None:
            scales[:, self.bone_of_joint] = np.exp(poses.stretches.numpy()[..., None] * [-0.5, 1.0, -0.5])
        backwards = scale_matrices(self.rig, 1 / scales)
        rotations = np.tile(np.eye(3), (frames, bones, 1, 1))
        translations = np.zeros((frames, bones, 3))
        worlds = np.tile(np.eye(3, 4), (bones, frames, 1, 1))
        sure = np.zeros(bones, np.float32)
        carried = _carriers(self.rig, [bone for bone, parent in zip(self.bone_of_joint, self.skeleton.parents, strict=True) if parent < 0])
        for bone in range(bones):
            parent = int(self.rig.parents[bone])
            above = worlds[parent] if parent >= 0 else np.tile(np.eye(3, 4), (frames, 1, 1))
            head = self.rig.heads[bone]
            wanted = above.copy()
            if bone in joints:
                joint = joints[bone]
                wanted = np.concatenate([world[:, joint], shift[:, joint, :, None]], -1)
                sure[bone] = certainty[joint]
            elif parent < 0 and bone in carried:  # an unweighted root takes the translation, its child the rotation
                joint = joints[carried[bone]]
                child = self.rig.heads[carried[bone]]
                wanted[..., 3] = world[:, joint] @ child + shift[:, joint] - child
                sure[bone] = certainty[joint]
            inverse = above[..., :3].transpose(0, 2, 1) if poses.stretches is None else np.linalg.inv(above[..., :3])
            rotations[:, bone] = inverse @ wanted[..., :3] @ backwards[:, bone]
            moved = wanted[..., :3] @ head + wanted[..., 3]
            local = (inverse @ (moved - above[..., 3])[..., None])[..., 0]
            translations[:, bone] = local - head
            worlds[bone] = wanted
        translations[np.abs(translations) < 1e-9 * self.scale] = 0.0
        return Motion(_continuous_quaternions(rotations), translations, sure, scales)


def _carriers(rig: Rig, tops: list[int]) -> dict[int, int]:
    """Bone above the solved tree -> the bone below it that the solved tree begins with. tops: bones of the solved roots."""
    found: dict[int, int] = {}
    for bone in sorted(tops):
        above = int(rig.parents[bone])
        while above >= 0:
            found.setdefault(above, bone)
            above = int(rig.parents[above])
    return found


def _continuous_quaternions(matrices: Float64) -> Float64:
    """float64[T, B, 4] (w, x, y, z) without sign flips in time; the first is (1, 0, 0, 0) for the identity."""
    xyzw = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_quat().reshape(*matrices.shape[:2], 4)
    quaternions = np.concatenate([xyzw[..., 3:], xyzw[..., :3]], -1)
    quaternions[0] *= np.where(quaternions[0, :, :1] < 0, -1, 1)
    for frame in range(1, len(quaternions)):
        against = (quaternions[frame] * quaternions[frame - 1]).sum(-1, keepdims=True)
        quaternions[frame] *= np.where(against < 0, -1, 1)
    return quaternions


def _weld(mesh: Mesh, rig: Rig, scale: float) -> tuple[np.ndarray, Int32]:
    """Indices of the vertices kept, and for every vertex which of them it is."""
    place = np.round(mesh.vertices / (WELD * scale)).astype(np.int64)
    hold = np.round(rig.weights * 1000).astype(np.int64)
    keys = np.concatenate([place, rig.influences.astype(np.int64), hold], 1)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return first, inverse.reshape(-1).astype(np.int32)


def _blend_matrix(skin: Skin, joints: int) -> sparse.csr_matrix:
    """[W, 4 J]: times the stacked transforms (rows of rotations, then the shift) gives the skinned points."""
    count, slots = skin.bones.shape
    weights = skin.weights.numpy()
    homogeneous = np.concatenate([skin.starts.numpy(), np.ones((count, slots, 1))], -1) * weights[..., None]
    columns = skin.bones.numpy()[..., None] * 4 + np.arange(4)
    rows = np.broadcast_to(np.arange(count)[:, None, None], columns.shape)
    entries = (homogeneous.ravel(), (rows.ravel(), columns.ravel()))
    return sparse.coo_matrix(entries, shape=(count, 4 * joints)).tocsr()
