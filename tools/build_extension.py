"""Build and validate the extension's zip by Blender's own command: `python tools/build_extension.py FOLDER`."""

import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def command_line_tool() -> Path:
    """Blender's extension command line, which the bpy module carries."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        raise SystemExit("The bpy module is not installed here; run 'make env'.")
    return next(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))


def build(folder: Path) -> Path:
    """Write animamimic-<version>.zip into `folder` and validate it; returns its path. Raises CalledProcessError."""
    folder.mkdir(parents=True, exist_ok=True)
    tool = [sys.executable, str(command_line_tool())]
    subprocess.run([*tool, "build", "--source-dir", str(ROOT), "--output-dir", str(folder)], check=True)
    built = max(folder.glob("animamimic-*.zip"), key=lambda path: path.stat().st_mtime)
    subprocess.run([*tool, "validate", str(built)], check=True)
    return built


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else "dist").resolve()))
