"""Hands out the shots, tries again what was lost, and sums up."""

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..errors import CancelledError, InputError
from ..files import write_text
from .pools import Ended, Pool
from .shot import SHOT_LOG_FILE, Programs, attempts, finished, prepare
from .steps import Step, steps_of
from .table import Shot

SUMMARY_FILE = "summary.json"
POLL_SECONDS = 0.1

LAST_CODES = {InputError.exit_code, CancelledError.exit_code}
"""Exit codes after which trying again would end the same way."""


class State(StrEnum):
    """Where a shot stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    KEPT = "kept"
    """Made by an earlier batch from the same inputs."""
    FAILED = "failed"


TO_DO = (State.WAITING, State.RUNNING)


@dataclass
class Progress:
    """How far a shot is. steps: what is still to be done, the present one first. attempts: handed over so far, of all steps.
    retried: why an attempt had to be made again, for each. error: of a failed one. seconds: of the last attempt."""

    shot: Shot
    folder: Path
    steps: tuple[Step, ...] = (Step.ANIMATE,)
    state: State = State.WAITING
    attempts: int = 0
    retried: list[str] = field(default_factory=list)
    error: str = ""
    seconds: float = 0.0


@dataclass
class Batch:
    """The shots of a table, in their folders under `place`.

    retries: how often a shot is tried again. show: told of the shots, many times a second.
    """

    shots: tuple[Shot, ...]
    place: Path
    pool: Pool
    retries: int
    show: Callable[[list[Progress]], None]
    programs: Programs = field(default_factory=Programs)
    summary_file: str = SUMMARY_FILE

    def run(self) -> list[Progress]:
        """Until every shot is done or has failed for good; writes the summary. Ends the attempts where it is interrupted."""
        all_shots = [Progress(shot, self.place / shot.name, steps_of(shot)) for shot in self.shots]
        by_folder = {one.folder: one for one in all_shots}
        waiting = deque(one for one in all_shots if not self._settled(one))
        begun = time.monotonic()
        try:
            while any(one.state in TO_DO for one in all_shots):
                self._hand_out(waiting)
                for ended in self.pool.ended():
                    if self._goes_on(by_folder[ended.folder], ended):
                        waiting.append(by_folder[ended.folder])
                if not any(Step.GENERATE in one.steps for one in all_shots if one.state in TO_DO):
                    self.pool.no_more_videos()
                self.show(all_shots)
                time.sleep(POLL_SECONDS)
        finally:
            self.pool.close()
        self.show(all_shots)
        write_text(self.place / self.summary_file, json.dumps(summary(all_shots, time.monotonic() - begun), indent=1))
        return all_shots

    def _settled(self, one: Progress) -> bool:
        """Whether there is nothing to do for a shot, for good or ill."""
        try:
            if finished(one.folder, one.shot):
                one.state = State.KEPT
        except InputError as error:
            one.state, one.error = State.FAILED, str(error)
        return one.state is not State.WAITING

    def _hand_out(self, waiting: "deque[Progress]") -> None:
        """Hand over what there is room for. A shot whose step finds none keeps its place and lets others pass."""
        for _ in range(len(waiting)):
            one = waiting.popleft()
            if self.pool.has_room(one.steps[0]):
                self._start(one)
            else:
                waiting.append(one)

    def _start(self, one: Progress) -> None:
        if one.attempts == 0:
            prepare(one.folder, one.shot, self.programs)
        one.attempts += 1
        one.state = State.RUNNING
        self.pool.start(one.folder, one.attempts, one.steps[0])

    def _goes_on(self, one: Progress, ended: Ended) -> bool:
        """Take in how an attempt ended; whether there must be another, at the next step or at the same again."""
        noted = [line for line in attempts(one.folder) if line["attempt"] == one.attempts]
        last = noted[-1] if noted else {}
        one.seconds = last.get("seconds", one.seconds)
        if ended.exit_code == 0:
            one.steps = one.steps[1:]
            one.state = State.WAITING if one.steps else State.DONE
            return bool(one.steps)
        reason = ended.reason or last.get("error") or f"it ended with code {ended.exit_code}, see {one.folder / SHOT_LOG_FILE}"
        if ended.exit_code in LAST_CODES or len(one.retried) >= self.retries:
            one.state, one.error = State.FAILED, reason
            return False
        begun = next((line for line in noted if "host" in line), None)
        where = f" on {begun['host']}, process {begun['process']}" if begun is not None else ""
        what = "" if one.steps[0] is Step.ANIMATE else f" ({one.steps[0]})"
        one.retried.append(f"attempt {one.attempts}{what}{where}: {reason}")
        one.state = State.WAITING
        return True


def summary(all_shots: list[Progress], seconds: float) -> dict[str, Any]:
    """What became of the shots, as JSON values."""
    counts = {str(state): sum(one.state is state for one in all_shots) for state in (State.DONE, State.KEPT, State.FAILED)}
    return {
        "outcome": "done" if not counts[State.FAILED] else "failed",
        **counts,
        "retried": {one.shot.name: one.retried for one in all_shots if one.retried},
        "seconds": round(seconds, 1),
        "shots": [
            {"row": one.shot.row, "name": one.shot.name, "state": str(one.state), "attempts": one.attempts, "seconds": one.seconds, "target": one.shot.target, "error": one.error}
            for one in all_shots
        ],
    }
