"""Poses of the solved skeleton, many at once."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Poses:
    """A batch of poses of the solved skeleton, local.

    rotations: float64[T, J, 3, 3]. translations: float64[T, J, 3]. stretches: float64[T, J], logarithm of each joint's length over
    that of frame 0; None where no joint of the problem may stretch.
    """

    rotations: Tensor
    translations: Tensor
    stretches: Tensor | None = None

    @staticmethod
    def rest(count: int, joints: int) -> "Poses":
        """`count` times the pose of frame 0."""
        return Poses(torch.eye(3, dtype=torch.float64).repeat(count, joints, 1, 1), torch.zeros(count, joints, 3, dtype=torch.float64))

    def __len__(self) -> int:
        return len(self.rotations)

    def __getitem__(self, index: slice | list[int] | Tensor) -> "Poses":
        return Poses(self.rotations[index], self.translations[index], None if self.stretches is None else self.stretches[index])

    def clone(self) -> "Poses":
        """A copy that can be changed alone."""
        return Poses(self.rotations.clone(), self.translations.clone(), None if self.stretches is None else self.stretches.clone())

    def store(self, index: int | slice | list[int] | Tensor, poses: "Poses") -> None:
        """Overwrite some poses of the batch."""
        self.rotations[index], self.translations[index] = poses.rotations, poses.translations
        if self.stretches is not None and poses.stretches is not None:
            self.stretches[index] = poses.stretches

    @staticmethod
    def stack(parts: "list[Poses]") -> "Poses":
        """One batch after the other."""
        stretches = [part.stretches for part in parts if part.stretches is not None]
        joined = torch.cat([part.rotations for part in parts]), torch.cat([part.translations for part in parts])
        return Poses(*joined, torch.cat(stretches) if stretches else None)

    def repeat(self, count: int) -> "Poses":
        """`count` times the whole batch."""
        return Poses.stack([self] * count)
