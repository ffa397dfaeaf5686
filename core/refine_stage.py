"""The automatic skeleton refined by the video: what a first fit leaves tells where joints are missing, and a second fit uses them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .job import Request
from .narrator import Narrator
from .types import Clip, Motion, Progress, Rig

REFINING = ("joints", "refit")
"""The stages of it."""

Fit = Callable[[str, Rig], tuple[Motion, dict[str, Any]]]
"""Fits a rig in a stage of this name: the motion and its report."""


@dataclass(frozen=True)
class Fitted:
    """A rig, the motion that explains the video with it, and the report on that; refined: what the video changed, as JSON values."""

    rig: Rig
    motion: Motion
    report: dict[str, Any]
    refined: dict[str, Any]


def wanted(request: Request) -> bool:
    """Whether the video is to refine the skeleton: never one of the user's own."""
    return request.rig is None and request.settings.rig.rig_from_video


def fitted(narrator: Narrator, request: Request, rig: Rig, clip: Clip, fit: Fit) -> Fitted:
    """The rig and its motion; where the settings want it, those of the refined skeleton if the pictures come nearer to the video with it."""
    motion, report = fit("fit", rig)
    if not wanted(request) or report["followed"] < len(clip.frames):
        return Fitted(rig, motion, report, {})
    inputs = (request.mesh, rig, motion, request.view, clip, request.settings.fit.fit_resolution, request.settings.residual, request.settings.rig)
    better, added, merged = narrator.result("joints", inputs, lambda progress: _refined(request, rig, motion, clip, progress))
    changes: dict[str, Any] = {"added": added, "merged": merged, "kept": False}
    if not added and not merged:
        return Fitted(rig, motion, report, changes)
    again, second = fit("refit", better)
    if np.mean(second["image_error"]) > np.mean(report["image_error"]):
        return Fitted(rig, motion, report, changes)
    return Fitted(better, again, second, {**changes, "kept": True})


def _refined(request: Request, rig: Rig, motion: Motion, clip: Clip, progress: Progress) -> tuple[Rig, list[str], list[str]]:
    from .beyond_bones import follow
    from .rig.refine import refine_rig

    left, _ = follow(request, rig, motion, clip, progress)
    refined = refine_rig(rig, motion, left, request.settings.rig.max_influences)
    return refined.rig, list(refined.added), list(refined.merged)
