"""A skin in its poses: where its points are, and what the points' costs say of the joints' unknowns.

A point hangs on few bones, but turns with every joint above them. So what its cost says is gathered bone by bone first, for a twist of the bone (a
turn about the world's origin and a shift, six numbers); summed from the tips of the tree to its root, two-fold, for each pair of bones; and
then taken about the joints' own places. Rigid bodies' inertias are summed so (the composite-rigid-body method; Featherstone 2008, chapter 6).
Warp's kernels do that; without Warp, and where joints stretch, the points' derivatives by all unknowns are written out and multiplied, which gives the same.
"""

import importlib
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

import torch
from torch import Tensor

from ..render.backends import backend
from .kinematics import Moments, Skeleton, Skin, Stretching


@dataclass(frozen=True)
class PosedSkin:
    """A skin, in single precision, and the transforms of its bones float64[T, J, 3, 3] and float64[T, J, 3] in T poses.

    The points are the same in all poses, or each pose has N of its own (a skin with a leading T).
    """

    skeleton: Skeleton
    skin: Skin
    world: Tensor
    shift: Tensor

    @cached_property
    def points(self) -> Tensor:
        """float64[T, N, 3]."""
        return skinned(self.skin, self.world, self.shift)

    def normal(
        self, rows: Tensor, information: Tensor, gradient: Tensor, movable: Tensor, stretching: Stretching | None = None
    ) -> tuple[Tensor, Tensor]:
        """Normal equations of costs that are quadratic in R linear functions of each point.

        rows: float64[T, N, R, 3], the functions' derivatives by the point. information: float64[T, N, R, R] and gradient: float64[T, N, R],
        the cost's derivatives by the functions. movable, stretching: see `Moments.jacobian`, which tells the order of the P unknowns too.
        Returns hessian float64[T, P, P] and gradient float64[T, P].
        """
        kernels = _kernels() if stretching is None else None
        if kernels is not None:
            found: tuple[Tensor, Tensor] = kernels.normal(self.skeleton, self.skin, self.world, self.shift, movable, rows, information, gradient)
            return found
        rows, information, gradient = rows.float(), information.float(), gradient.float()
        jacobian = Moments.of(self.skeleton, self.skin, self.world, self.shift).jacobian(rows, movable, stretching)
        flat, weighted = jacobian.flatten(1, 2), (information @ jacobian).flatten(1, 2)
        slope = (flat.transpose(1, 2) @ gradient.flatten(1)[..., None])[..., 0]
        return (weighted.transpose(1, 2) @ flat).double(), slope.double()


def transforms(skeleton: Skeleton, rotations: Tensor, translations: Tensor) -> tuple[Tensor, Tensor]:
    """World transforms of all bones; see `Skeleton.transforms`, which is differentiable where this is fast."""
    kernels = _kernels()
    if kernels is None:
        return skeleton.transforms(rotations, translations)
    found: tuple[Tensor, Tensor] = kernels.transforms(skeleton, rotations, translations)
    return found


def skinned(skin: Skin, world: Tensor, shift: Tensor) -> Tensor:
    """Skinned points float64[T, N, 3]; see `PosedSkin`."""
    kernels = _kernels()
    if kernels is not None:
        found: Tensor = kernels.skinned(skin, world, shift)
        return found
    bones = skin.bones.expand(len(world), *skin.bones.shape[-2:])
    batch = torch.arange(len(world)).reshape(-1, 1, 1)
    moved = (world[batch, bones] @ skin.starts.double()[..., None])[..., 0] + shift[batch, bones]
    return (moved * skin.weights.double()[..., None]).sum(-2)


def merged(skin: Skin) -> Skin:
    """The same points [..., N] with as few slots as may be: one for each bone that moves a point, the first ones. A skin [..., N, K] in single
    precision; without Warp it stays as it is."""
    kernels = _kernels()
    found: Skin = skin if kernels is None else kernels.merged(skin)
    return found


def _kernels() -> ModuleType | None:
    """Our Warp kernels, where Warp is to be used."""
    return importlib.import_module(".posed_warp", __package__) if backend() == "warp" else None
