"""Models in memory: loaded when they are asked for, and kept by who makes many videos one after another."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...bounds import out_of_memory
from ...errors import EngineError
from .loading import load_pipeline
from .memory import MemoryPlan, plan_memory, this_device
from .source import Source, weight_bytes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A pipeline in memory. wanted: where it lies on disk, its class, how its weights were asked for. plan: how they are kept."""

    wanted: tuple[Source, str, str]
    plan: MemoryPlan
    pipeline: Any


@dataclass
class Models:
    """Loads pipelines. keep: whether the last one stays in memory, for a process that makes many videos.

    One is kept and not several: a second model of this size seldom fits beside the first.
    """

    keep: bool = False
    _kept: Loaded | None = None

    def loaded(self, source: Source, pipeline_class: str, quantize: str = "OFF", tell: Callable[[MemoryPlan], None] = lambda plan: None) -> Loaded:
        """The pipeline in memory, loaded where it is not there yet. `tell` is called before that, which may take minutes.

        pipeline_class: of diffusers; another one than it is stored as may take the same parts.
        Raises InputError where a part cannot be read, EngineError where memory does not suffice.
        """
        wanted = (source, pipeline_class, quantize)
        if self._kept is not None and self._kept.wanted == wanted:
            log.info("%s is loaded already", source.folder)
            return self._kept
        self._kept = None  # before the memory is looked at: the old model's is free then
        plan = plan_memory(weight_bytes(source), this_device(), quantize)
        tell(plan)
        begun = time.monotonic()
        found = Loaded(wanted, plan, _pipeline(source, plan, pipeline_class))
        log.info("loaded %s in %.1f s: %s", pipeline_class, time.monotonic() - begun, plan.describe())
        if self.keep:
            self._kept = found
        return found


def _pipeline(source: Source, plan: MemoryPlan, pipeline_class: str) -> Any:
    try:
        return load_pipeline(source, plan, pipeline_class)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise EngineError("Memory ran out while the model was loaded.", "Choose weights of fewer bits or a smaller model, or close other programs.") from error
