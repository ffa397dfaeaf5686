"""What a run that makes driving videos brings into the scene: all candidates, the picked or the best of them as the driving video."""

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import bpy

from ..core import job
from ..core.errors import EngineError
from . import ROOT_PACKAGE
from .candidates import pick
from .captured import Captured
from .datablocks import Context
from .work import Made


def bake_generation(context: Context, captured: Captured, folder: Path) -> Made:
    """Keep the videos outside the job folder, which is deleted one day, and choose the one that the engine says. Raises EngineError where that fails."""
    report: dict[str, Any] = json.loads((folder / job.REPORT_FILE).read_text(encoding="utf-8"))
    try:
        place = Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=_videos_folder()))
        videos, stills, (sheet,) = ([str(shutil.copy2(folder / name, place)) for name in names] for names in (report["videos"], report["stills"], [report["sheet"]]))
    except OSError as error:
        raise EngineError(f"The generated videos cannot be kept ({error.strerror}).", f"They are in {folder}.") from error
    pick(context, Path(videos[report["picked"] - 1]))
    return Made(report={**report, "videos": videos, "stills": stills, "sheet": sheet})


def _videos_folder() -> Path | None:
    """The extension's own folder for videos; None (the system's) where it is not installed as one."""
    try:
        return Path(bpy.utils.extension_path_user(ROOT_PACKAGE, path="videos", create=True))
    except ValueError:  # not an extension: run from a checkout
        return None
