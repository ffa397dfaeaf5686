"""What a piece of a run takes of the machine."""

import mmap
import sys
import time

import numpy as np
import pytest
from animamimic.core import usage
from animamimic.core.usage import Meter


def test_waiting_takes_time_and_no_processor():
    meter = Meter()
    time.sleep(0.3)
    taken = meter.read()
    assert taken.seconds >= 0.3
    assert taken.cpu_seconds < 0.2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not forget an earlier peak")
def test_the_peak_is_that_of_the_piece():
    """200 MB, given back, and then 50 MB: the second meter sees only those. Mapped, since the C library may keep what is freed."""
    before = Meter().read().peak_megabytes
    meter = Meter()
    large = _filled(200_000_000)
    assert meter.read().peak_megabytes > before + 190
    large.close()
    meter = Meter()
    small = _filled(50_000_000)
    assert before + 40 < meter.read().peak_megabytes < before + 100
    small.close()


def test_what_helping_processes_take_counts():
    usage.note_process(-1, 10.0, 7_000_000)
    meter = Meter()
    before = meter.read()
    usage.note_process(-1, 12.5, 300_000_000)
    usage.note_process(-2, 1.0, 100_000_000)
    after = meter.read()
    assert after.cpu_seconds - before.cpu_seconds == pytest.approx(3.5, abs=0.1)
    assert after.peak_megabytes - before.peak_megabytes == pytest.approx(400, abs=20)


def _filled(size: int) -> mmap.mmap:
    """Memory of so many bytes, all of it touched."""
    memory = mmap.mmap(-1, size)
    np.frombuffer(memory, np.uint8)[:] = 1
    return memory
