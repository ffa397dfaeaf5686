"""Which of the video's frames becomes which of the scene's, and when."""

import numpy as np

from ..types import Float64, Int32

EVERY_FRAME = "EVERY_FRAME"
MATCH_FPS = "MATCH_FPS"


def frame_choice(seconds: Float64, *, fps: float, timing: str, frame_count: int) -> Int32:
    """For each scene frame the video frame to show in it.

    seconds: float64[N], ascending times at which the video's frames are shown. fps: the scene's.
    timing: EVERY_FRAME takes them one by one; MATCH_FPS keeps the video's speed and takes the frame nearest in time (no
        blending, which would show the subject twice).
    frame_count: most frames wanted, 0 for as many as the video lasts.
    Returns int32[T], never decreasing, starting at 0.
    """
    count = len(seconds)
    if timing == EVERY_FRAME:
        chosen = np.arange(count)
    elif timing == MATCH_FPS:
        shown = seconds - seconds[0]
        wanted = np.arange(round(shown[-1] * fps) + 1) / fps
        middles = (shown[1:] + shown[:-1]) / 2
        # The frame before wins a tie: a film of half the scene's rate then shows 0 0 1 1 2 2.
        chosen = np.searchsorted(middles, wanted - 1e-6, side="left")
    else:
        raise ValueError(f"unknown timing {timing!r}")
    return chosen[: frame_count or None].astype(np.int32)


def without_repeats(chosen: Int32, seconds: Float64, *, fps: float) -> tuple[Int32, Float64]:
    """The video frames that are shown at all, int32[T], and the scene frames, float64[T] from 0, at which the video has them.

    chosen: see `frame_choice`. A film slower than the scene repeats its frames there; the fit must see each once, at its time, or
    the motion would climb in stairs.
    """
    shown = np.unique(chosen)
    if (seconds[shown[-1]] - seconds[0]) * fps < len(chosen) - 1 and shown[-1] + 1 < len(seconds):
        shown = np.append(shown, shown[-1] + 1)  # so that the last scene frame lies between two video frames
    later = np.diff(seconds[shown], prepend=-np.inf) > 0.0  # damaged files show two frames at one time
    shown = shown[later]
    return shown.astype(np.int32), (seconds[shown] - seconds[0]) * fps
