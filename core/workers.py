"""Independent pieces of work on several cores at once, with the same results however many there are.

Threads do for what is spent in OpenCV, numpy, torch and Warp's kernels, which let other threads run meanwhile. The fit's pieces are many small
steps between which threads wait for Python's lock, so that two do 1.1 to 1.4 times the work of one: those are handed to processes
where there are some. Each thread, or process, works on one thread of its own (see `bounds`), so that pieces of work
and not parts of small matrices are what is shared out.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from .processes import Begin, Process

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Made = TypeVar("Made")

_here = threading.local()
_pool: ThreadPoolExecutor | None = None
_count = 1
_idle: "list[Process]" = []
_taking = threading.Lock()


def use_workers(count: int, begin: Callable[[], None] = lambda: None) -> None:
    """How many threads `each` works on from now on; 1, which is so at first, is the caller's own alone. begin: called on each of them first."""
    global _pool, _count
    if _pool is not None:
        _pool.shutdown()
    _count = count
    _pool = ThreadPoolExecutor(count, "worker", _begin, (begin,)) if count > 1 else None


def each(work: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
    """What `work` makes of every item, in their order; raises what it raised for the first item for which it did.

    work: must not depend on what it does for other items. What a worker calls works on that worker's thread alone; a single item is
    left to the caller's own thread, so that what it calls is shared out.
    """
    return _shared_out(work, work, list(items))


def spread(work: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
    """The same, some of it by processes where there are any, see `processes`: work, items and what is made are pickled (see `sent_once`)."""
    return _shared_out(work, partial(_anywhere, work), list(items))


def _shared_out(work: Callable[[Item], Made], elsewhere: Callable[[Item], Made], items: list[Item]) -> list[Made]:
    """By `work` here, or by `elsewhere` on the pool's threads."""
    if _pool is None or len(items) == 1 or getattr(_here, "working", False):
        return [work(item) for item in items]
    return list(_pool.map(elsewhere, items))


@contextmanager
def processes(count: int, begin: "Begin") -> Iterator[None]:
    """Meanwhile `spread` has so many processes beside this one, from when they are ready. begin: see `processes.Begin`."""
    if _pool is None or count < 1:
        yield
        return
    from .processes import Process
    from .sent_once import Numbers

    def forget(number: int) -> None:
        for process in made:
            process.forget(number)

    numbers, made = Numbers(forget), []
    try:
        for _ in range(min(count, _count - 1)):
            made.append(Process(numbers, begin))
    except OSError as error:  # the system has no more processes, or no memory for one
        log.warning("%d of %d processes help the fit: %s", len(made), count, error)
    _idle.extend(made)
    try:
        yield
    finally:
        _idle.clear()
        for process in made:
            process.end()


def _anywhere(work: Callable[[Item], Made], item: Item) -> Made:
    """By a process that is idle, or here where there is none."""
    from .processes import EndedError

    process = _ready_process()
    if process is None:
        return work(item)
    try:
        made: Made = process.do(work, item)
    except EndedError:
        log.warning("a process that helped the fit has ended; going on without it")
        return work(item)
    except BaseException:
        _idle.append(process)
        raise
    _idle.append(process)
    return made


def _ready_process() -> "Process | None":
    """Taken from the idle ones."""
    with _taking:
        found = next((process for process in _idle if process.ready()), None)
        if found is not None:
            _idle.remove(found)
        return found


@contextmanager
def wide_torch() -> Iterator[None]:
    """Meanwhile torch itself works on as many threads: for the large matrices of video models."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(_count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _begin(begin: Callable[[], None]) -> None:
    _here.working = True
    begin()
