"""Forward kinematics and linear blend skinning, and their derivatives.

Conventions (see `core.types.Motion`): bone b's transform takes a point from where it stands in frame 0 to where it stands
now, world(b) = world(parent) * translate(head + translation) * rotate * scale * translate(-head), so that every transform is the
identity in frame 0. A transform is kept as a linear map [..., B, 3, 3] and a shift [..., B, 3]: x -> linear @ x + shift; where no
bone changes its size, the linear maps are rotations.

N is the number of points, K of influences a point, B of bones; `...` or T is any batch of poses, usually frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..bone_scale import scale_matrices
from ..types import Float32, Float64, Motion, Rig

CHUNK_POINTS = 2_000_000
"""Most skinned points (frames times vertices) computed in one go: bounds the memory for long clips of large meshes."""

WIDE = -0.9
"""Cosine of a turn below which its axis is not read off the matrix's odd part, which vanishes at half a turn."""


@dataclass(frozen=True)
class Skeleton:
    """The tree of joints, ready for batched evaluation.

    parents: B ints, -1 for a root; a parent stands before its children. heads: float64[B, 3], joints in frame 0.
    jumps: each int64[B + 1], the ancestor 1, 2, 4, 8 .. steps above every bone, B where there is none and of B itself. descends: float64[B, B], 1 at [b, d] where d is b or hangs below it.
    """

    parents: tuple[int, ...]
    heads: Tensor
    jumps: tuple[Tensor, ...]
    descends: Tensor

    @staticmethod
    def of(parents: Sequence[int], heads: Float64 | Tensor) -> "Skeleton":
        """Build from parents and joints [B, 3]."""
        parents = tuple(int(parent) for parent in parents)
        count = len(parents)
        descends = torch.eye(count, dtype=torch.float64)
        for bone, parent in enumerate(parents):
            if parent >= 0:
                descends[:, bone] += descends[:, parent]
        jump, jumps = torch.tensor([parent if parent >= 0 else count for parent in parents] + [count]), []
        while bool((jump < count).any()):
            jumps.append(jump)
            jump = jump[jump]
        return Skeleton(parents, torch.as_tensor(heads, dtype=torch.float64), tuple(jumps), descends)

    def transforms(self, rotations: Tensor, translations: Tensor) -> tuple[Tensor, Tensor]:
        """World transforms of all bones.

        rotations: float64[T, B, 3, 3], local; times what scales the bone, where it is. translations: float64[T, B, 3], in the
        parent's frame, metres. Returns linear map float64[T, B, 3, 3] and shift float64[T, B, 3] of each bone's transform.

        All bones at once take on what the bones above them do, twice as many of these in every round (Hillis and Steele 1986).
        """
        count = len(self.parents)
        maps = torch.eye(4, dtype=rotations.dtype).repeat(len(rotations), count + 1, 1, 1)
        maps[:, :count, :3, :3] = rotations
        maps[:, :count, :3, 3] = self.heads + translations - (rotations @ self.heads[:, :, None])[..., 0]
        for jump in self.jumps:
            maps = maps[:, jump] @ maps
        return maps[:, :count, :3, :3].contiguous(), maps[:, :count, :3, 3].contiguous()

    def moved(self, world: Tensor, shift: Tensor, joints: Sequence[int], rotations: Tensor, translations: Tensor) -> tuple[Tensor, Tensor]:
        """World transforms of all bones in K poses that differ in some bones alone; far cheaper than `transforms` of each.

        world: [1, B, 3, 3], shift: [1, B, 3], of the one pose. joints: those that differ, parents first, and all that hang on them.
        rotations: [K, m, 3, 3], translations: [1 or K, m, 3], theirs, as for `transforms`. Returns [K, B, 3, 3] and [K, B, 3].
        """
        count = len(rotations)
        world, shift = world.repeat(count, 1, 1, 1), shift.repeat(count, 1, 1)
        for index, joint in enumerate(joints):
            head, above = self.heads[joint], self.parents[joint]
            local = head + translations[:, index] - rotations[:, index] @ head
            if above < 0:
                world[:, joint], shift[:, joint] = rotations[:, index], local
            else:
                world[:, joint] = world[:, above] @ rotations[:, index]
                shift[:, joint] = (world[:, above] @ local[..., None])[..., 0] + shift[:, above]
        return world, shift

    def parent_rotations(self, world: Tensor) -> Tensor:
        """float64[T, B, 3, 3]: the linear map of each bone's parent, identity for a root."""
        identity = torch.eye(3, dtype=world.dtype).expand(len(world), 1, 3, 3)
        return torch.cat([world, identity], 1).index_select(1, self._above)

    @cached_property
    def _above(self) -> Tensor:
        """int64[B]: the parents, B for that of a root."""
        return torch.tensor([parent if parent >= 0 else len(self.parents) for parent in self.parents])

    def joints(self, world: Tensor, shift: Tensor) -> Tensor:
        """float64[T, B, 3]: where the joints stand."""
        return (world @ self.heads[:, :, None])[..., 0] + shift


