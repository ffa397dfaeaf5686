# mypy: disable-error-code="valid-type,index,assignment,return-value,misc,operator,arg-type,call-overload,attr-defined"
"""Warp kernels of `posed`, and their launches.

All arrays lie on the CPU, where Warp works the threads of a launch one after the other: they may add to the same numbers, and sums are made in
the same order on every run.
"""

from functools import lru_cache
from typing import Any

import torch
import warp as wp
from torch import Tensor

from ..render.warp_launch import descriptor, launch
from .kinematics import Skeleton, Skin

wp.set_module_options({"enable_backward": False})

ZERO = wp.constant(wp.float64(0.0))


@wp.func
def slot_of(bone: wp.int64, bones: wp.array2d(dtype=wp.int64), n: int, count: int) -> int:
    """Which of a point's first slots is a bone's; `count` where none of so many is."""
    for slot in range(count):
        if bones[n, slot] == bone:
            return slot
    return count


@wp.kernel
def merge_slots(bones: wp.array2d(dtype=wp.int64), weights: wp.array2d(dtype=wp.float32), starts: wp.array2d(dtype=wp.vec3), counts: wp.array(dtype=wp.int32)) -> None:
    """Make one slot of all of a point's slots on one bone, in place, and count what is left, from 0 on. One thread a point."""
    n = wp.tid()
    for slot in range(bones.shape[1]):
        bone = bones[n, slot]
        weight = weights[n, slot]
        weighted = weight * starts[n, slot]
        weights[n, slot] = 0.0
        if weight > 0.0:
            place = slot_of(bone, bones, n, counts[n])
            if place == counts[n]:
                bones[n, place] = bone
                starts[n, place] = wp.vec3()
                counts[n] = place + 1
            weights[n, place] = weights[n, place] + weight
            starts[n, place] = starts[n, place] + weighted
    for slot in range(counts[n]):
        starts[n, slot] = starts[n, slot] / weights[n, slot]


@wp.func
def moment(start: wp.vec3, weight: wp.float64, world: wp.mat33d, shift: wp.vec3d) -> wp.vec3d:
    """A bone's part of a point: the weight times where the bone puts it."""
    return weight * (world * wp.vec3d(wp.float64(start[0]), wp.float64(start[1]), wp.float64(start[2])) + shift)


@wp.kernel
def chain(
    parents: wp.array(dtype=wp.int32),
    heads: wp.array(dtype=wp.vec3d),
    rotations: wp.array2d(dtype=wp.mat33d),
    translations: wp.array2d(dtype=wp.vec3d),
    world: wp.array2d(dtype=wp.mat33d),
    shift: wp.array2d(dtype=wp.vec3d),
) -> None:
    """Forward kinematics, from the root to the tips. One thread a pose."""
    t = wp.tid()
    for bone in range(parents.shape[0]):
        above = parents[bone]
        turn = rotations[t, bone]
        offset = heads[bone] + translations[t, bone] - turn * heads[bone]
        if above >= 0:
            offset = world[t, above] * offset + shift[t, above]
            turn = world[t, above] * turn
        world[t, bone] = turn
        shift[t, bone] = offset


@wp.kernel
def put_points(
    bones: wp.array3d(dtype=wp.int64),
    weights: wp.array3d(dtype=wp.float32),
    starts: wp.array3d(dtype=wp.vec3),
    world: wp.array2d(dtype=wp.mat33d),
    shift: wp.array2d(dtype=wp.vec3d),
    points: wp.array2d(dtype=wp.vec3d),
) -> None:
    """Linear blend skinning. One thread a pose and point; a skin of one pose is that of all."""
    t, n = wp.tid()
    own = wp.min(t, bones.shape[0] - 1)
    point = wp.vec3d()
    for slot in range(bones.shape[2]):
        weight = wp.float64(weights[own, n, slot])
        if weight > ZERO:
            bone = int(bones[own, n, slot])
            point += moment(starts[own, n, slot], weight, world[t, bone], shift[t, bone])
    points[t, n] = point


