"""Motion beyond the bones, of whichever kind the settings ask for: simulated, fitted, seen in the video, imagined by a model."""

from dataclasses import replace
from typing import Any

from .clip_stage import clip_view
from .flow_weights import with_content_of_weights
from .job import Request
from .narrator import Narrator, report_values
from .types import Clip, Motion, Progress, Rig, Tissue, TissueParameters, UInt8

LOST_PCT = 0.1
"""Share of the subject's size, in %, by which shape keys may miss the soft motion without a word."""

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
        seen = (clip, request.settings.fit.flow, request.settings.fit.flow_weights)
        inputs = (request.mesh, rig, motion, request.view, seen, request.fps, request.settings.tissue, request.softness)
        tissue, report = narrator.result("tissue", inputs, lambda progress: _simulate_fitted(request, rig, motion, clip, progress))
        if not report["seen"]:
            before, after = report["video_px_before"], report["video_px_after"]
            narrator.warn(f"No flesh explains the video better than the bones alone ({after:.2f} px off, {before:.2f} without), so none is made. Choose Physics to have that of the chosen Material.")
        return _telling_lost(narrator, request, tissue, report)
    if kind == "RESIDUAL":
        return followed(narrator, request, rig, motion, clip)
    if kind == "RESTORED":
        return imagined(narrator, request, rig, motion, clip.frames[0])
    return None, {}


def flesh(narrator: Narrator, request: Request, rig: Rig, motion: Motion) -> tuple[Tissue, dict[str, Any]]:
    """The flesh that follows the bones a beat late, and its report; no video is looked at."""
    fitted = request.fitted if request.settings.tissue.tissue == "FITTED" else None
    if request.settings.tissue.tissue == "FITTED" and fitted is None:
        narrator.warn("No video has told yet what this character's flesh is made of: the chosen Material is simulated.")
    inputs = (request.mesh, rig, motion, request.fps, request.settings.tissue, request.softness, fitted)
    made = narrator.result("tissue", inputs, lambda progress: _simulate(request, rig, motion, fitted, progress))
    return _telling_lost(narrator, request, *made)


def followed(narrator: Narrator, request: Request, rig: Rig, motion: Motion, clip: Clip) -> tuple[Tissue, dict[str, Any]]:
    """What a clip, filmed or restored, shows beyond the bones."""
    settings = request.settings
    flow = with_content_of_weights(settings.fit)
    seen = (clip, flow.fit_resolution, flow.flow, flow.flow_weights)
    inputs = (request.mesh, rig, motion, request.view, seen, settings.residual, settings.tissue.shape_keys)

    def compute(progress: Progress) -> tuple[Tissue, dict[str, Any]]:
        from .beyond_bones import follow

        tissue, report = follow(request, rig, motion, clip, progress)
        return tissue, report_values(report)

    return _telling_lost(narrator, request, *narrator.result("residual", inputs, compute))


def imagined(narrator: Narrator, request: Request, rig: Rig, motion: Motion, still: UInt8) -> tuple[Tissue, dict[str, Any]]:
    """What a video model imagines beyond the bones, seen by a camera that may go around the subject. still: see `restored`."""
    from .residual.orbit import turned

    shown = turned(rig, motion, request.mesh.vertices.mean(0), request.settings.restore.restore_orbit)
    return followed(narrator, request, rig, shown, restored(narrator, request, rig, shown, still))


def restored(narrator: Narrator, request: Request, rig: Rig, motion: Motion, still: UInt8) -> Clip:
    """What a video model makes of the bones' motion. still: uint8[H, W, 3], the subject as it stands, of the clip's size."""
    settings = request.settings
    inputs = (request.mesh, rig, motion, clip_view(request), still, request.fps, settings.restore, settings.fit.seed, settings.generate.quantize)

    def compute(progress: Progress) -> Clip:
        from .beyond_bones import restored_clip

        return restored_clip(request, rig, motion, clip_view(request), still, narrator.folder, narrator.warn, progress)

    return narrator.result("restore", inputs, compute)


def _telling_lost(narrator: Narrator, request: Request, tissue: Tissue, report: dict[str, Any]) -> tuple[Tissue, dict[str, Any]]:
    """The same; the user is told where the shape keys that he allows are too few."""
    allowed, lost = request.settings.tissue.shape_keys, report["largest_error_pct"]
    if len(tissue.names) == allowed and lost > LOST_PCT:
        narrator.warn(f"{allowed} shape keys lose up to {lost:.2g} % of the subject's size of the soft motion. Raise Shape Keys to keep more.")
    return tissue, report


def _simulate(request: Request, rig: Rig, motion: Motion, fitted: TissueParameters | None, progress: Progress) -> tuple[Tissue, dict[str, Any]]:
    """The flesh of the material that was fitted before, or of the one that the settings name."""
    from .tissue import bake, for_regions, simulate, soft_body

    settings = request.settings.tissue
    if fitted is None:
        tissue, report = simulate(request.mesh, rig, motion, request.fps, settings, progress, request.softness)
        return tissue, report_values(report)
    body = soft_body(request.mesh, rig, motion, request.fps, settings, request.softness, regions=len(fitted.stiffness) > 1)
    tissue, report = bake(body, for_regions(fitted, body.regions), progress)
    return replace(tissue, fitted=fitted), report_values(report)


def _simulate_fitted(request: Request, rig: Rig, motion: Motion, clip: Clip, progress: Progress) -> tuple[Tissue, dict[str, Any]]:
    """The flesh of the material that explains the clip best, none where the bones alone explain it as well.

    A clip with times of its own is compared at the scene's nearest frames.
    """
    from .tissue import bake, draft_resolution, fit_material, no_flesh, soft_body, start_parameters
    from .video.flow import follower

    settings = request.settings.tissue
    body = soft_body(request.mesh, rig, motion, request.fps, settings, request.softness, regions=True)
    start, coarse = start_parameters(settings, body.regions), draft_resolution(body)
    draft = soft_body(request.mesh, rig, motion, request.fps, replace(settings, tissue_resolution=coarse), request.softness, regions=True) if coarse else None
    flow = follower(request.settings.fit.flow, request.settings.fit.flow_weights)
    fitted = fit_material(body, start, motion, request.needed_view(), clip, lambda share, text: progress(0.85 * share, text), draft, flow)
    seen = {"seen": fitted.seen, "video_px_before": round(fitted.before, 3), "video_px_after": round(fitted.after, 3)}
    if not fitted.seen:
        return no_flesh(body), {"shape_keys": 0, "largest_error_pct": 0.0, **seen}
    tissue, report = bake(body, fitted.parameters, lambda share, text: progress(0.85 + 0.15 * share, text))
    return replace(tissue, fitted=fitted.parameters), {**report_values(report), **seen}