@dataclass(frozen=True)
class Skin:
    """Points that hang on bones.

    bones: int64[N, K]. weights: float64[N, K], rows sum to one.
    starts: float64[N, K, 3], where each influencing bone puts the point in frame 0 (`Rig.bind` applied to `Rig.rest`).
    """

    bones: Tensor
    weights: Tensor
    starts: Tensor

    @staticmethod
    def of(rig: Rig) -> "Skin":
        """The skin of a rig's vertices."""
        bones = torch.as_tensor(rig.influences, dtype=torch.int64)
        bind = torch.as_tensor(rig.bind, dtype=torch.float64)
        rest = torch.as_tensor(rig.rest, dtype=torch.float64)
        slots = [(bind[bones[:, k], :, :3] @ rest[:, :, None])[..., 0] + bind[bones[:, k], :, 3] for k in range(bones.shape[1])]
        return Skin(bones, torch.as_tensor(rig.weights, dtype=torch.float64), torch.stack(slots, 1))

    def __len__(self) -> int:
        return len(self.bones)

    def __getitem__(self, index: Tensor | np.ndarray | int) -> "Skin":
        return Skin(self.bones[index], self.weights[index], self.starts[index])

    def single(self) -> "Skin":
        """The same in single precision."""
        return Skin(self.bones, self.weights.float(), self.starts.float())

    def points(self, world: Tensor, shift: Tensor) -> Tensor:
        """Skinned points [T, N, 3] for bone transforms [T, B, 3, 3] and [T, B, 3]; differentiable, never larger than its result.

        Works bone by bone: what a bone adds to its own points is one small matrix product.
        """
        result = torch.zeros(len(world), len(self), 3, dtype=world.dtype)
        slot_bones = self.bones.reshape(-1)
        used = torch.nonzero(self.weights.reshape(-1) > 0)[:, 0]
        order = used[torch.argsort(slot_bones[used], stable=True)]
        bones, counts = torch.unique_consecutive(slot_bones[order], return_counts=True)
        starts = self.starts.reshape(-1, 3).to(world.dtype)
        weights = self.weights.reshape(-1).to(world.dtype)
        for bone, slots in zip(bones.tolist(), torch.split(order, counts.tolist()), strict=True):
            moved = starts[slots] @ world[:, bone].transpose(1, 2) + shift[:, bone, None]
            result = result.index_add(1, slots // self.bones.shape[1], moved * weights[slots, None])
        return result


@dataclass(frozen=True)
class Stretching:
    """How joints act where some of them change their length.

    warps: float64[T, J, 3, 3], the linear map of each joint's parent times the parent's turn backwards: what stretches above do to
    a turn or shift of the joint along the world's axes. inverses: float64[T, J, 3, 3]. stretchy: bool[J], the joints that may.
    pulls: float64[T, J, 3, 3], the derivative of a joint's linear map by the logarithm of its length, times that map backwards.
    """

    warps: Tensor
    inverses: Tensor
    stretchy: Tensor
    pulls: Tensor

    @staticmethod
    def of(above: Tensor, above_turns: Tensor, world: Tensor, axes: Tensor, stretchy: Tensor) -> "Stretching":
        """above: the parents' linear maps, above_turns: those of the same pose unstretched, world: the joints' own, all
        float64[T, J, 3, 3]. axes: float64[J, 3], unit, along each bone in frame 0."""
        warps = above @ above_turns.transpose(-1, -2)
        return Stretching(warps, torch.linalg.inv(warps), stretchy, world @ stretch_direction(axes) @ torch.linalg.inv(world))


@dataclass(frozen=True)
class Moments:
    """Skinned points and what the joints would do to them.

    points: [T, N, 3]. levers: [T, N, J, 3], what joint j carries of a point: sum over the bones d at or below j of
    weight * (where d puts the point - joint); turning joint j by a small world-axes vector `turn` moves the point by
    turn x lever. shares: [T, N, J], the weight at or below j; shifting joint j by a world vector moves the point by share * it.
    """

    points: Tensor
    levers: Tensor
    shares: Tensor

    @staticmethod
    def of(skeleton: Skeleton, skin: Skin, world: Tensor, shift: Tensor) -> "Moments":
        """The moments of points (the same in all poses, or a batch of Skins with a leading T) under bone transforms."""
        dtype = skin.starts.dtype
        world, shift = world.to(dtype), shift.to(dtype)
        bones = skin.bones.expand(len(world), *skin.bones.shape[-2:])
        weights = skin.weights.expand(bones.shape)[..., None]
        batch = torch.arange(len(world)).reshape(-1, 1, 1)
        pieces = ((world[batch, bones] @ skin.starts[..., None])[..., 0] + shift[batch, bones]) * weights
        weighted = torch.cat([pieces, weights], -1).movedim(-1, 0)
        held = torch.zeros(*weighted.shape[:-1], len(skeleton.parents), dtype=dtype).scatter_add_(-1, bones.expand(weighted.shape), weighted)
        carried = held @ skeleton.descends.T.to(dtype)
        joints = skeleton.joints(world.to(skeleton.heads.dtype), shift.to(skeleton.heads.dtype)).to(dtype)
        shares = carried[3]
        levers = carried[:3].sub_(shares * joints.movedim(-1, 0)[:, :, None])
        return Moments(pieces.sum(2), levers.movedim(0, -1), shares)

    def jacobian(self, rows: Tensor, movable: Tensor, stretching: Stretching | None = None) -> Tensor:
        """Derivatives of linear functions of the points with respect to the pose.

        rows: [T, N, R, 3], the functions' derivatives by the point (the identity for the points themselves). stretching: None where
        no joint changes its length. Returns [T, N, R, 3 J + 3 M + S]: first by every joint's turn, then by the shift of the M
        movable joints, world axes (of a pose without stretch, see `Stretching.warps`), then by the logarithm of the length of the S
        joints that stretch.
        """
        if stretching is not None:
            return self._stretched_jacobian(rows, movable, stretching)
        turned = 3 * self.shares.shape[-1]
        shifted = self.shares[..., movable]
        result = torch.empty(*rows.shape[:-1], turned + 3 * shifted.shape[-1], dtype=rows.dtype)
        _cross_into(result[..., :turned].unflatten(-1, (-1, 3)), self.levers[:, :, None], rows[:, :, :, None])
        torch.mul(shifted[:, :, None, :, None], rows[:, :, :, None], out=result[..., turned:].unflatten(-1, (-1, 3)))
        return result

    def _stretched_jacobian(self, rows: Tensor, movable: Tensor, stretching: Stretching) -> Tensor:
        dtype = self.levers.dtype
        warps, inverses, pulls = (part.to(dtype) for part in (stretching.warps, stretching.inverses, stretching.pulls))
        warped = torch.einsum("tnri,tjik->tnrjk", rows, warps)
        turns = _cross(torch.einsum("tjik,tnjk->tnji", inverses, self.levers)[:, :, None], warped)
        shifts = self.shares[:, :, None, movable, None] * warped[:, :, :, movable]
        pulled = torch.einsum("tjik,tnjk->tnji", pulls[:, stretching.stretchy], self.levers[:, :, stretching.stretchy])
        lengths = torch.einsum("tnri,tnji->tnrj", rows, pulled)
        return torch.cat([turns.flatten(3), shifts.flatten(3), lengths], -1)


def _cross(one: Tensor, other: Tensor) -> Tensor:
    """Cross products of vectors whose axes but the last broadcast; less than half the time of torch's own on the CPU."""
    result = torch.empty(torch.broadcast_shapes(one.shape, other.shape), dtype=one.dtype)
    _cross_into(result, one, other)
    return result


def _cross_into(result: Tensor, one: Tensor, other: Tensor) -> None:
    """The same, written where it is to go."""
    for axis in range(3):
        following, last = (axis + 1) % 3, (axis + 2) % 3
        torch.mul(one[..., following], other[..., last], out=result[..., axis]).addcmul_(one[..., last], other[..., following], value=-1)


def stretch_direction(axes: Tensor) -> Tensor:
    """[J, 3, 3]: the logarithm of a stretch by e along unit axes [J, 3] that keeps the volume: 1 along, -1/2 across."""
    return 1.5 * axes[:, :, None] * axes[:, None] - 0.5 * torch.eye(3, dtype=axes.dtype)


def stretch_matrices(lengths: Tensor, axes: Tensor) -> Tensor:
    """[..., J, 3, 3]: what makes each joint exp(lengths [..., J]) times as long along axes [J, 3], keeping its volume."""
    along = axes[:, :, None] * axes[:, None]
    thin = torch.exp(-0.5 * lengths)[..., None, None]
    return thin * torch.eye(3, dtype=axes.dtype) + (torch.exp(lengths)[..., None, None] - thin) * along


def exponential(vectors: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] of rotation vectors [..., 3] (Rodrigues); finite and exact at zero."""
    angle = torch.linalg.norm(vectors, dim=-1)[..., None, None].clamp(min=1e-12)
    cross = cross_matrix(vectors)
    return torch.eye(3, dtype=vectors.dtype) + torch.sinc(angle / torch.pi) * cross + 0.5 * torch.sinc(angle / (2 * torch.pi)) ** 2 * cross @ cross


def logarithm(rotations: Tensor) -> Tensor:
    """Rotation vectors [..., 3], angle in [0, pi], of rotation matrices [..., 3, 3]."""
    spin = 0.5 * torch.stack([rotations[..., 2, 1] - rotations[..., 1, 2], rotations[..., 0, 2] - rotations[..., 2, 0], rotations[..., 1, 0] - rotations[..., 0, 1]], -1)
    sine, cosine = torch.linalg.norm(spin, dim=-1), 0.5 * (rotations.diagonal(dim1=-2, dim2=-1).sum(-1) - 1)
    found = spin * torch.where(sine > 1e-9, torch.atan2(sine, cosine) / sine.clamp(min=1e-9), torch.ones_like(sine))[..., None]
    wide = cosine < WIDE
    if wide.any():
        found[wide] = _quaternion_logarithm(matrix_to_quaternion(rotations[wide]))
    return found


def _quaternion_logarithm(quaternions: Tensor) -> Tensor:
    vector = quaternions[..., 1:]
    sine = torch.linalg.norm(vector, dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, quaternions[..., :1])
    return vector * torch.where(sine > 1e-9, angle / sine.clamp(min=1e-9), torch.full_like(sine, 2.0))


def cross_matrix(vectors: Tensor) -> Tensor:
    """[..., 3, 3]: the matrices that take the cross product of vectors [..., 3] with what they multiply."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*vectors.shape[:-1], 3, 3)


def matrix_to_quaternion(rotations: Tensor) -> Tensor:
    """Unit quaternions [..., 4] (w, x, y, z), w >= 0, of rotation matrices [..., 3, 3].

    Takes the best conditioned of the four forms (Shepperd 1978).
    """
    r = rotations.flatten(-2)
    xx, yy, zz = r[..., 0], r[..., 4], r[..., 8]
    squares = torch.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz], -1)
    wx, wy, wz = r[..., 7] - r[..., 5], r[..., 2] - r[..., 6], r[..., 3] - r[..., 1]
    xy, xz, yz = r[..., 1] + r[..., 3], r[..., 2] + r[..., 6], r[..., 5] + r[..., 7]
    forms = torch.stack(
        [squares[..., 0], wx, wy, wz, wx, squares[..., 1], xy, xz, wy, xy, squares[..., 2], yz, wz, xz, yz, squares[..., 3]], -1
    ).reshape(*r.shape[:-1], 4, 4)
    best = squares.argmax(-1)[..., None, None].expand(*r.shape[:-1], 1, 4)
    chosen = forms.gather(-2, best)[..., 0, :]
    chosen = chosen / torch.linalg.norm(chosen, dim=-1, keepdim=True)
    return torch.where(chosen[..., :1] < 0, -chosen, chosen)


