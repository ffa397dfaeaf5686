"""Limbs once more, over the whole clip: of many poses in every frame, the path that picture and priors together find best.

One view leaves each segment of a limb two poses, towards the camera and away from it, and a limb that was once lost is not found
again by small steps. So every limb is tried in other poses: with any of its segments mirrored in depth, exactly; as it is in other frames;
and swung about the axes that its joints use. A pose costs the picture's error (see `painting`: the order of depth counts), and its
joints' turns about other axes (see `hinge`); the path through the frames that costs least, motion included, is found by dynamic
programming. It is kept where the clip, drawn with it, agrees. Where nothing decides, the limb stays as it is or moves least.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..mirror import mirrored_limb
from ..types import Float64
from ..workers import spread
from .compare import clip_error
from .hinge import Hinges
from .kinematics import exponential, logarithm
from .limbs import limb_joints
from .observe import Observer
from .painting import Paint
from .paths import motion_cost, path_of_least_cost
from .poses import Poses
from .problem import Problem

LONGEST = 4
"""Most segments of a limb that are mirrored each for itself."""

OTHER_FRAMES = 8
"""Frames spread over the clip from which every frame is offered the limb's pose, beside those from its neighbours."""

NEIGHBOURS = (-2, -1, 1, 2)

SWINGS = np.arange(-1.75, 1.76, 0.25)
BENDS = np.arange(-1.5, 1.51, 0.375)
"""Angles from the pose of frame 0, radians, in which a limb's first and second long segment are tried together."""

LONG = 0.15
"""Share of the limb's length from which on a segment is swung."""

TRIED = 16
"""Swings of a frame that are painted, of all those guessed at."""

KEPT = 20
"""States of a frame between which paths run."""

APART = 0.2
"""Radians by which two of them differ at least."""

PICTURE, MOVE, BEND = 0.3, 5.0, 90.0
"""What a pixel of error costs, and what half the squared radian of motion and of its change between two frames."""


@dataclass(frozen=True)
class Limb:
    """joints: m ints, all that move with it, parents first. chain: those of them that lead from its root to its end, no more than `LONGEST`."""

    joints: tuple[int, ...]
    chain: tuple[int, ...]


def reconsider(observer: Observer, poses: Poses, hinges: Hinges) -> Poses:
    """The poses of a clip, with limbs elsewhere where that explains it better. observer: of a small picture."""
    error = clip_error(observer, poses)
    for limb in limbs(observer.problem):
        other, dearer = _other_path(observer, poses, limb, hinges)
        if other is None:
            continue
        other_error = clip_error(observer, other)
        if PICTURE * (other_error - error) + dearer < 0:
            poses, error = other, other_error
    return poses


def limbs(problem: Problem) -> list[Limb]:
    """The subject's limbs; none is part of another's chain."""
    found: list[Limb] = []
    for root in limb_joints(problem):
        if not any(root in limb.chain for limb in found):
            below = torch.nonzero(problem.skeleton.descends[root])[:, 0].tolist()
            found.append(Limb(tuple(below), _chain(problem, root)))
    return found


def _chain(problem: Problem, root: int) -> tuple[int, ...]:
    """The joints from a limb's root towards its farthest end."""
    chain = [root]
    while len(chain) < LONGEST:
        reach = {
            joint: np.linalg.norm(points - problem.skeleton.heads[chain[-1]].numpy(), axis=1).max()
            for joint, parent in enumerate(problem.skeleton.parents)
            if parent == chain[-1] and len(points := _carried(problem, joint))
        }
        if not reach:
            break
        chain.append(max(reach, key=lambda joint: reach[joint]))
    return tuple(chain)


def _carried(problem: Problem, joint: int) -> Float64:
    """float64[n, 3]: the vertices that move with a joint."""
    return problem.vertices[problem.skeleton.descends[joint].numpy().astype(bool)[problem.joint_of_vertex]]


