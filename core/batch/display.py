"""How far a batch is, on the terminal: a live table by rich where it is installed and a terminal is there, else a line a change."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from ..job import MessageReader
from .run import Progress, State
from .shot import ATTEMPTS_FILE
from .steps import Step, job_folder

SHOWN = (State.RUNNING, State.FAILED)
"""Shots of these states have a row of their own; of hundreds, the others are only counted."""


class Show(Protocol):
    """Told of the shots, many times a second."""

    def __call__(self, shots: list[Progress], /) -> None: ...


@contextmanager
def display() -> Iterator[Show]:
    """What to tell of the shots while the block runs."""
    try:
        from rich.console import Console
        from rich.live import Live
    except ImportError:
        yield _Lines()
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    latest: dict[tuple[Path, int], _Latest] = {}
    with Live(console=console, refresh_per_second=4) as live:
        yield lambda shots: live.update(_table(shots, latest))


def retry_table(shots: list[Progress]) -> str:
    """What was tried again and why, as lines; '' where nothing was."""
    lines = [f"  {one.shot.name}: {reason}" for one in shots for reason in one.retried]
    return "\n".join(["Tried again:", *lines]) if lines else ""


def _table(shots: list[Progress], latest: "dict[tuple[Path, int], _Latest]") -> Any:
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    counts = ", ".join(f"{sum(one.state is state for one in shots)} {state}" for state in State)
    table = Table(title=counts, title_justify="left")
    for head in ("row", "shot", "state", "step", "attempt", "progress", ""):
        table.add_column(head)
    for one in shots:
        if one.state in SHOWN or one.retried:
            step = one.steps[0] if one.steps else Step.ANIMATE
            look = latest.setdefault((one.folder, one.attempts), _Latest(job_folder(one.folder, one.shot, step))).look
            state = State.WAITING if one.state is State.RUNNING and not (one.folder / ATTEMPTS_FILE).exists() else one.state  # Ray has it, no worker yet
            text, fraction = look() if one.state is State.RUNNING else (one.error, float(one.state is State.DONE))
            table.add_row(str(one.shot.row), one.shot.name, str(state), str(step), str(one.attempts), ProgressBar(total=1.0, completed=fraction, width=20), text)
    return table


class _Lines:
    """A line for every change of a shot's state."""

    def __init__(self) -> None:
        self.told: dict[str, tuple[State, int]] = {}

    def __call__(self, shots: list[Progress]) -> None:
        for one in shots:
            now = (one.state, one.attempts)
            if self.told.get(one.shot.name) != now and one.state is not State.WAITING:
                self.told[one.shot.name] = now
                ended = sum(other.state not in (State.WAITING, State.RUNNING) for other in shots)
                error = f": {one.error}" if one.error else ""
                step = f" ({one.steps[0]})" if one.state is State.RUNNING and one.steps[0] is not Step.ANIMATE else ""
                print(f"animamimic: {ended}/{len(shots)} {one.state} {one.shot.name}{step}{error}", file=sys.stderr, flush=True)


class _Latest:
    """The last that a job told."""

    def __init__(self, folder: Path) -> None:
        self.reader = MessageReader(folder)
        self.text, self.fraction = "", 0.0

    def look(self) -> tuple[str, float]:
        """Words, and the fraction of the whole."""
        for message in self.reader.new_messages():
            if message.kind in {"STAGE", "PROGRESS"}:
                self.text, self.fraction = message.text, max(self.fraction, message.fraction)
        return self.text, self.fraction
