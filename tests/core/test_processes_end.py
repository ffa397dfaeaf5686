"""A process that ends takes nothing with it, and none outlives the run that it worked for."""

import os
import signal

import process_work as work
import pytest
from animamimic.core import workers
from animamimic.core.workers import processes, spread, use_workers

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")


@pytest.mark.parametrize("end", [work.kill_itself, work.run_out_of_memory])
def test_what_a_process_that_ends_was_doing_is_done_here(caplog, end):
    use_workers(2)
    with processes(1, work.begin):
        work.until_ready(1)
        assert spread(end, [os.getpid(), os.getpid()]) == ["done", "done"]
        assert not workers._idle
        assert spread(work.same, range(4)) == list(range(4))
    use_workers(1)
    assert caplog.messages == ["a process that helped the fit has ended; going on without it"]


def test_processes_end_when_nobody_can_ask_them_any_more():
    use_workers(2)
    with processes(1, work.begin):
        work.until_ready(1)
        number = work.there(work.own_number, None)
        os.kill(number, signal.SIGINT)  # Ctrl-C reaches all of a terminal's processes: what comes of it the run decides
        assert work.there(work.own_number, None) == number
    use_workers(1)
    assert work.ended(number)


def test_where_no_process_can_be_begun_the_work_is_done_here(monkeypatch, caplog):
    def refuse(numbers, begin):
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr("animamimic.core.processes.Process", refuse)
    use_workers(2)
    with processes(1, work.begin):
        assert spread(work.same, range(3)) == [0, 1, 2]
    use_workers(1)
    assert caplog.messages == ["0 of 1 processes help the fit: Resource temporarily unavailable"]
