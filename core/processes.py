"""Processes that do pieces of a run's work, so that Python's lock does not make them wait for each other as threads do.

Each is a fresh Python (no fork: torch and the systems' own libraries do not survive one everywhere), which ends with the run, whatever ends that.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from .sent_once import Numbers, packed, unpacked
from .usage import note_process, peak_bytes

_KEEP, _FORGET, _DO = range(3)

Begin = Callable[[], None]
"""Called first in every process. A function of a module: it is pickled by its name."""


class EndedError(Exception):
    """The process has ended before its work was done."""


class Process:
    """One such process. It is ready a few seconds after it was made."""

    def __init__(self, numbers: Numbers, begin: Begin) -> None:
        self._numbers = numbers
        self._sent: set[int] = set()
        self._gone: deque[int] = deque()
        self._ready = False
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        process = context.Process(target=serve, args=(other, begin), daemon=True)
        process.start()
        self._number = process.pid or 0
        other.close()

    def ready(self) -> bool:
        """Whether it can be asked to do something."""
        if not self._ready and self._connection.poll():
            self._ready = True
            with contextlib.suppress(EOFError, OSError):  # where it has ended, `do` will tell
                self._connection.recv_bytes()
        return self._ready

    def do(self, work: Callable[[Any], Any], item: Any) -> Any:
        """What `work` makes of an item there; raises what it raises. One thread at a time may ask.

        Raises EndedError where the process cannot do it any more.
        """
        try:
            self._tell_what_has_gone()
            self._connection.send_bytes(self._packed((_DO, (work, item))))
            done, value, taken = unpacked(self._connection.recv_bytes(), self._numbers.thing)
        except (EOFError, OSError) as error:
            raise EndedError from error
        note_process(self._number, *taken)
        if done:
            return value
        raised, where = value
        raised.add_note(where)
        raise raised

    def forget(self, number: int) -> None:
        """A thing is no more: told before the next work. From any thread."""
        self._gone.append(number)

    def end(self) -> None:
        """It ends by itself once nobody can ask it."""
        self._connection.close()

    def _tell_what_has_gone(self) -> None:
        gone = []
        while self._gone:
            number = self._gone.popleft()
            if number in self._sent:
                self._sent.remove(number)
                gone.append(number)
        if gone:
            self._connection.send_bytes(self._packed((_FORGET, gone)))

    def _packed(self, message: tuple[int, Any], whole: object = None) -> bytes:
        """whole: is written out itself."""
        return packed(message, lambda thing: None if thing is whole else self._number_there(thing))

    def _number_there(self, thing: object) -> int:
        """The number by which the process knows a thing, which is sent to it first where it does not."""
        number = self._numbers.of(thing)
        if number not in self._sent:
            self._connection.send_bytes(self._packed((_KEEP, (number, thing)), thing))
            self._sent.add(number)
        return number


def serve(connection: Connection, begin: Begin) -> None:
    """A process's own side: do what is asked for until nobody can ask any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of a terminal's processes: the run's own ends them
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # standard output is the run's own, for its one line of outcome
    begin()
    kept = _Kept({}, {})
    try:
        connection.send_bytes(b"")
        while True:
            answer = kept.done(connection.recv_bytes())
            if answer is not None:
                connection.send_bytes(answer)
    except (EOFError, OSError):
        sys.exit(0)  # the run has ended


@dataclass(frozen=True)
class _Kept:
    """What a process was sent once. things: by their numbers. numbers: by the things' identities."""

    things: dict[int, Any]
    numbers: dict[int, int]

    def done(self, message: bytes) -> bytes | None:
        """What a message asks for; the answer, where it asks for one."""
        kind, content = unpacked(message, self.things.__getitem__)
        if kind == _DO:
            work, item = content
            return _answer(work, item, self.numbers)
        if kind == _KEEP:
            number, thing = content
            self.things[number], self.numbers[id(thing)] = thing, number
        else:
            for number in content:
                del self.numbers[id(self.things.pop(number))]
        return None


def _answer(work: Callable[[Any], Any], item: Any, numbers: dict[int, int]) -> bytes:
    from .bounds import out_of_memory

    try:
        done, value = True, work(item)
    except Exception as error:  # noqa: BLE001  told to who asked
        if out_of_memory(error):
            os._exit(1)  # the run's own process has more, and goes on without this one
        done, value = False, (error, traceback.format_exc())
    return packed((done, value, (time.process_time(), peak_bytes())), lambda thing: numbers.get(id(thing)))
