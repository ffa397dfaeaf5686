"""Models in memory: loaded when they are asked for, and kept by who makes many videos one after another."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .loading import Source, load_pipeline, weight_bytes
from .memory import MemoryPlan, plan_memory, this_device

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A pipeline in memory. source: where it lies on disk. quantize: how its weights were asked for. plan: how they are kept."""

    source: Source
    quantize: str
    plan: MemoryPlan
    pipeline: Any


@dataclass
class Models:
    """Loads pipelines. keep: whether the last one stays in memory, for a process that makes many videos.

    One is kept and not several: a second model of this size seldom fits beside the first.
    """

    keep: bool = False
    _kept: Loaded | None = None

    def loaded(self, source: Source, quantize: str, tell: Callable[[MemoryPlan], None]) -> Loaded:
        """The pipeline in memory, loaded where it is not there yet. `tell` is called before that, which may take minutes.

        Raises InputError where a part cannot be read.
        """
        kept = self._kept
        if kept is not None and (kept.source, kept.quantize) == (source, quantize):
            log.info("%s is loaded already", source.row.name)
            return kept
        self._kept = kept = None  # before the memory is looked at: the old model's is free then
        plan = plan_memory(weight_bytes(source), this_device(), quantize)
        tell(plan)
        begun = time.monotonic()
        found = Loaded(source, quantize, plan, load_pipeline(source, plan))
        log.info("loaded %s in %.1f s: %s", source.row.name, time.monotonic() - begun, plan.describe())
        if self.keep:
            self._kept = found
        return found
