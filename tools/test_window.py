"""Test in the real program: `python tools/test_window.py [SUITE ...]`, each a Debian suite whose Blender is tried.

Makes the folders that hold them where they are missing, and says so where that cannot be done here.
"""

import os
import subprocess
import sys
from pathlib import Path

import make_blender_root

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("ANIMAMIMIC_ROOTS", ROOT / ".roots"))
SUITES = ("sid",)
"""Tried where none is named: the latest long-term Blender. `trixie` has 4.3."""


def main(suites: tuple[str, ...]) -> int:
    """Run the tests in the Blender of each suite; 0 where no root folder can be made (it is told)."""
    reason = make_blender_root.reason_against()
    if reason:
        print(f"Window tests: skipped, {reason}.")
        return 0
    return max(_test(suite, FOLDER / suite) for suite in suites)


def _test(suite: str, folder: Path) -> int:
    if not make_blender_root.is_complete(folder, suite):
        problem = make_blender_root.make(suite, folder)
        if problem:
            print(f"Window tests in Debian {suite}: skipped, {problem}.")
            return 0
    print(f"Window tests in Debian {suite}:", flush=True)
    surroundings = {**os.environ, "ANIMAMIMIC_BLENDER_ROOT": str(folder)}
    return subprocess.run([sys.executable, "-m", "pytest", "-s", "tests/window"], cwd=ROOT, env=surroundings, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:]) or SUITES))
