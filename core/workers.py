"""Independent pieces of work on several cores at once, with the same results however many there are.

Threads are enough: what takes long is spent in OpenCV, numpy, torch and Warp's kernels, which let other threads run meanwhile. Each of
them works on one thread of its own (see `bounds`), so that pieces of work and not parts of small matrices are what is shared out.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

_here = threading.local()
_pool: ThreadPoolExecutor | None = None
_count = 1


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
    items = list(items)
    if _pool is None or len(items) == 1 or getattr(_here, "working", False):
        return [work(item) for item in items]
    return list(_pool.map(work, items))


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
