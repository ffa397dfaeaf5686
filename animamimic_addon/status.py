"""How far a run is, in the interface's language: for the panel's bar and the status bar."""

from . import words
from .translations import sentence


def progress(fraction: float, seconds_left: float | None) -> str:
    """How far something is, and how long it will yet take where that is known."""
    if seconds_left is None:
        return f"{100 * fraction:.0f} %"
    return sentence("{percent:.0f} %, {time} left", percent=100 * fraction, time=words.duration(seconds_left))


def status_line(stage: str, fraction: float, seconds_left: float | None) -> str:
    """What the status bar says of a run."""
    return sentence("AnimaMimic: {stage}, {progress}. Esc cancels.", stage=sentence(stage), progress=progress(fraction, seconds_left))
