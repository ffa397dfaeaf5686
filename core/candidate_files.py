"""How the files of generated candidates are called (here, since Blender's side looks for them too). Imports the standard library alone.

    generated-1.mp4   the candidates, counted from 1; generated-1.png a still of each
    candidates.png    the contact sheet
"""

import re
from pathlib import Path

SHEET_FILE = "candidates.png"
PATTERN = re.compile(r"generated-(\d+)\.mp4")


def video_of(folder: Path, number: int) -> Path:
    """Where the candidate of that number lies."""
    return folder / f"generated-{number}.mp4"


def still_of(video: Path) -> Path:
    """The picture that stands for a candidate where one is to be chosen: its middle frame."""
    return video.with_suffix(".png")


def candidates_with(video: Path) -> tuple[Path, ...]:
    """The candidates that were made together with a video, in order, itself among them; none where it is no candidate."""
    if not (PATTERN.fullmatch(video.name) and (video.parent / SHEET_FILE).is_file()):
        return ()
    found = {int(match[1]): one for one in video.parent.iterdir() if (match := PATTERN.fullmatch(one.name))}
    return tuple(found[number] for number in sorted(found))
