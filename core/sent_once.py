"""Pickles between processes of one run, in which what is large and stays the same is sent once.

An instance of a class that is marked `sent_once` is kept by the process that it is sent to; whatever holds it is pickled with its number in its
place. It must not change afterwards, but for what it remembers of its own. Only processes that this run has started itself are ever listened to.
"""

import io
import itertools
import pickle
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

Kind = TypeVar("Kind", bound=type)

_kinds: set[type] = set()


def sent_once(kind: Kind) -> Kind:
    """Mark a class, whose instances weak references can hold."""
    _kinds.add(kind)
    return kind


class Numbers:
    """Numbers for things that are sent once; they are not kept alive by it. gone: called with the number of each that is no more, from any thread."""

    def __init__(self, gone: Callable[[int], None]) -> None:
        self._gone = gone
        self._lock = threading.Lock()
        self._next = itertools.count()
        self._number_at: dict[int, int] = {}
        self._things: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def of(self, thing: object) -> int:
        """A thing's number, the same each time."""
        with self._lock:
            found = self._number_at.get(id(thing))
            if found is None:
                found = self._number_at[id(thing)] = next(self._next)
                self._things[found] = thing
                weakref.finalize(thing, self._forget, id(thing), found).atexit = False
            return found

    def thing(self, number: int) -> Any:
        """The thing of a number that has not gone."""
        return self._things[number]

    def _forget(self, place: int, number: int) -> None:
        del self._number_at[place]
        self._gone(number)


def packed(value: object, number_of: Callable[[Any], int | None]) -> bytes:
    """A pickle. number_of: of a thing that is sent once, its number where the other side has it; it is written out where that is None."""
    file = io.BytesIO()
    _Pickler(file, number_of).dump(value)
    return file.getvalue()


def unpacked(content: bytes, thing_of: Callable[[int], Any]) -> Any:
    """What was packed; thing_of: what each number stands for."""
    return _Unpickler(io.BytesIO(content), thing_of).load()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, number_of: Callable[[Any], int | None]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._number_of = number_of

    def persistent_id(self, thing: Any) -> int | None:
        """See `pickle.Pickler`."""
        return self._number_of(thing) if type(thing) in _kinds else None

    def reducer_override(self, thing: Any) -> Any:
        """See `pickle.Pickler`; torch's own way writes every tensor as an archive of its own, which takes a hundred times as long."""
        if (type(thing).__module__, type(thing).__name__) != ("torch", "Tensor"):
            return NotImplemented
        from torch import from_numpy  # not before: a process is begun before this one has loaded torch, so that both load it at once

        return from_numpy, (thing.numpy(),)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, thing_of: Callable[[int], Any]) -> None:
        super().__init__(file)
        self._thing_of = thing_of

    def persistent_load(self, number: int) -> Any:
        """See `pickle.Unpickler`."""
        return self._thing_of(number)
