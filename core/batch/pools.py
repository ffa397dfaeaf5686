"""Who does the work: processes of this machine, or the nodes of a Ray cluster. Both run `animamimic shot FOLDER` for an attempt."""

import logging
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..bounds import GIGABYTE, MEMORY_SHARE, MOST_GIGABYTES, MOST_THREADS, total_gigabytes
from ..errors import InputError
from .shot import ROOT, SHOT_LOG_FILE

END_SECONDS = 5.0
"""How long the attempts may take to end when they are cancelled."""

RAY_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Resources:
    """What one job needs. threads: cores. gigabytes: of memory."""

    threads: int
    gigabytes: float


@dataclass(frozen=True)
class Ended:
    """An attempt that is over. exit_code: None where its worker was lost. reason: of the loss, for people."""

    folder: Path
    exit_code: int | None
    reason: str = ""


class Pool(Protocol):
    """Runs attempts."""

    def has_room(self) -> bool:
        """Whether another attempt may be handed over now."""

    def start(self, folder: Path, number: int) -> None:
        """Hand over an attempt at the shot of this folder."""

    def ended(self) -> list[Ended]:
        """The attempts that ended since the last call; waits a moment at most."""

    def close(self) -> None:
        """End what still runs."""


@dataclass
class LocalPool:
    """Processes of this machine, a new one for every attempt: what one of them does to itself concerns no other."""

    jobs: int
    resources: Resources
    _running: dict[Path, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def has_room(self) -> bool:
        """See `Pool`."""
        return len(self._running) < self.jobs

    def start(self, folder: Path, number: int) -> None:
        """See `Pool`."""
        command = [sys.executable, str(ROOT / "__main__.py"), "shot", str(folder), "--attempt", str(number), "--parent", str(os.getpid())]
        environment = os.environ | {MOST_THREADS: str(self.resources.threads), MOST_GIGABYTES: str(MEMORY_SHARE * total_gigabytes() / self.jobs)}
        with (folder / SHOT_LOG_FILE).open("ab") as log:
            self._running[folder] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True)

    def ended(self) -> list[Ended]:
        """See `Pool`."""
        found = []
        for folder, process in list(self._running.items()):
            code = process.poll()
            if code is not None:
                del self._running[folder]
                found.append(Ended(folder, code) if code >= 0 else Ended(folder, None, f"its process was ended by {_signal_name(-code)}"))
        return found

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


class RayPool:
    """Nodes of a Ray cluster, each with this package installed and the shots' folders at the same paths."""

    def __init__(self, address: str, resources: Resources) -> None:
        """Connect. Raises InputError where Ray is missing, no cluster is there, or none of its nodes is large enough for one job."""
        try:
            import ray
        except ImportError as error:
            raise InputError("Ray is not installed here.", f"Run: {sys.executable} -m pip install ray, or leave out --ray.") from error
        try:
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
        except ConnectionError as error:
            raise InputError(f"There is no Ray cluster at {address!r}.", "Start one (ray start --head), or leave out --ray.") from error
        self.ray: Any = ray
        needs = {"num_cpus": resources.threads, "memory": round(resources.gigabytes * GIGABYTE)}
        sizes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        if not any(size.get("CPU", 0) >= needs["num_cpus"] and size.get("memory", 0) >= needs["memory"] for size in sizes):
            raise InputError(f"No node of the Ray cluster has {resources.threads} cores and {resources.gigabytes:g} GB for a job.", "Lower --threads or --memory.")
        self._attempt = self.ray.remote(max_retries=0, **needs)(_attempt_function(resources.threads))
        self._running: dict[Any, Path] = {}

    def has_room(self) -> bool:
        """See `Pool`: Ray itself keeps what does not fit yet."""
        return True

    def start(self, folder: Path, number: int) -> None:
        """See `Pool`."""
        self._running[self._attempt.remote(str(folder), number)] = folder

    def ended(self) -> list[Ended]:
        """See `Pool`."""
        if not self._running:
            return []
        ready, _ = self.ray.wait(list(self._running), num_returns=len(self._running), timeout=RAY_POLL_SECONDS)
        return [self._outcome(one, self._running.pop(one)) for one in ready]

    def close(self) -> None:
        """See `Pool`: processes that a worker started end with it."""
        for one in self._running:
            self.ray.cancel(one, force=True)
        self._running.clear()
        self.ray.shutdown()

    def _outcome(self, one: Any, folder: Path) -> Ended:
        try:
            code = self.ray.get(one)
        except self.ray.exceptions.RayError as error:
            return Ended(folder, None, f"its worker was lost ({type(error).__name__})")
        return Ended(folder, code) if code >= 0 else Ended(folder, None, f"its process was ended by {_signal_name(-code)}")


def _attempt_function(threads: int) -> Any:
    """What a node's worker does. A function in a function, which Ray sends by its code: the node needs nothing to be imported for it."""
    log_name, variable = SHOT_LOG_FILE, MOST_THREADS

    def attempt(folder: str, number: int) -> int:
        import os
        import pathlib
        import subprocess
        import sys

        command = [sys.executable, "-m", "animamimic", "shot", folder, "--attempt", str(number), "--parent", str(os.getpid())]
        with pathlib.Path(folder, log_name).open("ab") as log:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | {variable: str(threads)}, check=False)
        return done.returncode

    return attempt


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
