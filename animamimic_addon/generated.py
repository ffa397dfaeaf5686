"""What a run that makes driving videos brings into the scene: the first candidate as the driving video; and the choice of another."""

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import bpy

from ..core import job
from ..core.errors import EngineError, InputError
from . import ROOT_PACKAGE
from .captured import Captured
from .datablocks import Context
from .work import Made


def bake_generation(context: Context, captured: Captured, folder: Path) -> Made:
    """Keep the videos outside the job folder, which is deleted one day, and choose the first. Raises EngineError where that fails."""
    report: dict[str, Any] = json.loads((folder / job.REPORT_FILE).read_text(encoding="utf-8"))
    try:
        place = Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=_videos_folder()))
        videos = [shutil.copy2(folder / name, place) for name in (*report["videos"], report["sheet"])]
    except OSError as error:
        raise EngineError(f"The generated videos cannot be kept ({error.strerror}).", f"They are in {folder}.") from error
    choose(context, Path(videos[0]))
    return Made(report={**report, "videos": [str(one) for one in videos[:-1]], "sheet": str(videos[-1])})


def choose(context: Context, video: Path) -> None:
    """Make a file the driving video. Raises InputError where it is not there."""
    if not video.is_file():
        raise InputError(f"The video {video} is not there.", "Generate it again.")
    settings: Any = context.scene.animamimic
    settings.video = str(video)


def _videos_folder() -> Path | None:
    """The extension's own folder for videos; None (the system's) where it is not installed as one."""
    try:
        return Path(bpy.utils.extension_path_user(ROOT_PACKAGE, path="videos", create=True))
    except ValueError:  # not an extension: run from a checkout
        return None
