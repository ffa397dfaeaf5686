"""The process that makes driving videos one after another with its model kept in memory: its inside, and the handle on it.

It is told a shot's folder as a line of JSON on its standard input, and answers with a line when the video is there or cannot be made.
"""

import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path

from .pools import Ended, manner_of_end
from .shot import ROOT, attempt
from .steps import Step

LOG_FILE = "generator.log"
"""Of all such processes of a batch, beside the shots' folders."""

END_SECONDS = 5.0


def serve() -> int:
    """Make the videos that are asked for until nobody can ask any more."""
    from ..video.generate import Models

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(name)s: %(message)s", stream=sys.stderr)
    answers, models = sys.stdout, Models(keep=True)
    with redirect_stdout(sys.stderr):  # what libraries print is no answer
        for line in sys.stdin:
            asked = json.loads(line)
            exit_code = attempt(Path(asked["folder"]), asked["attempt"], Step.GENERATE, models)
            print(json.dumps({"exit_code": exit_code}), file=answers, flush=True)
    return 0


class Generator:
    """The handle on such a process, which is started when it is first needed, and again after it was lost."""

    def __init__(self, place: Path, environment: Mapping[str, str], python: str = "") -> None:
        """place: the folder for its log. environment: variables for it beside our own. python: the one that has torch, '' for this one."""
        self.log = place / LOG_FILE
        self.environment = {**os.environ, **environment}
        self.python = python or sys.executable
        self._process: subprocess.Popen[str] | None = None
        self._folder: Path | None = None

    def begin(self, folder: Path, number: int) -> None:
        """Ask for the driving video of the shot of this folder. Only while no other is being made."""
        if self._process is None:
            self._start()
        assert self._process is not None and self._process.stdin is not None
        self._folder = folder
        try:
            self._process.stdin.write(json.dumps({"folder": str(folder), "attempt": number}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:  # it ended meanwhile: `poll` tells
            return

    def poll(self) -> Ended | None:
        """How what was asked for ended, None while it is at work. Never waits."""
        assert self._process is not None and self._folder is not None
        code = self._process.poll()  # before the answers: once it has ended, none comes after those that are read here
        if code is not None:
            self._listener.join(END_SECONDS)
        try:
            return Ended(self._folder, json.loads(self._answers.get_nowait())["exit_code"])
        except queue.Empty:
            if code is None:
                return None
        self._process = None
        return Ended(self._folder, None, manner_of_end(code))

    def close(self) -> None:
        """End the process, and with it give the model's memory back."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _start(self) -> None:
        command = [self.python, str(ROOT / "__main__.py"), "generator", "--parent", str(os.getpid())]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=self.environment, start_new_session=True
            )
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._listener = threading.Thread(target=_listen, args=(self._process, self._answers), daemon=True)
        self._listener.start()


def _listen(process: "subprocess.Popen[str]", answers: "queue.SimpleQueue[str]") -> None:
    """Pass a process's lines on: reading them may wait, which who hands out the work must not."""
    assert process.stdout is not None
    for line in process.stdout:
        answers.put(line)
