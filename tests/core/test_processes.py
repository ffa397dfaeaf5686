"""Work handed to processes gives what it gives here, in order, and fails as it does.

The processes are real ones. What they are to do lies in `process_work`, which they import.
"""

import gc
import os

import numpy as np
import process_work as work
import pytest
import torch
from animamimic.core import bounds
from animamimic.core.settings import MachineSettings
from animamimic.core.workers import processes, spread, use_workers

THREADS = 3


@pytest.fixture(scope="module")
def helped():
    """Three threads, and one process that is ready."""
    use_workers(THREADS)
    with processes(1, work.begin):
        work.until_ready(1)
        yield
    use_workers(1)


def test_results_come_in_the_order_of_the_items_from_here_and_there(helped):
    found = spread(work.square, range(40))
    assert [square for _, square in found] == [number**2 for number in range(40)]
    assert len({process for (process, _), _ in found}) == 2
    assert len({place for place, _ in found}) == THREADS


def test_tensors_and_arrays_arrive_as_they_are(helped):
    sent = {"tensor": torch.arange(6).reshape(2, 3).T, "flags": torch.tensor([True, False]), "number": torch.tensor(2.5), "array": np.eye(3, dtype=np.float32)[::2]}
    back = work.there(work.same, sent)
    assert back.keys() == sent.keys()
    assert all(type(back[name]) is type(one) and back[name].dtype == one.dtype and bool((back[name] == one).all()) for name, one in sent.items())


def test_a_thing_that_is_sent_once_stays_there_and_is_let_go_with_ours(helped):
    thing, before = work.Thing(np.arange(4)), work.there(work.things, None)
    assert work.there(work.place, thing) == work.there(work.place, thing)
    assert work.there(work.same, thing) is thing
    assert work.there(work.things, None) == before + 1
    del thing
    gc.collect()
    assert work.there(work.things, None) == before


def test_a_thing_within_others_is_sent_once_too(helped):
    inner = work.Thing(np.zeros(2))
    one, other = (work.Outer(inner, name) for name in ("one", "other"))
    assert work.there(work.place_of_inner, one) == work.there(work.place_of_inner, other)


def test_what_a_process_raises_is_raised_here_with_where_it_was(helped):
    with pytest.raises(ValueError, match=r"^a bad number") as caught:
        work.there(work.fail, 0)
    assert "process_work.py" in caught.value.__notes__[0]
    assert work.there(work.same, 5) == 5


def test_what_cannot_be_pickled_is_told(helped):
    with pytest.raises((AttributeError, TypeError), match="pickle"):
        work.there(lambda item: item, 0)
    assert work.there(work.same, 5) == 5


def test_a_process_that_raised_is_asked_again(helped):
    with pytest.raises(ValueError, match="a bad number"):
        spread(work.fail, range(20))
    assert {process for (process, _), _ in spread(work.square, range(40))} > {os.getpid()}


@pytest.mark.parametrize(("threads", "gigabytes", "count"), [(1, 16.0, 0), (2, 16.0, 1), (8, 16.0, 4), (8, 3.0, 0), (8, 4.0, 1), (8, float("inf"), 7)])
def test_as_many_help_as_threads_and_memory_allow(monkeypatch, threads, gigabytes, count):
    monkeypatch.setattr(bounds, "most_threads", lambda: 64)
    monkeypatch.setattr(bounds, "most_gigabytes", lambda: gigabytes)
    assert bounds.helping_processes(MachineSettings(threads=threads)) == count
