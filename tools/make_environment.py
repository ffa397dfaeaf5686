"""Make a Python environment for this project: `python3 tools/make_environment.py FOLDER [--bpy VERSION] [--blender-only]`.

Runs on any Python 3 and uses the standard library alone. Looks for what pip cannot install (Python itself, system
libraries) first and names the one line that installs it, before anything fails obscurely. A second run with the same
versions does nothing.
"""

import argparse
import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SENTINEL = ".complete"

LIBRARIES = {
    "libX11.so.6": "libx11-6",
    "libXrender.so.1": "libxrender1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libXext.so.6": "libxext6",
    "libGL.so.1": "libgl1",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libgomp.so.1": "libgomp1",
    "libEGL.so.1": "libegl1",
}
"""Shared libraries that the bpy module loads on Linux, and the Debian and Ubuntu packages that hold them."""

PYTHON_OF_BPY = {"4": "3.11", "5.0": "3.11", "5.1": "3.13", "5.2": "3.13"}
"""Blender version (as far as it matters) -> the only Python that its bpy module is made for."""


def main() -> int:
    """Make the environment; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bpy", default="4.5.15", help="version of the bpy module")
    parser.add_argument("--blender-only", action="store_true", help="bpy, pytest and what the command line needs; no engine: for tests of other Blender versions")
    options = parser.parse_args()
    environment = options.folder.resolve()
    packages = _packages(options.bpy, options.blender_only)
    stamp = _stamp(packages)
    sentinel = environment / SENTINEL
    if sentinel.is_file() and sentinel.read_text("utf-8") == stamp:
        return 0
    problem = _missing_libraries()
    version = _python_version(options.bpy)
    python = _find_python(version)
    if python is None:
        problem += f"Python {version} is missing (bpy {options.bpy} runs on no other).\n  sudo apt-get install python{version} python{version}-venv\n"
    if problem or python is None:
        sys.stderr.write(problem)
        return 1
    return _install(python, environment, packages, options.blender_only, sentinel, stamp)


def _packages(bpy: str, blender_only: bool) -> list[str]:
    if blender_only:
        return [f"bpy=={bpy}", "pytest", "tqdm"]
    return [f"bpy=={bpy}", "pytest", "pillow", "ruff", "mypy", "fake-bpy-module-4.5"]


def _stamp(packages: list[str]) -> str:
    """What the environment depends on, in one number: another one asks for a new installation."""
    files = (ROOT / "constraints.txt", ROOT / "pyproject.toml", Path(__file__))
    parts = [*packages, str(ROOT), *_pip_flags(), *(path.read_text("utf-8") for path in files)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _python_version(bpy: str) -> str:
    return next((python for prefix, python in PYTHON_OF_BPY.items() if bpy.startswith(prefix)), "3.13")


def _pip_flags() -> list[str]:
    return os.environ.get("PIP_FLAGS", "").split()


def _missing_libraries() -> str:
    """What to tell about missing system libraries; '' where there is nothing."""
    if not sys.platform.startswith("linux"):
        return ""
    missing = [package for library, package in LIBRARIES.items() if not _loads(library)]
    if not missing:
        return ""
    return f"System libraries that Blender needs are missing.\n  sudo apt-get install --no-install-recommends {' '.join(missing)}\n"


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _find_python(version: str) -> str | None:
    """A Python of exactly this minor version that can make environments, or None."""
    check = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for name in (sys.executable, f"python{version}", "python3", "python", *map(str, sorted(pyenv.glob(f"{version}*/bin/python")))):
        path = shutil.which(name)
        if path is None:
            continue
        answer = subprocess.run([path, "-c", check], capture_output=True, text=True, check=False)
        if answer.stdout.strip() == version:
            return path
    return None


def _install(python: str, environment: Path, packages: list[str], blender_only: bool, sentinel: Path, stamp: str) -> int:
    """venv, packages, the project itself; the sentinel comes last, so that half an installation is noticed."""
    sentinel.unlink(missing_ok=True)
    print(f"Making the environment {environment} (once).", flush=True)
    bin_folder = environment / ("Scripts" if os.name == "nt" else "bin")
    pip = [str(bin_folder / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    install = [*pip, *_pip_flags(), "--constraint", str(ROOT / "constraints.txt")]
    project = [*install, *(["--no-deps"] if blender_only else []), "--editable", str(ROOT) if blender_only else f"{ROOT}[generate,farm]"]
    for command in ([python, "-m", "venv", str(environment)], [*install, *packages], project):
        if subprocess.run(command, check=False).returncode != 0:
            sys.stderr.write(f"This failed: {' '.join(command)}\n")
            return 1
    sentinel.write_text(stamp, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