@wp.kernel
def gather(
    bones: wp.array3d(dtype=wp.int64),
    weights: wp.array3d(dtype=wp.float32),
    starts: wp.array3d(dtype=wp.vec3),
    world: wp.array2d(dtype=wp.mat33d),
    shift: wp.array2d(dtype=wp.vec3d),
    rows: wp.array3d(dtype=wp.vec3d),
    information: wp.array4d(dtype=wp.float64),
    gradient: wp.array3d(dtype=wp.float64),
    turn_turn: wp.array3d(dtype=wp.mat33d),
    turn_shift: wp.array3d(dtype=wp.mat33d),
    shift_shift: wp.array3d(dtype=wp.mat33d),
    turn_slope: wp.array2d(dtype=wp.vec3d),
    shift_slope: wp.array2d(dtype=wp.vec3d),
) -> None:
    """Add what each point's cost says of its bones' twists: turns about the world's origin, and shifts. One thread a pose and point."""
    t, n = wp.tid()
    own = wp.min(t, bones.shape[0] - 1)
    slope = wp.vec3d()
    curvature = wp.mat33d()
    for row in range(rows.shape[2]):
        slope += gradient[t, n, row] * rows[t, n, row]
        for column in range(rows.shape[2]):
            curvature += information[t, n, row, column] * wp.outer(rows[t, n, row], rows[t, n, column])
    for slot in range(bones.shape[2]):
        weight = wp.float64(weights[own, n, slot])
        if weight > ZERO:
            bone = int(bones[own, n, slot])
            lever = moment(starts[own, n, slot], weight, world[t, bone], shift[t, bone])
            turn_slope[t, bone] += wp.cross(lever, slope)
            shift_slope[t, bone] += weight * slope
            turned = wp.skew(lever) * curvature
            for partner_slot in range(bones.shape[2]):
                share = wp.float64(weights[own, n, partner_slot])
                if share > ZERO:
                    partner = int(bones[own, n, partner_slot])
                    arm = moment(starts[own, n, partner_slot], share, world[t, partner], shift[t, partner])
                    turn_turn[t, bone, partner] += turned * wp.transpose(wp.skew(arm))
                    turn_shift[t, bone, partner] += share * turned
                    shift_shift[t, bone, partner] += (weight * share) * curvature


@wp.kernel
def sum_to_joints(
    parents: wp.array(dtype=wp.int32),
    joints: wp.array2d(dtype=wp.vec3d),
    places: wp.array(dtype=wp.int32),
    turn_turn: wp.array3d(dtype=wp.mat33d),
    turn_shift: wp.array3d(dtype=wp.mat33d),
    shift_shift: wp.array3d(dtype=wp.mat33d),
    turn_slope: wp.array2d(dtype=wp.vec3d),
    shift_slope: wp.array2d(dtype=wp.vec3d),
    hessian: wp.array3d(dtype=wp.float64),
    slope: wp.array2d(dtype=wp.float64),
) -> None:
    """Add to every bone, in place, what hangs on it; take turns about the joints' own places, and order the unknowns. One thread a pose.

    places: where a joint's shift stands among the unknowns, -1 for none.
    """
    t = wp.tid()
    count = parents.shape[0]
    for before in range(count):
        bone = count - 1 - before
        above = parents[bone]
        if above >= 0:
            turn_slope[t, above] += turn_slope[t, bone]
            shift_slope[t, above] += shift_slope[t, bone]
            for other in range(count):
                turn_turn[t, above, other] += turn_turn[t, bone, other]
                turn_shift[t, above, other] += turn_shift[t, bone, other]
                shift_shift[t, above, other] += shift_shift[t, bone, other]
    for other in range(count):
        for before in range(count):
            bone = count - 1 - before
            above = parents[bone]
            if above >= 0:
                turn_turn[t, other, above] += turn_turn[t, other, bone]
                turn_shift[t, other, above] += turn_shift[t, other, bone]
                shift_shift[t, other, above] += shift_shift[t, other, bone]
    for one in range(count):
        to_one = wp.skew(joints[t, one])
        turn = turn_slope[t, one] - to_one * shift_slope[t, one]
        for a in range(3):
            slope[t, 3 * one + a] = turn[a]
            if places[one] >= 0:
                slope[t, places[one] + a] = shift_slope[t, one][a]
        for two in range(count):
            slid = turn_shift[t, one, two] - to_one * shift_shift[t, one, two]
            turned = turn_turn[t, one, two] - to_one * wp.transpose(turn_shift[t, two, one]) + slid * wp.skew(joints[t, two])
            shifted = shift_shift[t, one, two]
            for a in range(3):
                for b in range(3):
                    hessian[t, 3 * one + a, 3 * two + b] = turned[a, b]
                    if places[two] >= 0:
                        hessian[t, 3 * one + a, places[two] + b] = slid[a, b]
                        hessian[t, places[two] + b, 3 * one + a] = slid[a, b]
                        if places[one] >= 0:
                            hessian[t, places[one] + a, places[two] + b] = shifted[a, b]