def chain_ends(problem: Problem, chain: Sequence[int]) -> Tensor:
    """float64[n, 3]: where a chain's segments end in frame 0: at the next joint, the last as far again as the middle of what it carries."""
    head = problem.skeleton.heads[chain[-1]]
    middle = torch.from_numpy(_carried(problem, chain[-1]).mean(0))
    return torch.cat([problem.skeleton.heads[list(chain[1:])], (2 * middle - head)[None]])


def mirrored(observer: Observer, poses: Poses, limb: Limb) -> Tensor:
    """float64[T, 2^n - 1, m, 3, 3]: the limb with every choice of its chain's n segments mirrored in depth. What hangs on the chain keeps
    its turn in the world. A limb that is stretched is mirrored as if it were not."""
    problem, chain = observer.problem, list(limb.chain)
    world, shift = problem.skeleton.transforms(poses.rotations, poses.translations)
    ends = (world[:, chain] @ chain_ends(problem, chain)[:, :, None])[..., 0] + shift[:, chain]
    matrices = np.tile(np.eye(4), (len(poses), len(chain), 1, 1))
    matrices[..., :3, :3], matrices[..., :3, 3] = world[:, chain].numpy(), problem.skeleton.joints(world, shift)[:, chain].numpy()
    rays = _rays(observer, ends)
    found = []
    for flips in itertools.product((False, True), repeat=len(chain)):
        if any(flips):
            turned = world.clone()
            limb_matrices = mirrored_limb(matrices, ends.numpy(), tuple(range(-1, len(chain) - 1)), rays, flips)
            turned[:, chain] = torch.from_numpy(limb_matrices[..., :3, :3])
            found.append((problem.skeleton.parent_rotations(turned).transpose(-1, -2) @ turned)[:, list(limb.joints)])
    return torch.stack(found, 1)


def _rays(observer: Observer, points: Tensor) -> Float64:
    """float64[..., 3]: unit directions from the camera through points [..., 3]: along them nothing moves in the picture."""
    rows = observer.look.project(points)[1].numpy()
    rays = np.cross(rows[..., 0, :], rows[..., 1, :])
    rays /= np.maximum(np.linalg.norm(rays, axis=-1, keepdims=True), 1e-12)
    return rays * np.where((rays @ observer.problem.camera_axis)[..., None] < 0, -1, 1)


def from_other_frames(poses: Poses, limb: Limb) -> Tensor:
    """float64[T, K, m, 3, 3]: the limb as it is in frames near by, and in some spread over the clip."""
    count = len(poses)
    near = np.clip(np.arange(count)[:, None] + NEIGHBOURS, 0, count - 1)
    spread = np.broadcast_to(np.linspace(0, count - 1, OTHER_FRAMES).astype(int), (count, OTHER_FRAMES))
    return poses.rotations[:, list(limb.joints)][torch.from_numpy(np.concatenate([near, spread], 1))]


@dataclass(frozen=True)
class Swings:
    """A limb swung about its joints' main axes. long: indices into its joints. turns: float64[S, n, 3, 3], of those."""

    long: list[int]
    turns: Tensor

    @staticmethod
    def of(problem: Problem, limb: Limb, hinges: Hinges) -> "Swings":
        """The first two long segments of a limb's chain, at all angles."""
        ends = torch.cat([problem.skeleton.heads[list(limb.chain)], chain_ends(problem, limb.chain)[-1:]])
        lengths = torch.linalg.norm(ends[1:] - ends[:-1], dim=1)
        long = [joint for joint, length in zip(limb.chain, lengths, strict=True) if length >= LONG * lengths.sum()][:2]
        angles = np.array(list(itertools.product(SWINGS, *[BENDS] * (len(long) - 1))))
        axes = torch.linalg.eigh(hinges.precision[long])[1][:, :, 0]
        return Swings([limb.joints.index(joint) for joint in long], exponential(torch.from_numpy(angles)[:, :, None] * axes))

    def from_pose(self, rotations: Tensor) -> Tensor:
        """float64[K, m, 3, 3]: a limb [m, 3, 3] swung, otherwise as it is, or as it is in frame 0."""
        present = rotations.repeat(len(self.turns), 1, 1, 1)
        at_rest = torch.eye(3, dtype=torch.float64).expand(present.shape).clone()
        ways = [present, at_rest] if rotations.shape[0] > len(self.long) else [present]
        for way in ways:
            way[:, self.long] = self.turns
        return torch.cat(ways)


