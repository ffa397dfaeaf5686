"""Test in the real program: `python tools/test_window.py [SUITE ...]`, each a Debian suite in whose Blender all is tried.

Makes the folders that hold them where they are missing, and says so where that cannot be done here.
"""

import os
import subprocess
import sys
from pathlib import Path

import make_blender_root

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("ANIMAMIMIC_ROOTS", ROOT / ".roots"))
ALL = "tests/window"
SUITES = {"sid": ALL, "trixie": "tests/window/test_run.py"}
"""Tried where none is named: all in the latest long-term Blender, and in 4.3 a run from the click to the Dope Sheet."""


def main(suites: dict[str, str]) -> int:
    """Run tests in the Blender of each suite: suite -> folder or file. Returns 0 where no root folder can be made (it is told)."""
    reason = make_blender_root.reason_against()
    if reason:
        print(f"Window tests: skipped, {reason}.")
        return 0
    return max(_test(suite, FOLDER / suite, tests) for suite, tests in suites.items())


def _test(suite: str, folder: Path, tests: str) -> int:
    if not make_blender_root.is_complete(folder, suite):
        problem = make_blender_root.make(suite, folder)
        if problem:
            print(f"Window tests in Debian {suite}: skipped, {problem}.")
            return 0
    print(f"Window tests in Debian {suite}:", flush=True)
    surroundings = {**os.environ, "ANIMAMIMIC_BLENDER_ROOT": str(folder)}
    return subprocess.run([sys.executable, "-m", "pytest", "-s", tests], cwd=ROOT, env=surroundings, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(dict.fromkeys(sys.argv[1:], ALL) or SUITES))
