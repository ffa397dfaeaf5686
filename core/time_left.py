"""How far a run is and how long it will yet take, from how long its stages usually take and how long they took this time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

TRUSTED_SECONDS = 4.0
"""The usual durations weigh as much as this many seconds of the run itself when its speed is judged."""

SURE = 0.3
"""A stage that is this far is judged by its own speed alone."""

CALM = 0.7
"""Share of the last estimate, less the time gone by, in the next one: keeps it from jumping."""

LAST = 0.99
"""Nothing is said to be whole before it is."""


def usual_seconds(*, frames: int, bones: int, resolution: int, new_rig: bool) -> dict[str, float]:
    """About how long each stage takes on two cores without a GPU; what matters is how they compare.

    frames, bones: of the motion. resolution: longer side at which the fit compares, pixels. new_rig: the rig is made.
    Measured on clips of 8 and of 29 to 49 frames with 7 to 50 bones at 96 and 256 pixels; single runs differ by a factor of three.
    The fit again on nine clips of 29 to 49 frames with 7 to 50 bones at 256 pixels, which took 0.8 to 1.6 times as long as this says.
    """
    pixels = 0.5 + 0.5 * (resolution / 256) ** 2
    fit, residual = 4.0 + frames * (0.3 + 0.003 * bones) * pixels, 2.0 + frames * pixels
    return {
        "generate": 300.0,  # of this nothing was measured: it depends on model and GPU
        "video": 0.6 + 0.06 * frames,
        "rig": 4.0 if new_rig else 0.1,
        "fit": fit,
        "joints": residual,
        "refit": fit,
        "tissue": 1.0 + 0.5 * frames,
        "restore": 20.0 * frames,  # a model of a billion parameters on a good graphics card; nobody measured it here
        "residual": residual,
        "keys": 0.2 + 0.003 * frames * bones,
    }


@dataclass
class TimeLeft:
    """Estimates one run.

    stages: in the order in which they run. usual: seconds that each usually takes; may be replaced when more is known.
    """

    stages: tuple[str, ...]
    usual: Mapping[str, float]
    _taken: dict[str, float] = field(default_factory=dict)
    _whole: float = 0.0
    _left: float | None = None
    _asked: float = 0.0

    def finished(self, stage: str, seconds: float) -> None:
        """A stage is done and took so long."""
        self._taken[stage] = seconds

    def estimate(self, stage: str, fraction: float, seconds: float) -> tuple[float, float]:
        """Fraction of the whole run that is done, which never falls, and the seconds left.

        stage: the one that runs. fraction: how far it is, 0 to 1. seconds: since it began.
        """
        fraction = min(max(fraction, 0.0), 1.0)
        gone = sum(self._taken.values()) + seconds
        left = self._calmed(self._seconds_left(stage, fraction, seconds), gone)
        self._whole = max(self._whole, min(LAST, gone / (gone + left) if gone > 0.0 else 0.0))
        return self._whole, left

    def _seconds_left(self, stage: str, fraction: float, seconds: float) -> float:
        later = sum(self.usual[one] for one in self.stages[self.stages.index(stage) + 1 :])
        usual_so_far = sum(self.usual[one] for one in self._taken) + fraction * self.usual[stage]
        slowness = (sum(self._taken.values()) + seconds + TRUSTED_SECONDS) / (usual_so_far + TRUSTED_SECONDS)
        by_custom = (1.0 - fraction) * self.usual[stage] * slowness
        by_itself = seconds * (1.0 - fraction) / fraction if fraction > 0.0 else by_custom
        trust = min(1.0, fraction / SURE)
        return trust * by_itself + (1.0 - trust) * by_custom + later * slowness

    def _calmed(self, left: float, gone: float) -> float:
        if self._left is not None:
            left = CALM * max(0.0, self._left - (gone - self._asked)) + (1.0 - CALM) * left
        self._left, self._asked = left, gone
        return left
