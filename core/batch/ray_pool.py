"""Nodes of a Ray cluster."""

import logging
import sys
from pathlib import Path
from typing import Any

from ..bounds import GIGABYTE, MOST_THREADS
from ..errors import InputError
from .pools import Ended, Resources, ended_by
from .shot import SHOT_LOG_FILE
from .steps import Step

POLL_SECONDS = 0.1


class RayPool:
    """Nodes with this package installed and the shots' folders at the same paths. Attempts are tasks; an actor for each model that is kept."""

    def __init__(self, address: str, resources: Resources, place: Path, generating: Resources, generators: int = 0, python: str = "") -> None:
        """Connect. resources: of an attempt. place: the folder for logs. generating: resources of an attempt at a video. generators: of those at once.
        python: see `Generator`.

        Raises InputError where Ray is missing, no cluster is there, or none of its nodes is large enough for one job.
        """
        try:
            import ray
        except ImportError as error:
            raise InputError("Ray is not installed here.", f"Run: {sys.executable} -m pip install ray, or leave out --ray.") from error
        try:
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
        except ConnectionError as error:
            raise InputError(f"There is no Ray cluster at {address!r}.", "Start one (ray start --head), or leave out --ray.") from error
        self.ray: Any = ray
        self._attempt = ray.remote(max_retries=0, **self._needs(resources, "a job"))(_attempt_function(resources.threads))
        self._generators: list[Any] = []
        if generators:
            needs = self._needs(generating, "making videos")
            # Not restarted by Ray: what is asked of an actor meanwhile fails at once, and each failure would count as another loss.
            actor = ray.remote(max_restarts=0, **needs)(_generator_class(generating.threads))
            self._new_generator = lambda: actor.remote(str(place), python)
            self._generators = [self._new_generator() for _ in range(generators)]
        self._running: dict[Any, Path] = {}
        self._generating: dict[Any, Any] = {}

    def has_room(self, step: Step) -> bool:
        """See `Pool`: Ray itself keeps what does not fit yet."""
        return step is not Step.GENERATE or len(self._generating) < len(self._generators)

    def start(self, folder: Path, number: int, step: Step) -> None:
        """See `Pool`."""
        if step is Step.GENERATE:
            idle = next(one for one in self._generators if one not in self._generating.values())
            handed = idle.make.remote(str(folder), number)
            self._generating[handed] = idle
        else:
            handed = self._attempt.remote(str(folder), number, str(step))
        self._running[handed] = folder

    def ended(self) -> list[Ended]:
        """See `Pool`."""
        if not self._running:
            return []
        ready, _ = self.ray.wait(list(self._running), num_returns=len(self._running), timeout=POLL_SECONDS)
        return [self._taken_in(one) for one in ready]

    def no_more_videos(self) -> None:
        """See `Pool`."""
        for one in self._generators:
            self.ray.kill(one)
        self._generators.clear()

    def close(self) -> None:
        """See `Pool`: processes that a worker started end with it."""
        self.no_more_videos()
        for one in self._running:
            if one not in self._generating:
                self.ray.cancel(one, force=True)
        self._running.clear()
        self.ray.shutdown()

    def _needs(self, resources: Resources, what: str) -> dict[str, Any]:
        """The resources as Ray's options. Raises InputError where no node has them."""
        cards = float(self._has_cards()) if resources.gpus is None else resources.gpus
        needs = {"CPU": resources.threads, "GPU": cards, "memory": resources.gigabytes * GIGABYTE}
        sizes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        if not any(all(size.get(name, 0) >= count for name, count in needs.items()) for size in sizes):
            wanted = [f"{count:g} {name}" for count, name in ((resources.threads, "cores"), (cards, "graphics cards"), (resources.gigabytes, "GB")) if count]
            raise InputError(f"No node of the Ray cluster has {' and '.join(wanted)} for {what}.", "Ask for less.")
        memory = {"memory": round(needs["memory"])} if needs["memory"] else {}
        return {"num_cpus": resources.threads, "num_gpus": cards, **memory}

    def _has_cards(self) -> bool:
        return any(node["Resources"].get("GPU", 0) >= 1 for node in self.ray.nodes() if node["Alive"])

    def _taken_in(self, one: Any) -> Ended:
        """How an attempt ended; another generator takes the place of one that was lost with it."""
        ended, generator = self._outcome(one, self._running.pop(one)), self._generating.pop(one, None)
        if generator is not None and ended.exit_code is None:
            self.ray.kill(generator)
            self._generators[self._generators.index(generator)] = self._new_generator()
        return ended

    def _outcome(self, one: Any, folder: Path) -> Ended:
        try:
            code, reason = self.ray.get(one)
        except self.ray.exceptions.RayError as error:
            return Ended(folder, None, f"its worker was lost ({type(error).__name__})")
        return Ended(folder, None, reason) if reason else ended_by(folder, code)


def _attempt_function(threads: int) -> Any:
    """What a node's worker does. A function in a function, which Ray sends by its code: the node needs nothing to be imported for it."""
    log_name, variable = SHOT_LOG_FILE, MOST_THREADS

    def attempt(folder: str, number: int, step: str) -> tuple[int, str]:
        import os
        import pathlib
        import subprocess
        import sys

        command = [sys.executable, "-m", "animamimic", "shot", folder, "--attempt", str(number), "--step", step, "--parent", str(os.getpid())]
        with pathlib.Path(folder, log_name).open("ab") as log:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | {variable: str(threads)}, check=False)
        return done.returncode, ""

    return attempt


def _generator_class(threads: int) -> Any:
    """What keeps a model on a node: the parent of the process that has it. Sent by its code, as `_attempt_function` is."""
    poll_seconds, environment = POLL_SECONDS, {MOST_THREADS: str(max(threads, 1))}

    class Keeper:
        """An actor."""

        def __init__(self, place: str, python: str) -> None:
            import importlib
            import pathlib

            own: Any = importlib.import_module("animamimic.core.batch.generator")  # the node's package, as `-m animamimic` finds it
            self.generator = own.Generator(pathlib.Path(place), environment, python)

        def make(self, folder: str, number: int) -> tuple[int | None, str]:
            """Exit code, and the reason where the process was lost."""
            import pathlib
            import time

            self.generator.begin(pathlib.Path(folder), number)
            while (ended := self.generator.poll()) is None:
                time.sleep(poll_seconds)
            return ended.exit_code, ended.reason

    return Keeper
