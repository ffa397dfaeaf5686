"""Makes an environment for the engine: `python -m core.environment FOLDER`, with the extension's folder as the current one.

Runs in any Python that can make environments and has nothing else yet: imports the standard library alone. Installs into the new
environment, never into the Python that it runs in: the packages that `doctor` names, in the versions of constraints.txt. Tells
its progress in FOLDER/progress.jsonl; a sentinel comes last, so that half an installation is noticed.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from . import doctor
from .errors import AnimaMimicError, EngineError, InputError
from .messages import Message, append_message
from .parent import end_with

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
SENTINEL = ".animamimic-engine"
"""In the folder: 'begun' while the environment is made, what it was made of when it is whole."""

BEGUN = "begun"
NOT_FROM_A_REGISTRY = {"nvdiffrast"}
NEEDED_BYTES = 8 * 10**9
"""With the CUDA libraries that some builds of torch bring."""

EXPECTED_PACKAGES = 30
"""About as many come with those that are asked for; only for the progress."""

BUILDS = (118, 126, 128, 130)
"""CUDA versions (times ten) that PyTorch's own index has builds for; the newest that the driver can run is taken."""

NO_CONNECTION = re.compile(r"Retry\(total=0,.*connection broken by '(\w+)\(")
"""Of pip's last try to reach a registry: what pip calls an error after it is only that it knows of no package there."""

RETRY = "Check the network and the free disk space, then press Set Up Engine again."


def main() -> int:
    """Make it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--torch-index", default="", help="address of PyTorch's own package index, without the /cpu or /cu... at its end")
    parser.add_argument("--parent", type=int, default=0, help="end when this process has ended")
    options = parser.parse_args()
    if options.parent:
        threading.Thread(target=end_with, args=(options.parent,), daemon=True).start()
    folder: Path = options.folder.resolve()
    try:
        make(folder, options.torch_index)
    except AnimaMimicError as error:
        print(error, file=sys.stderr)
        if folder.is_dir():
            append_message(folder, Message("ERROR", str(error), exit_code=error.exit_code))
        return error.exit_code
    append_message(folder, Message("DONE", "done", fraction=1.0, seconds_left=0.0))
    return 0


def python_of(folder: Path) -> Path:
    """The Python of the environment in a folder."""
    return folder / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def is_complete(folder: Path) -> bool:
    """Whether an environment with these very versions is there, whole."""
    sentinel = folder / SENTINEL
    return sentinel.is_file() and sentinel.read_text("utf-8") == _stamp() and python_of(folder).exists()


def check_folder(folder: Path) -> None:
    """Raise InputError where something of the user's is in the folder, or it has no room."""
    if folder.is_dir() and not (folder / SENTINEL).is_file() and any(folder.iterdir()):
        raise InputError(f"The folder {folder} holds other files.", "Choose an empty folder for the engine, or a new one.")
    above = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(above).free
    if free < NEEDED_BYTES:
        raise InputError(f"The disk of {folder} has {free / 1e9:.1f} GB free, and the engine may need {NEEDED_BYTES / 1e9:.0f} GB.", "Choose a folder on another disk.")


def make(folder: Path, torch_index: str = "") -> None:
    """Make the environment in `folder`; goes on with one that was begun there. Raises AnimaMimicError."""
    if sys.version_info[:2] < doctor.MINIMUM_PYTHON:
        raise InputError(f"Python {sys.version.split()[0]} is too old to run the engine.", f"Use {'.'.join(map(str, doctor.MINIMUM_PYTHON))} or newer.")
    check_folder(folder)
    _tell(folder, 0.01, "making the environment")
    (folder / SENTINEL).write_text(BEGUN, "utf-8")
    if not _has_pip(python_of(folder)):
        _run(folder, [sys.executable, "-m", "venv", "--clear", str(folder / "env")])
    pip = [str(python_of(folder)), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--only-binary", ":all:", "--constraint", str(CONSTRAINTS)]
    if torch_index:
        build = torch_build(_driver_report())
        _tell(folder, 0.03, f"torch for {build}")
        _install(folder, [*pip, "--index-url", f"{torch_index.rstrip('/')}/{build}", "torch"], 0.03, 0.4)
    _install(folder, [*pip, *packages()], 0.4 if torch_index else 0.03, 0.9)
    _tell(folder, 0.95, "checking the engine")
    _run(folder, [str(python_of(folder)), str(ROOT / "__main__.py"), "doctor"])
    (folder / SENTINEL).write_text(_stamp(), "utf-8")


def packages() -> list[str]:
    """What is installed, by pip's names."""
    return [need.package for need in doctor.NEEDS if need.package not in NOT_FROM_A_REGISTRY] + ["tqdm"]


def torch_build(driver_report: str) -> str:
    """The name of the build of torch for this machine: cpu, or cu and a version. driver_report: what nvidia-smi prints, '' without one."""
    found = re.search(r"CUDA Version:\s*(\d+)\.(\d+)", driver_report)
    if found is None:
        return "cpu"
    driver = 10 * int(found[1]) + int(found[2])
    return next((f"cu{build}" for build in reversed(BUILDS) if build <= driver), "cpu")


def _driver_report() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    return subprocess.run([program], capture_output=True, text=True, check=False).stdout


def _has_pip(python: Path) -> bool:
    """Whether a retry can go on with the environment that is there, whose packages need not come again."""
    return python.exists() and subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def _install(folder: Path, command: list[str], begin: float, end: float) -> None:
    """Run pip and tell what it is at. The share that is done is guessed from the number of packages."""
    found = 0
    for line in _lines(folder, command):
        words = line.split()
        if line.startswith(("Collecting", "Requirement already")):
            found += 1
            _tell(folder, begin + (end - begin) * min(0.8, 0.8 * found / EXPECTED_PACKAGES), f"finding {words[1]}")
        elif words[:1] == ["Downloading"]:
            _tell(folder, begin + (end - begin) * min(0.8, 0.8 * found / EXPECTED_PACKAGES), f"downloading {' '.join(words[1:]).rpartition('/')[2]}")
        elif line.startswith("Installing collected"):
            _tell(folder, begin + 0.85 * (end - begin), "unpacking; this takes a minute")


def _run(folder: Path, command: list[str]) -> None:
    for _ in _lines(folder, command):
        pass


def _lines(folder: Path, command: list[str]) -> Iterator[str]:
    """The lines that a program prints, also into our own log. Raises EngineError with the reason where it fails: that pip reached nobody,
    or the first error, or the last word.
    """
    unreachable, told, last = "", "", ""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace") as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
            if lost := NO_CONNECTION.search(line):
                unreachable = f"no connection to the packages' registry ({lost[1]})"
            if not told and line.startswith(("ERROR:", "MISSING")):
                told = last.removeprefix("ERROR:").strip()
            yield line.strip()
    if process.returncode != 0:
        raise EngineError(f"Setting up the engine failed: {(unreachable or told or last).rstrip('.')}.", RETRY)


def _tell(folder: Path, fraction: float, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    append_message(folder, Message("PROGRESS", text, fraction=round(fraction, 3)))


def _stamp() -> str:
    return hashlib.sha256(CONSTRAINTS.read_bytes() + " ".join(packages()).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
