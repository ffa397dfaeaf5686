"""What was made and is asked for again, as long as there is room for it."""

from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

Held = TypeVar("Held")

GROWING = 8
"""Of the values that were asked for last, so many are measured anew whenever one is asked for."""


class Memory(Generic[Held]):
    """The values that were asked for last, of those that a function makes of numbers 0 to count - 1, as long as they take no more than so many bytes.

    bytes_of: what a value takes; it may grow while it is used. least: so many are kept whatever they take. Threads may ask together; each
    value is made by one of them.
    """

    def __init__(self, count: int, most: int, bytes_of: Callable[[Held], int], least: int = 0) -> None:
        self.most, self.bytes_of, self.least = most, bytes_of, least
        self.taken = 0
        self._growing: deque[int] = deque(maxlen=GROWING)
        self._held: OrderedDict[int, tuple[Held, int]] = OrderedDict()
        self._making = [Lock() for _ in range(count)]
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, number: int, make: Callable[[int], Held]) -> Held:
        """The value of a number, made where it is not held."""
        with self._making[number]:
            found = self._held.get(number)
            value = found[0] if found else make(number)
            with self._lock:
                self._hold(number, value)
        return value

    def _hold(self, number: int, value: Held) -> None:
        """Count a value that is asked for now, and let go of those that were not asked for longest."""
        self._held[number] = (value, self._held.pop(number, (value, 0))[1])
        self._growing.append(number)
        for one in self._growing:
            if one in self._held:
                self._measure(one)
        while self.taken > self.most and len(self._held) > max(self.least, 1):
            self.taken -= self._held.popitem(last=False)[1][1]

    def _measure(self, number: int) -> None:
        value, before = self._held[number]
        taken = self.bytes_of(value)
        self._held[number] = (value, taken)  # in its place: the order is that of asking
        self.taken += taken - before
