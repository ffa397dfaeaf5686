"""Tests of the Blender side: the built zip, installed by Blender's own command, in fresh processes of the bpy module.

Each script runs in a process of its own: Blender's state cannot be taken back, and a crash of one test must not end them all.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE))  # the helpers beside this file
ROOT = HERE.parent.parent
MODULE = "bl_ext.user_default.animamimic"

INSTALL = f"""
import os, sys
import bpy
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
ok = "{MODULE}" in bpy.context.preferences.addons
print("installed" if ok else "not installed", flush=True)
os._exit(0 if ok else 1)
"""

SAVE_BAR = """
import os, sys
import bpy, scenes
scenes.make_bar_scene()
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
os._exit(0)
"""

MAKE_MODEL = "import sys; sys.path.insert(0, sys.argv[1]); import tiny_models; tiny_models.saved(tiny_models.cogvideox, sys.argv[2])"

# Leaves by os._exit: classes still registered at a normal exit crash or hang some versions of bpy.
FRAME = f"""
import importlib, json, os, sys, traceback
from pathlib import Path
import bpy
import addon_utils
told, where = {{}}, sys.argv[1]
arguments = sys.argv[2:]
def tell(**values):
    told.update(values)
def part(name):
    "A module of the installed extension."
    return importlib.import_module("{MODULE}." + name)
code = 0
try:
    assert addon_utils.enable("{MODULE}", default_set=True) is not None
    names = dict(bpy=bpy, addon_utils=addon_utils, importlib=importlib, json=json, os=os, sys=sys, Path=Path, tell=tell, part=part, arguments=arguments)
    exec(compile(Path(where, "script.py").read_text(encoding="utf-8"), "script.py", "exec"), names)
except BaseException:
    traceback.print_exc()
    code = 1
Path(where, "told.json").write_text(json.dumps(told), encoding="utf-8")
sys.stdout.flush()
sys.stderr.flush()
os._exit(code)
"""


@dataclass(frozen=True)
class Ran:
    """What a script in Blender did: what it printed and what it said by `tell(name=value)`."""

    exit_code: int
    output: str
    told: dict[str, Any]

    def __getitem__(self, name):
        return self.told[name]


@pytest.fixture(scope="session", autouse=True)
def _needs_bpy():
    pytest.importorskip("bpy", reason="the bpy module is not installed")


@pytest.fixture(scope="session")
def extension_zip(tmp_path_factory):
    """The extension, built and validated by Blender's own command."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run([sys.executable, ROOT / "tools" / "build_extension.py", folder], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("animamimic-*.zip")
    return built


@pytest.fixture(scope="session")
def installed(extension_zip, tmp_path_factory):
    """A folder of Blender's user files with the zip installed; BLENDER_USER_RESOURCES names it to Blender."""
    folder = tmp_path_factory.mktemp("resources")
    done = run_python(["-c", INSTALL, extension_zip], folder, 120)
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture(scope="session")
def engine_python():
    """The Python that has torch: this one, or the one that the environment names, as users would name it."""
    return Path(os.environ.get("ANIMAMIMIC_PYTHON", sys.executable))


@pytest.fixture(scope="session")
def clips(tmp_path_factory, engine_python):
    """A folder of driving videos for the bar scene, see `make_clips`."""
    folder = tmp_path_factory.mktemp("clips")
    subprocess.run([engine_python, HERE / "make_clips.py", folder], check=True, timeout=120)
    return folder


@pytest.fixture(scope="session")
def bar(tmp_path_factory):
    """A file with the bar scene."""
    path = tmp_path_factory.mktemp("bar") / "bar.blend"
    done = run_python(["-c", SAVE_BAR, path], tmp_path_factory.mktemp("no-extension"), 120)
    assert path.is_file(), done.stdout
    return path


@pytest.fixture(scope="session")
def model(tmp_path_factory, engine_python):
    """A tiny image-to-video pipeline on disk; skips where the engine's Python has no diffusers."""
    folder = tmp_path_factory.mktemp("model")
    done = subprocess.run([engine_python, "-c", MAKE_MODEL, HERE.parent / "core", folder], capture_output=True, text=True, timeout=240, check=False)
    if "No module named 'diffusers'" in done.stderr:
        pytest.skip("the engine's Python has no diffusers")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def blender(installed, tmp_path):
    """Runs a script in a fresh Blender that has the extension enabled; fails the test where the script fails."""
    count = 0

    def run(script, *arguments, timeout=120, fails=False, environment=None):
        nonlocal count
        count += 1
        folder = tmp_path / f"blender-{count}"
        folder.mkdir()
        (folder / "script.py").write_text(script, encoding="utf-8")
        done = run_python(["-c", FRAME, folder, *arguments], installed, timeout, environment)
        told = folder / "told.json"
        ran = Ran(done.returncode, done.stdout, json.loads(told.read_text(encoding="utf-8")) if told.exists() else {})
        assert fails or ran.exit_code == 0, ran.output
        return ran

    return run


def run_python(arguments, resources, timeout, environment=None):
    """Run this Python, with bpy's user files in `resources` and the helpers beside this file importable."""
    surroundings = {**os.environ, "BLENDER_USER_RESOURCES": str(resources), "PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": "1", **(environment or {})}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False)
