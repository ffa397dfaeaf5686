"""What a process at work tells the one that waits for it: one JSON message a line. Imports the standard library alone."""

import dataclasses
import errno
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROGRESS_FILE = "progress.jsonl"


@dataclass(frozen=True)
class Message:
    """One line of progress.jsonl.

    kind: STAGE (text: its name), PROGRESS (fraction of the whole run, text, seconds left or None), WARN (text),
        ERROR (text: the sentence to show; exit_code), DONE (last, after the result is written).
    """

    kind: str
    text: str = ""
    fraction: float = 0.0
    seconds_left: float | None = None
    exit_code: int = 0


def append_message(folder: Path, message: Message) -> None:
    """Add one line to progress.jsonl, whole or, where the disk is full, not at all: half a line would spoil the next one."""
    line = (json.dumps(dataclasses.asdict(message)) + "\n").encode()
    with (folder / PROGRESS_FILE).open("ab", buffering=0) as file:
        begin = file.seek(0, os.SEEK_END)
        if file.write(line) < len(line):
            file.truncate(begin)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@dataclass
class MessageReader:
    """Reads the messages that came since the last look; never sees half a line."""

    folder: Path
    _offset: int = 0

    def new_messages(self) -> Iterator[Message]:
        """The messages written since the last call."""
        path = self.folder / PROGRESS_FILE
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            yield Message(**json.loads(line))
