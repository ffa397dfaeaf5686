"""Runs the stages of a job one after another and tells how far they are."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from . import job
from .job import Message
from .stages import StageStore
from .time_left import TimeLeft
from .types import Progress, UInt8
from .usage import Meter, Usage

log = logging.getLogger(__name__)

MESSAGE_INTERVAL = 0.1
"""Least seconds between two PROGRESS messages."""

Made = TypeVar("Made")


@dataclass
class Narrator:
    """Runs the stages: tells the job folder which one is at work and how far it is, and keeps what each took."""

    folder: Path
    time_left: TimeLeft
    usage: dict[str, Usage] = field(default_factory=dict)
    _told: float = 0.0

    def __post_init__(self) -> None:
        self.store = StageStore(self.folder, self.warn)

    def result(self, name: str, inputs: Any, compute: Callable[[Progress], Made], whole: Callable[[], bool] = lambda: True) -> Made:
        """What a stage makes of its inputs, computed only where an earlier run over this folder has not done so, see `stages`."""
        with self.stage(name) as progress:
            return self.store.result(name, inputs, lambda: compute(progress), whole)

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        """Run a stage: yields its `Progress`."""
        job.append_message(self.folder, Message("STAGE", name))
        log.info("stage %s", name)
        meter, begun = Meter(), time.monotonic()
        yield lambda fraction, text: self._progress(name, fraction, text, begun)
        taken = time.monotonic() - begun
        self.usage[name] = meter.read()
        self._told = 0.0
        self._progress(name, 1.0, name, begun)
        if name not in self.store.reused:  # which would tell nothing about how fast this run is
            self.time_left.finished(name, taken)

    def figures(self) -> dict[str, Any]:
        """What the stages took, for the report."""
        return {
            "seconds_by_stage": {name: one.seconds for name, one in self.usage.items()},
            "cpu_seconds_by_stage": {name: one.cpu_seconds for name, one in self.usage.items()},
            "peak_megabytes_by_stage": {name: one.peak_megabytes for name, one in self.usage.items()},
            "reused_stages": self.store.reused,
        }

    def warn(self, text: str) -> None:
        """Tell the user something that does not stop the run."""
        job.append_message(self.folder, Message("WARN", text))

    def show(self, picture: UInt8) -> None:
        """Show a picture [H, W, 3] of what the stage has found so far. Where it cannot be written nobody sees it, and the run goes on."""
        try:
            job.write_preview(self.folder, picture)
        except OSError as error:
            log.warning("no preview: %s", error)

    def _progress(self, name: str, fraction: float, text: str, begun: float) -> None:
        now = time.monotonic()
        if now - self._told < MESSAGE_INTERVAL:
            return
        self._told = now
        whole, left = self.time_left.estimate(name, fraction, now - begun)
        job.append_message(self.folder, Message("PROGRESS", text, fraction=round(whole, 4), seconds_left=round(left, 1)))


def report_values(report: Any) -> dict[str, Any]:
    """A report dataclass as JSON values."""
    return {name: value.tolist() if isinstance(value, np.ndarray | np.generic) else value for name, value in vars(report).items()}
