"""Watches how much memory this process holds, where the system knows no bound that fits: on macOS, and on Linux beside a GPU, whose driver
maps far more of the address space than is used."""

import threading
import time
from collections.abc import Callable

from .usage import peak_bytes

POLL_SECONDS = 0.1


class MemoryWatch(threading.Thread):
    """Calls `exceeded` once the process has held more than `most` bytes. Both may change meanwhile: one watch is enough for a process."""

    def __init__(self) -> None:
        """Watches nothing until `watch` is called."""
        super().__init__(daemon=True)
        self.most = float("inf")
        self.exceeded: Callable[[], None] = lambda: None

    def watch(self, most: float, exceeded: Callable[[], None]) -> None:
        """From now on; `exceeded` is called from another thread, and has to end the process: what allocates does not stop for it."""
        self.most, self.exceeded = most, exceeded
        if not self.is_alive():
            self.start()

    def run(self) -> None:
        """Look ten times a second."""
        while True:
            if peak_bytes() > self.most:
                self.exceeded()
                return
            time.sleep(POLL_SECONDS)