def quaternion_to_matrix(quaternions: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] of unit quaternions [..., 4], (w, x, y, z)."""
    w, x, y, z = quaternions.unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, -1).reshape(*quaternions.shape[:-1], 3, 3)


def bone_transforms(rig: Rig, motion: Motion, frames: Sequence[int] | None = None) -> Float64:
    """float64[T', B, 3, 4]: what takes a point of each bone from frame 0 to each of `frames` (all of them by default)."""
    chosen = np.arange(len(motion.rotations)) if frames is None else np.asarray(frames, np.int64)
    rotations = quaternion_to_matrix(torch.as_tensor(motion.rotations[chosen])) @ torch.as_tensor(scale_matrices(rig, motion.scales[chosen]))
    world, shift = Skeleton.of(rig.parents.tolist(), rig.heads).transforms(rotations, torch.as_tensor(motion.translations[chosen]))
    return torch.cat([world, shift[..., None]], -1).numpy()


def skin(rig: Rig, motion: Motion, frames: Sequence[int] | None = None) -> Float32:
    """The mesh's vertices as the motion moves them.

    frames: indices into the motion; all of them by default. Returns float32[T', V, 3], world space, metres. Frame 0 gives the
    mesh itself. Memory beyond the result is bounded by `CHUNK_POINTS`, whatever the clip's length.
    """
    transforms = torch.as_tensor(bone_transforms(rig, motion, frames))
    points = Skin.of(rig)
    result = np.empty((len(transforms), len(points), 3), np.float32)
    step = max(1, CHUNK_POINTS // max(1, len(points)))
    for first in range(0, len(transforms), step):
        part = transforms[first : first + step]
        result[first : first + step] = points.points(part[..., :3], part[..., 3]).numpy()
    return result
