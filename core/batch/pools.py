"""Who does the work: what both kinds of pool have in common, see `local_pool` and `ray_pool`. Both run `animamimic shot FOLDER` for an attempt."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .steps import Step


@dataclass(frozen=True)
class Resources:
    """What one piece of work needs. threads: cores, 0 where it needs none for itself. gigabytes: of memory, 0 where none is kept free.
    gpus: graphics cards, or a share of one; None for one where there are any."""

    threads: int
    gigabytes: float
    gpus: float | None = 0.0


@dataclass(frozen=True)
class Ended:
    """An attempt that is over. exit_code: None where its worker was lost. reason: of the loss, for people."""

    folder: Path
    exit_code: int | None
    reason: str = ""


class Pool(Protocol):
    """Runs attempts: those at videos by processes that keep their model, the others by a process each."""

    def has_room(self, step: Step) -> bool:
        """Whether another attempt at such a step may be handed over now."""

    def start(self, folder: Path, number: int, step: Step) -> None:
        """Hand over an attempt at a step of the shot of this folder."""

    def ended(self) -> list[Ended]:
        """The attempts that ended since the last call; waits a moment at most."""

    def no_more_videos(self) -> None:
        """Give back what making videos needs: none is asked for any more."""

    def close(self) -> None:
        """End what still runs."""


def ended_by(folder: Path, code: int) -> Ended:
    """How an attempt ended whose process did so with this code, negative for a signal."""
    return Ended(folder, code) if code >= 0 else Ended(folder, None, manner_of_end(code))


def manner_of_end(code: int) -> str:
    """How a process was lost, in words for the table of retries."""
    if code >= 0:
        return f"its process ended with code {code}"
    number = -code
    return f"its process was ended by {signal.Signals(number).name if number in set(signal.Signals) else f'signal {number}'}"
