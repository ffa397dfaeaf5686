"""Run mypy on the package under its own name, whatever the checkout's folder is called."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("core", "animamimic_addon", "operators", "panels")


def main() -> int:
    """Type-check by way of a link called `animamimic`, since mypy names modules after their folders."""
    folder = ROOT / "build" / "types"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "animamimic"
    if not link.is_symlink():
        link.symlink_to(ROOT, target_is_directory=True)
    targets = [str(link / name) for name in ("__init__.py", "__main__.py", *PARTS)]
    return subprocess.run([sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), *targets], cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