def merged(skin: Skin) -> Skin:
    """See `posed.merged`."""
    shape, slots = skin.bones.shape[:-1], skin.bones.shape[-1]
    bones, weights, starts = skin.bones.reshape(-1, slots).clone(), skin.weights.reshape(-1, slots).clone(), skin.starts.reshape(-1, slots, 3).clone()
    counts = torch.zeros(len(bones), dtype=torch.int32)
    launch(merge_slots, (len(bones),), counts, [descriptor(bones, wp.int64), descriptor(weights, wp.float32), descriptor(starts, wp.vec3), descriptor(counts, wp.int32)])
    most = max(int(counts.max()), 1) if len(counts) else 1
    parts = [part[:, :most].reshape(*shape, most, *part.shape[2:]).contiguous() for part in (bones, weights, starts)]
    return Skin(*parts)


def transforms(skeleton: Skeleton, rotations: Tensor, translations: Tensor) -> tuple[Tensor, Tensor]:
    """See `posed.transforms`."""
    rotations, translations = rotations.contiguous(), translations.contiguous()
    world, shift = torch.empty_like(rotations), torch.empty_like(translations)
    parents = _numbers(skeleton.parents)
    tree = [descriptor(parents, wp.int32), descriptor(skeleton.heads, wp.vec3d)]
    arrays = [descriptor(part, kind) for part, kind in ((rotations, wp.mat33d), (translations, wp.vec3d), (world, wp.mat33d), (shift, wp.vec3d))]
    launch(chain, (len(world),), world, [*tree, *arrays])
    return world, shift


def skinned(skin: Skin, world: Tensor, shift: Tensor) -> Tensor:
    """See `posed.skinned`."""
    found = torch.empty(len(world), skin.bones.shape[-2], 3, dtype=torch.float64)
    launch(put_points, found.shape[:2], found, [*_pose(skin, world, shift), descriptor(found, wp.vec3d)])
    return found


def normal(
    skeleton: Skeleton, skin: Skin, world: Tensor, shift: Tensor, movable: Tensor, rows: Tensor, information: Tensor, gradient: Tensor
) -> tuple[Tensor, Tensor]:
    """See `posed.PosedSkin.normal`."""
    count, joints = world.shape[:2]
    pairs = [torch.zeros(count, joints, joints, 3, 3, dtype=torch.float64) for _ in range(3)]
    slopes = [torch.zeros(count, joints, 3, dtype=torch.float64) for _ in range(2)]
    sums = [*(descriptor(pair, wp.mat33d) for pair in pairs), *(descriptor(slope, wp.vec3d) for slope in slopes)]
    pulls = [descriptor(rows, wp.vec3d), descriptor(information, wp.float64), descriptor(gradient, wp.float64)]
    launch(gather, rows.shape[:2], rows, [*_pose(skin, world, shift), *pulls, *sums])
    parents, unknowns = _numbers(skeleton.parents), 3 * (joints + int(movable.sum()))
    places = torch.where(movable, 3 * (joints - 1 + movable.cumsum(0)), -1).to(torch.int32)
    stand = skeleton.joints(world, shift).contiguous()
    hessian, slope = torch.empty(count, unknowns, unknowns, dtype=torch.float64), torch.empty(count, unknowns, dtype=torch.float64)
    tree = [descriptor(parents, wp.int32), descriptor(stand, wp.vec3d), descriptor(places, wp.int32)]
    launch(sum_to_joints, (count,), hessian, [*tree, *sums, descriptor(hessian, wp.float64), descriptor(slope, wp.float64)])
    return hessian, slope


@lru_cache
def _numbers(numbers: tuple[int, ...]) -> Tensor:
    """int32[n]."""
    return torch.tensor(numbers, dtype=torch.int32)


def _pose(skin: Skin, world: Tensor, shift: Tensor) -> list[Any]:
    """What the kernels are told of a skin and its pose."""
    parts = [part if part.dim() > dimensions else part[None] for part, dimensions in ((skin.bones, 2), (skin.weights, 2), (skin.starts, 3))]
    kinds = (wp.int64, wp.float32, wp.vec3)
    return [*(descriptor(part, kind) for part, kind in zip(parts, kinds, strict=True)), descriptor(world, wp.mat33d), descriptor(shift, wp.vec3d)]
