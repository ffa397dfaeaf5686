"""What one kind of run does in Blender before and after the engine: take the scene in, bring the result back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.settings import Settings
from .captured import Captured
from .datablocks import Context
from .scene_state import in_scene
from .subject import Subject


@dataclass(frozen=True)
class Made:
    """What a run made, in plain values: Blender's objects may be gone by the time that the panel asks.

    armature, action: names, '' where none was made. bones, keys, shape_keys: how many.
    warnings: what the user should know, one sentence each. unsure: bones that the video tells little about, the worst first. report: the engine's figures as JSON values (see `core.pipeline`).
    """

    armature: str = ""
    action: str = ""
    bones: int = 0
    keys: int = 0
    shape_keys: int = 0
    warnings: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def silhouette_iou(self) -> float | None:
        """How well the animated subject covers the video's, 0 to 1, the mean over the frames; None where the engine did not tell."""
        return self.report.get("fit", {}).get("mean_iou")

    @property
    def iou_by_frame(self) -> list[float]:
        """The same frame by frame; empty where the engine did not tell."""
        return self.report.get("fit", {}).get("iou", [])

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values, the engine's figures beside our own."""
        own = {name: value for name, value in vars(self).items() if name != "report"}
        return {**self.report, **own, "silhouette_iou": self.silhouette_iou}


@dataclass(frozen=True)
class Work:
    """One kind of run. Both raise AnimaMimicError with the sentence for the user, and leave the scene as it was then.

    capture: writes the job of a subject into a folder, which it makes; see `core.job`.
    bake: brings what the engine left in the job folder into the scene.
    """

    capture: Callable[[Context, Subject, Settings, Path], Captured]
    bake: Callable[[Context, Captured, Path], Made]

    def bake_where_captured(self, context: Context, captured: Captured, folder: Path) -> Made:
        """`bake`, in the scene of the capture, whichever the window shows by now."""
        with in_scene(context, captured.scene):
            return self.bake(context, captured, folder)
