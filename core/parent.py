"""A process that must not outlive the one that it works for."""

import os
import time

PARENT_CHECK_SECONDS = 0.5


def end_with(parent: int) -> None:
    """End this process once `parent` has ended: an engine must not outlive its Blender, nor a Blender its command line."""
    own = os.name != "nt" and os.getppid() == parent  # then even a dead one that nobody has taken note of is seen to be gone
    while os.getppid() == parent if own else alive(parent):
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(1)


def alive(process: int) -> bool:
    """Whether a process of this number runs. Windows has no harmless signal 0 (os.kill ends the process there)."""
    if os.name == "nt":
        return _alive_on_windows(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _alive_on_windows(process: int) -> bool:
    import ctypes

    still_active, query_limited_information = 259, 0x1000
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    handle = kernel.OpenProcess(query_limited_information, False, process)
    if not handle:
        return False
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == still_active
