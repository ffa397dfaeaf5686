"""How much of the machine one run may use: threads, memory, and how politely it asks for the processor."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from .memory_watch import MemoryWatch
from .settings import MachineSettings
from .workers import use_workers

MOST_THREADS = "ANIMAMIMIC_THREADS"
"""Environment variable: no job may use more threads than this, whatever its settings say. Set by who runs several jobs at once."""

MOST_GIGABYTES = "ANIMAMIMIC_MEMORY"
"""Environment variable: no job may use more memory than this, likewise."""

MEMORY_SHARE = 0.75
"""Of the machine's memory, where nothing else is said."""

CUDA_DEVICE = Path("/dev/nvidiactl")
"""There where Linux has an NVIDIA driver, which maps far more of the address space than it uses memory: the system would count it as data."""

PROCESS_GIGABYTES = 2
"""What a process that helps the fit may take; one that needs more ends, and the run goes on without it."""

GIGABYTE = 10**9
NICENESS = 10

GLIBC_TRIM_THRESHOLD, GLIBC_MMAP_THRESHOLD, GLIBC_ARENA_MAX = -1, -3, -8
"""Names of mallopt's settings, see its manual page."""
MOST_KEPT, LARGEST_KEPT = 256 * 2**20, 32 * 2**20
"""Bytes of freed memory kept, and of the largest block that is; 32 MiB is the most that glibc takes."""

BELOW_NORMAL_PRIORITY_CLASS = 0x4000
"""Windows' flag for a process that gives way to those of usual priority."""


def bound(settings: MachineSettings, exceeded: Callable[[], None]) -> None:
    """Keep this process within the settings. Call it before the stages; may import torch.

    Independent pieces of work are shared out to as many threads (`workers`); torch and OpenCV keep to one in each. What OpenCV computes is
    the same bit for bit in every run. Memory is bounded by the system where it can (Linux without a GPU): beyond it an allocation
    fails, which the engine tells as being out of memory. Elsewhere it is watched, and `exceeded` called, which has to end the process.
    """
    most = settings.memory_limit or most_gigabytes()
    if sys.platform == "linux" and not CUDA_DEVICE.exists():
        _bound_memory(most)
    else:
        _watch.watch(most * GIGABYTE, exceeded)
    keep_freed_memory()
    if os.environ.get("OMP_NUM_THREADS", "") != "1":
        import torch

        torch.set_num_threads(1)
    bound_opencv()
    use_workers(allowed_threads(settings), bound_opencv)


def helping_processes(settings: MachineSettings) -> int:
    """How many may help this one: a thread each but its own, and together no more than half the memory, each `PROCESS_GIGABYTES`, beside what bounds this one."""
    most = settings.memory_limit or most_gigabytes()
    return int(min(allowed_threads(settings) - 1, most / (2 * PROCESS_GIGABYTES)))


def allowed_threads(settings: MachineSettings) -> int:
    """What the settings and the environment allow, at least one."""
    return min(settings.threads or cores(), most_threads())


def begin_process() -> None:
    """Keep a process that helps the fit within its bounds; its priority is that of who started it."""
    import torch

    if sys.platform == "linux" and not CUDA_DEVICE.exists():
        _bound_memory(PROCESS_GIGABYTES)
    else:
        _watch.watch(PROCESS_GIGABYTES * GIGABYTE, lambda: os._exit(1))
    keep_freed_memory()
    torch.set_num_threads(1)
    bound_opencv()


def bound_opencv() -> None:
    """OpenCV keeps the second of these for each thread by itself."""
    import cv2

    cv2.setNumThreads(1)
    cv2.ipp.setUseIPP(False)  # on one thread OpenCV takes its distance transform, which is not the same bit for bit from run to run


def most_threads() -> int:
    """What the environment allows, else the number of cores."""
    text = os.environ.get(MOST_THREADS, "")
    return max(1, int(text)) if text.isdecimal() else cores()


def most_gigabytes() -> float:
    """What the environment allows, else a share of the machine's memory."""
    try:
        return float(os.environ[MOST_GIGABYTES])
    except (KeyError, ValueError):
        return MEMORY_SHARE * total_gigabytes()


def total_gigabytes() -> float:
    """The machine's memory; infinite where the system does not tell."""
    names = ("SC_PHYS_PAGES", "SC_PAGE_SIZE")
    if not hasattr(os, "sysconf") or not set(names) <= set(os.sysconf_names):
        return float("inf")
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIGABYTE


def threads_each(jobs: int) -> int:
    """Threads for each of so many jobs at once, so that together they have no more than there are cores."""
    return max(1, cores() // max(1, jobs))


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def give_way() -> None:
    """Let other programs go first: for an engine that works beside an open Blender."""
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(NICENESS)


def keep_freed_memory() -> None:
    """Let the C library keep what this process frees for its next arrays (glibc; elsewhere it does nothing).

    By itself it hands every large block back, and the system then zeroes each page of the next one as it is touched: up to a
    third of the time that a picture takes to draw (`benchmarks/raster.md`).
    """
    if sys.platform != "linux":
        return
    import ctypes

    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(GLIBC_ARENA_MAX, 1)  # else every thread keeps as much for itself
        library.mallopt(GLIBC_TRIM_THRESHOLD, MOST_KEPT)
        library.mallopt(GLIBC_MMAP_THRESHOLD, LARGEST_KEPT)


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that no more memory could be had: Python's own, or that of torch or OpenCV, which have no class for it."""
    text = str(error)
    return isinstance(error, MemoryError) or "can't allocate memory" in text or "Insufficient memory" in text or "out of memory" in text


_watch = MemoryWatch()


def _bound_memory(gigabytes: float) -> None:
    import resource

    if not gigabytes < float("inf"):
        return
    wanted = round(gigabytes * GIGABYTE)
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))
