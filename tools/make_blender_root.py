"""A folder that holds a small Debian with a whole Blender in it: `python tools/make_blender_root.py SUITE FOLDER`.

So that the extension is tested in the program that users have, with its window. Debian's suite `sid` has the latest long-term
Blender, `trixie` has 4.3, the last without slotted Actions. Needs root and debootstrap, takes about two minutes and 1.3 GB. The
packages come from where this machine's own apt takes them. Mounts are made in a mount namespace of their own and vanish with it.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

SENTINEL = ".complete"

PACKAGES = (
    "blender",
    *("python3-numpy", "python3-requests", "python3-zstandard", "python3-cattr"),  # without these Blender's extension manager does not start
    "python3-venv",  # for the button that sets the engine up
    *("libgl1", "libgl1-mesa-dri", "libegl1", "libegl-mesa0", "libgomp1"),
    *("xvfb", "xauth", "xdotool", "imagemagick"),
    "python3-xlib",  # to drag a file onto the window
)

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"HOME": "/root", "PATH": PATH, "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def main() -> int:
    """Make the folder where it is not there; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", help="sid, trixie")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    if is_complete(options.folder, options.suite):
        return 0
    reason = reason_against() or make(options.suite, options.folder.resolve())
    if reason:
        print(reason, file=sys.stderr)
    return 1 if reason else 0


def is_complete(folder: Path, suite: str) -> bool:
    """Whether a root of that suite, with these packages, is there whole."""
    sentinel = folder / SENTINEL
    return sentinel.is_file() and sentinel.read_text("utf-8") == _stamp(suite)


def reason_against() -> str:
    """Why no such folder can be made or used on this machine, '' where it can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "a Blender in a folder of its own needs Linux and root"
    missing = [name for name in ("debootstrap", "chroot", "unshare", "apt-get") if shutil.which(name) is None]
    if missing:
        return f"a Blender in a folder of its own needs {', '.join(missing)} (apt-get install debootstrap)"
    if not _mirror():
        return "this machine's apt names no source of Debian packages"
    return ""


def make(suite: str, folder: Path) -> str:
    """Make it, from nothing. Returns what went wrong, '' where nothing did. The sentinel is written last."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"Making a Debian {suite} with Blender in {folder} (once).", flush=True)
    log = folder.with_suffix(".log")
    with log.open("wb") as output:
        for command in _commands(suite, folder):
            done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=ENVIRONMENT, check=False)
            if done.returncode != 0:
                return f"making it failed at '{' '.join(command[:6])} ...', see {log}"
    (folder / SENTINEL).write_text(_stamp(suite), "utf-8")
    return ""


def _commands(suite: str, folder: Path) -> list[list[str]]:
    """What makes it, step by step. Services must not start in it, and a stored mirror may be older than its promised age."""
    prepare = (
        f"""echo 'Acquire::Check-Valid-Until "false";' > {folder}/etc/apt/apt.conf.d/99age && """
        rf"""printf '#!/bin/sh\nexit 101\n' > {folder}/usr/sbin/policy-rc.d && chmod +x {folder}/usr/sbin/policy-rc.d"""
    )
    install = (
        f"mount -t proc proc {folder}/proc && mount --bind /dev {folder}/dev && "
        f"chroot {folder} apt-get update && chroot {folder} apt-get install -y --no-install-recommends {' '.join(PACKAGES)} && "
        f"chroot {folder} apt-get clean && rm -rf {folder}/var/lib/apt/lists && chroot {folder} blender --version"
    )
    return [
        ["debootstrap", "--variant=minbase", suite, str(folder), _mirror()],
        ["sh", "-c", prepare],
        ["unshare", "--mount", "sh", "-c", install],
    ]


def _mirror() -> str:
    """Where this machine's apt takes Debian's own packages from, '' where it takes them from nowhere."""
    command = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(SITE)", "Created-By: Packages"]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    sites = [line.split()[1] for line in lines if line.startswith("Debian ") and "security" not in line]
    return max(set(sites), key=sites.count, default="")


def _stamp(suite: str) -> str:
    return " ".join((suite, *PACKAGES))


if __name__ == "__main__":
    sys.exit(main())
