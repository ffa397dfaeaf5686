"""What the tests of processes have them do: functions that a fresh Python can import."""

import gc
import multiprocessing
import os
import signal
import threading
import time
from dataclasses import dataclass

import numpy as np
from animamimic.core import workers
from animamimic.core.sent_once import sent_once

PATIENCE = 120.0
"""Seconds that a process may take to begin, or to end, on a busy machine."""


@sent_once
@dataclass(frozen=True)
class Thing:
    """Something large."""

    values: np.ndarray


@sent_once
@dataclass(frozen=True)
class Outer:
    """Something that holds it."""

    inner: Thing
    name: str


def begin():
    """Nothing."""


def until_ready(count):
    """Wait for that many processes."""
    end = time.monotonic() + PATIENCE
    while sum(process.ready() for process in workers._idle) < count:
        assert time.monotonic() < end
        time.sleep(0.02)


def there(function, item):
    """What the one process makes of it."""
    (process,) = workers._idle
    return process.do(function, item)


def same(item):
    return item


def square(number):
    """With where it was worked out. It takes so long that others begin meanwhile."""
    time.sleep(0.02)
    return (os.getpid(), threading.get_ident()), number**2


def place(thing):
    return id(thing)


def place_of_inner(outer):
    return id(outer.inner)


def things(_):
    """How many there are."""
    gc.collect()
    return sum(type(one) is Thing for one in gc.get_objects())


def fail(_):
    raise ValueError("a bad number")


def own_number(_):
    return os.getpid()


def kill_itself(run):
    """Unless this is the run's own process."""
    time.sleep(0.2)  # that the other piece of work finds the process taken
    if os.getpid() != run:
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def run_out_of_memory(run):
    """Likewise."""
    time.sleep(0.2)
    if os.getpid() != run:
        raise MemoryError
    return "done"


def ended(number):
    """Whether the process of that number ends by itself."""
    for process in multiprocessing.active_children():
        if process.pid == number:
            process.join(PATIENCE)
            return not process.is_alive()
    return True