@dataclass(frozen=True)
class States:
    """What a limb may be in one frame; the first is what it is. rotations: float64[K, m, 3, 3]. places: float64[K, 3 n], the turns of its
    chain. unlikely: float64[K], what its joints' turns cost. cost: float64[K], with the picture."""

    rotations: Tensor
    places: Float64
    unlikely: Float64
    cost: Float64


def _other_path(observer: Observer, poses: Poses, limb: Limb, hinges: Hinges) -> tuple[Poses | None, float]:
    """The poses with the limb on its best path, and by how much its turns and motion cost more; None where it is on it already."""
    present = poses.rotations[:, None, list(limb.joints)]
    sure = torch.cat([present, mirrored(observer, poses, limb), from_other_frames(poses, limb)], 1)
    paint, swings = Paint.of(observer, limb.joints[0]), Swings.of(observer.problem, limb, hinges)
    frames = [(frame, poses[frame : frame + 1], sure[frame]) for frame in range(len(poses))]
    states = spread(partial(_states, paint, limb, hinges, swings), frames)
    states[0] = _chosen(states[0], np.zeros(1, int))
    path = path_of_least_cost([one.cost for one in states], [one.places for one in states], MOVE, BEND)
    if not any(path):
        return None, 0.0
    other = poses.clone()
    other.rotations[:, list(limb.joints)] = torch.stack([one.rotations[index] for one, index in zip(states, path, strict=True)])
    return other, _prior(states, path) - _prior(states, [0] * len(path))


def _prior(states: Sequence[States], path: Sequence[int]) -> float:
    """What a path costs without the picture."""
    places = np.array([one.places[index] for one, index in zip(states, path, strict=True)])
    return motion_cost(places, MOVE, BEND) + float(sum(one.unlikely[index] for one, index in zip(states, path, strict=True)))


def _states(paint: Paint, limb: Limb, hinges: Hinges, swings: Swings, one: tuple[int, Poses, Tensor]) -> States:
    """The limb's most promising poses in a frame: of those that are surely painted [K, m, 3, 3], and of swings. one: a frame, its pose, and the former."""
    frame, pose, sure = one
    joints = list(limb.joints)
    rotations = torch.cat([sure, swings.from_pose(sure[0])])
    turns = logarithm(rotations)
    unlikely = 0.5 * torch.einsum("kmi,mij,kmj->k", turns, hinges.precision[joints], turns).numpy()
    world, shift = paint.observer.problem.with_limb(pose, joints, rotations)
    backdrop, first = paint.backdrop(frame, pose), len(sure)
    guess = unlikely[first:] - PICTURE * paint.guessed_worth(backdrop, world[first:], shift[first:])
    painted = np.concatenate([np.arange(first), first + np.argsort(guess, kind="stable")[:TRIED]])
    cost = unlikely[painted] - PICTURE * paint.worth(backdrop, world[painted], shift[painted])
    places = turns[:, [joints.index(joint) for joint in limb.chain]].flatten(1).numpy()
    all_painted = States(rotations[painted], places[painted], unlikely[painted], cost)
    return _chosen(all_painted, _distinct(cost, all_painted.places))


def _chosen(states: States, index: np.ndarray) -> States:
    return States(states.rotations[index], states.places[index], states.unlikely[index], states.cost[index])


def _distinct(costs: Float64, states: Float64) -> np.ndarray:
    """Indices of the cheapest states that are not nearly the same; the first is always among them."""
    left = costs.copy()
    chosen = [0]
    left[np.linalg.norm(states - states[0], axis=1) < 1e-6] = np.inf
    while len(chosen) < KEPT and np.isfinite(left).any():
        best = int(left.argmin())
        chosen.append(best)
        left[np.linalg.norm(states - states[best], axis=1) < APART] = np.inf
    return np.array(chosen)
