"""Which objects of the scene move by themselves, and where they are at each frame."""

from typing import Any

import numpy as np

from ..core.types import Float64
from .datablocks import Context
from .scene_state import at_frame

STILL = 1e-6
"""Fraction of the subject's size by which an object that stands still may stray."""

FRAMES_TRIED = 9
"""At how many frames of the range an object is looked at to see whether it moves."""


def may_move(one: Any) -> bool:
    """Whether something could move the object: animation, drivers or constraints, its own or of what it is parented to."""
    while one is not None:
        data = one.animation_data
        if len(one.constraints) or (data is not None and (data.action or len(data.drivers) or (data.use_nla and len(data.nla_tracks)))):
            return True
        one = one.parent
    return False


def flattens(one: Any) -> bool:
    """Whether the object's scale is zero along an axis, so that nothing below it can be placed at will."""
    linear = np.array(one.matrix_world, np.float64)[:3, :3]
    return abs(np.linalg.det(linear)) <= STILL * np.abs(linear).max() ** 3


def worlds_at(context: Context, objects: list[Any], frames: list[int]) -> Float64:
    """float64[len(frames), len(objects), 4, 4]: world matrices at scene frames. The scene's frame is as before."""
    found = np.empty((len(frames), len(objects), 4, 4))
    with at_frame(context.scene, frames[0]):
        for number, frame in enumerate(frames):
            context.scene.frame_set(frame)
            found[number] = [one.matrix_world for one in objects]
        context.scene.frame_set(frames[0])
    return found


def moving(context: Context, objects: list[Any], first: int, last: int, diagonal: float) -> set[Any]:
    """Those of the objects that are elsewhere at some scene frame from first to last. diagonal: the subject's size, metres."""
    suspects = [one for one in objects if may_move(one)]
    if not suspects:
        return set()
    tried = np.unique(np.linspace(first, last, FRAMES_TRIED).round().astype(int)).tolist()
    worlds = worlds_at(context, suspects, tried)
    moved = np.abs(worlds - worlds[0])
    strays = (moved[..., :3, 3].max(axis=(0, 2)) > STILL * diagonal) | (moved[..., :3, :3].max(axis=(0, 2, 3)) > STILL)
    return {one for one, strayed in zip(suspects, strays, strict=True) if strayed}
