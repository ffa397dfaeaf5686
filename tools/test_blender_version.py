"""Run the Blender tests in another version of the bpy module: `python tools/test_blender_version.py 5.0.1 [TESTS ...]`.

The environment, .envs/VERSION, holds bpy, pytest and what the command line needs; the engine is that of the Python that runs this. So the tests
also show that Blender's Python and the engine's need not agree.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(version: str, tests: list[str]) -> int:
    """Make the environment and run the tests, all where none is named; 0 where the Python that this bpy needs is not on the machine (it is told)."""
    environment = ROOT / ".envs" / version
    made = subprocess.run([sys.executable, str(ROOT / "tools" / "make_environment.py"), str(environment), "--bpy", version, "--blender-only"], check=False)
    if made.returncode != 0:
        print(f"bpy {version}: skipped, see above.")
        return 0
    print(f"bpy {version}:", flush=True)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    surroundings = {**os.environ, "ANIMAMIMIC_PYTHON": sys.executable}
    return subprocess.run([str(python), "-m", "pytest", *(tests or ["tests/blender"])], cwd=ROOT, env=surroundings, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
