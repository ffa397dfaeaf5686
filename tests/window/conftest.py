"""Tests in the real program: a whole Blender of Debian's, its window on a virtual screen, the built zip, real clicks.

They run where ANIMAMIMIC_BLENDER_ROOT names a root folder with Blender (`tools/test_window.py` makes it and sets the name).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE))  # the helpers beside this file
ROOT = HERE.parent.parent
VARIABLE = "ANIMAMIMIC_BLENDER_ROOT"
SAMPLE = ROOT / "samples" / "fish"


@pytest.fixture(scope="session")
def blender_root():
    """The root folder that holds Blender."""
    named = os.environ.get(VARIABLE, "")
    if not named:
        pytest.skip(f"{VARIABLE} names no folder with a Blender; 'make test-window' makes one")
    return Path(named)


@pytest.fixture(scope="session")
def extension_zip(tmp_path_factory):
    """The extension as users get it."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run([sys.executable, ROOT / "tools" / "build_extension.py", folder], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("animamimic-*.zip")
    return built


@pytest.fixture(scope="session")
def desk(blender_root, extension_zip):
    """A screen with a Blender that has the zip installed by its own command line. Its pictures stay in the root's desk/ folder."""
    from clips import shorten
    from desk import Desk, engine_mounts, engine_python

    shutil.rmtree(blender_root / "desk" / "test", ignore_errors=True)
    opened = Desk.open(blender_root, "test", engine_mounts())
    try:
        for file in (extension_zip, SAMPLE / "fish.blend"):
            shutil.copy(file, opened.folder)
        shutil.copy(SAMPLE / "driving.mp4", opened.folder / "whole.mp4")
        shorten(SAMPLE / "driving.mp4", opened.folder / "driving.mp4")
        said = opened.run("blender", "--command", "extension", "install-file", "-r", "user_default", "--enable", opened.inside / extension_zip.name)
        (opened.folder / "install.txt").write_text(said, "utf-8")
        opened.start_blender(engine_python=engine_python())
        yield opened
    finally:
        opened.close()


@pytest.fixture
def tab(desk):
    """The AnimaMimic tab, with the sample loaded, ready for the button."""
    from desk import engine_python
    from tab import Tab

    if desk.blender.poll() is not None:  # a test closed it
        desk.start_blender(engine_python=engine_python())
    opened = Tab(desk)
    opened.open(desk.inside / "fish.blend", video=str(desk.inside / "driving.mp4"), fit_resolution=96)
    return opened
