"""What a piece of a run takes of the machine: wall and processor seconds, and the most memory at any moment of it."""

import logging
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)

MEGABYTE = 10**6

RESET_PEAK = "5"
"""What Linux's clear_refs takes to forget the peak of memory so far (proc(5))."""


@dataclass(frozen=True)
class Usage:
    """seconds: by the clock. cpu_seconds: of all threads of this process, and of those that help it. peak_megabytes: the process's most resident memory meanwhile
    and the most of each that helps it, together; where the system cannot forget an earlier peak (anything but Linux, some sandboxes), the most so far."""

    seconds: float
    cpu_seconds: float
    peak_megabytes: float


@dataclass
class Meter:
    """Measures from when it is made."""

    _wall: float = field(default_factory=time.monotonic)
    _cpu: float = field(default_factory=lambda: _cpu_seconds())

    def __post_init__(self) -> None:
        if sys.platform == "linux":
            _forget_peak()
        _peak_of.clear()

    def read(self) -> Usage:
        """What was taken until now."""
        return Usage(round(time.monotonic() - self._wall, 2), round(_cpu_seconds() - self._cpu, 2), round((peak_bytes() + sum(_peak_of.values())) / MEGABYTE, 1))


def note_process(process: int, cpu_seconds: float, peak: int) -> None:
    """What a process that helps this one says that it has taken since it began: processor seconds, and the most bytes at once."""
    _cpu_of[process], _peak_of[process] = cpu_seconds, peak


_cpu_of: dict[int, float] = {}
_peak_of: dict[int, int] = {}


def _cpu_seconds() -> float:
    return time.process_time() + sum(_cpu_of.values())


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text(RESET_PEAK, encoding="ascii")
    except OSError as error:  # a sandbox may forbid it: then the peak is the most so far, and no run fails of it
        log.info("the peak of memory cannot be measured piece by piece (%s)", error)


def peak_bytes() -> int:
    """The most memory that this process held at once; on Linux since the last `Meter` was made, on Windows 0."""
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return 1024 * next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
    if sys.platform == "win32":
        return 0  # needs a call of its own into the system, which nobody could try
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts bytes
