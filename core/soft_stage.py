"""Motion beyond the bones, of whichever kind the settings ask for: simulated, fitted, seen in the video, imagined by a model."""

from typing import Any

from .clip_stage import clip_view
from .job import Request
from .narrator import Narrator, report_values
from .types import Clip, Motion, Progress, Rig, Tissue, UInt8

LAYER_STAGES: dict[str, tuple[str, ...]] = {
    "OFF": (),
    "PHYSICS": ("tissue",),
    "FITTED": ("tissue",),
    "RESIDUAL": ("residual",),
    "RESTORED": ("restore", "residual"),
}
"""The stages of each kind of motion beyond the bones."""


def beyond_bones(narrator: Narrator, request: Request, rig: Rig, motion: Motion, clip: Clip) -> tuple[Tissue | None, dict[str, Any]]:
    """The soft motion that the settings ask for, if any, and its report."""
    kind = request.settings.tissue.tissue
    if kind == "PHYSICS":
        return flesh(narrator, request, rig, motion)
    if kind == "FITTED":
        inputs = (request.mesh, rig, motion, request.view, clip, request.fps, request.settings.tissue, request.softness)
        return narrator.result("tissue", inputs, lambda progress: _simulate_fitted(request, rig, motion, clip, progress))
    if kind == "RESIDUAL":
        return followed(narrator, request, rig, motion, clip)
    if kind == "RESTORED":
        return followed(narrator, request, rig, motion, restored(narrator, request, rig, motion, clip.frames[0]))
    return None, {}


def flesh(narrator: Narrator, request: Request, rig: Rig, motion: Motion) -> tuple[Tissue, dict[str, Any]]:
    """The flesh that follows the bones a beat late, and its report."""
    inputs = (request.mesh, rig, motion, request.fps, request.settings.tissue, request.softness)
    return narrator.result("tissue", inputs, lambda progress: _simulate(request, rig, motion, progress))


def followed(narrator: Narrator, request: Request, rig: Rig, motion: Motion, clip: Clip) -> tuple[Tissue, dict[str, Any]]:
    """What a clip, filmed or restored, shows beyond the bones."""
    settings = request.settings
    inputs = (request.mesh, rig, motion, request.view, clip, settings.fit.fit_resolution, settings.residual, settings.tissue.shape_keys)

    def compute(progress: Progress) -> tuple[Tissue, dict[str, Any]]:
        from .beyond_bones import follow

        tissue, report = follow(request, rig, motion, clip, progress)
        return tissue, report_values(report)

    return narrator.result("residual", inputs, compute)


def restored(narrator: Narrator, request: Request, rig: Rig, motion: Motion, still: UInt8) -> Clip:
    """What a video model makes of the bones' motion. still: uint8[H, W, 3], the subject as it stands, of the clip's size."""
    settings = request.settings
    inputs = (request.mesh, rig, motion, clip_view(request), still, request.fps, settings.restore, settings.fit.seed)

    def compute(progress: Progress) -> Clip:
        from .beyond_bones import restored_clip

        return restored_clip(request, rig, motion, clip_view(request), still, narrator.folder, narrator.warn, progress)

    return narrator.result("restore", inputs, compute)


def _simulate(request: Request, rig: Rig, motion: Motion, progress: Progress) -> tuple[Tissue, dict[str, Any]]:
    from .tissue import simulate

    tissue, report = simulate(request.mesh, rig, motion, request.fps, request.settings.tissue, progress, request.softness)
    return tissue, report_values(report)


def _simulate_fitted(request: Request, rig: Rig, motion: Motion, clip: Clip, progress: Progress) -> tuple[Tissue, dict[str, Any]]:
    """The flesh of the material that explains the clip best; one with times of its own is compared at the scene's nearest frames."""
    from .tissue import bake, fit_material, soft_body, start_parameters

    settings = request.settings.tissue
    body = soft_body(request.mesh, rig, motion, request.fps, settings, request.softness, regions=True)
    start = start_parameters(settings, body.regions)
    fitted = fit_material(body, start, motion, request.needed_view(), clip, lambda share, text: progress(0.85 * share, text))
    tissue, report = bake(body, fitted.parameters, lambda share, text: progress(0.85 + 0.15 * share, text))
    return tissue, {**report_values(report), "video_px_before": round(fitted.before, 3), "video_px_after": round(fitted.after, 3)}
