"""Processes of this machine."""

import os
import subprocess
import sys
from pathlib import Path

from ..bounds import MEMORY_SHARE, MOST_GIGABYTES, MOST_THREADS, total_gigabytes
from .generator import Generator
from .pools import Ended, ended_by
from .shot import ROOT, SHOT_LOG_FILE
from .steps import Step

LEAST_GIGABYTES = 1.0
"""For an attempt, however much is left to the video models."""

END_SECONDS = 5.0
"""How long the attempts may take to end when they are cancelled."""


class LocalPool:
    """A new process for every attempt: what one of them does to itself concerns no other. Videos are made by processes that stay."""

    def __init__(self, jobs: int, threads: int, place: Path, generators: int = 0, generator_gigabytes: float = 0.0, python: str = "") -> None:
        """jobs: attempts at once, beside those at videos. threads: of each. place: the folder for logs. generators: videos at once.

        generator_gigabytes: memory for each of those; 0 for half of what there is for all of them. python: see `Generator`.
        """
        self.jobs = jobs
        room = MEMORY_SHARE * total_gigabytes()
        own = generator_gigabytes or room / 2 / max(generators, 1)
        self._environment = {MOST_THREADS: str(threads), MOST_GIGABYTES: str(max((room - generators * own) / jobs, LEAST_GIGABYTES))}
        self._running: dict[Path, subprocess.Popen[bytes]] = {}
        bounds = {**self._environment, MOST_GIGABYTES: str(own)}
        self._generators = [Generator(place, bounds | _card(number, generators), python) for number in range(generators)]
        self._generating: dict[Path, Generator] = {}

    def has_room(self, step: Step) -> bool:
        """See `Pool`."""
        return len(self._generating) < len(self._generators) if step is Step.GENERATE else len(self._running) < self.jobs

    def start(self, folder: Path, number: int, step: Step) -> None:
        """See `Pool`."""
        if step is Step.GENERATE:
            idle = next(one for one in self._generators if one not in self._generating.values())
            idle.begin(folder, number)
            self._generating[folder] = idle
            return
        command = [sys.executable, str(ROOT / "__main__.py"), "shot", str(folder), "--attempt", str(number), "--step", step, "--parent", str(os.getpid())]
        with (folder / SHOT_LOG_FILE).open("ab") as log:
            self._running[folder] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | self._environment, start_new_session=True
            )

    def ended(self) -> list[Ended]:
        """See `Pool`."""
        codes = {folder: process.poll() for folder, process in self._running.items()}
        found = [ended_by(folder, code) for folder, code in codes.items() if code is not None]
        made = [end for one in self._generating.values() if (end := one.poll()) is not None]
        for one in found:
            del self._running[one.folder]
        for one in made:
            del self._generating[one.folder]
        return [*found, *made]

    def no_more_videos(self) -> None:
        """See `Pool`."""
        for one in self._generators:
            one.close()

    def close(self) -> None:
        """See `Pool`."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self._running.clear()
        self._generating.clear()
        self.no_more_videos()


def _card(number: int, count: int) -> dict[str, str]:
    """One graphics card for each of several generators; a single one chooses for itself."""
    return {"CUDA_VISIBLE_DEVICES": str(number)} if count > 1 else {}
