"""Which part may import which: panels -> operators -> animamimic_addon -> core, and never the other way round."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("core", "animamimic_addon", "operators", "panels")
HEAVY = {"torch", "scipy", "cv2", "warp", "av"}
BLENDER = {"bpy", "bpy_extras", "bmesh", "mathutils", "gpu", "addon_utils"}


def imports_of(path):
    """Every module that a file imports, written from the repository's root where it is ours."""
    package = list(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            if node.module:
                yield ".".join([*base, node.module])
            else:
                yield from (".".join([*base, alias.name]) for alias in node.names)


def files_of(layer):
    found = sorted((ROOT / layer).rglob("*.py"))
    assert found, f"{layer} holds no Python"
    return found


def heads_of(layer):
    """The first parts of everything that a layer imports, with the file that does."""
    return {(name.split(".")[0], path.relative_to(ROOT).as_posix()) for path in files_of(layer) for name in imports_of(path)}


@pytest.mark.parametrize(("layer", "forbidden"), [
    ("core", {"animamimic_addon", "operators", "panels", *BLENDER}),
    ("animamimic_addon", {"operators", "panels"}),
    ("operators", {"panels"}),
    ("panels", {"core"}),
])
def test_imports_go_one_way(layer, forbidden):
    assert not {(name, path) for name, path in heads_of(layer) if name in forbidden}


@pytest.mark.parametrize("layer", ["animamimic_addon", "operators", "panels"])
def test_the_blender_side_imports_nothing_heavy(layer):
    assert not {(name, path) for name, path in heads_of(layer) if name in HEAVY}


def test_everything_of_ours_is_imported_relatively():
    """An absolute `animamimic` is another module, or none, in an installed extension."""
    assert not {(name, path) for layer in LAYERS for name, path in heads_of(layer) if name == "animamimic"}


def test_the_checker_sees_relative_imports(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "panels").mkdir()
    file = tmp_path / "panels" / "bad.py"
    file.write_text("from ..core import job\nfrom .. import core\nfrom . import main\nimport os.path\n")
    assert list(imports_of(file)) == ["core", "core", "panels.main", "os.path"]


def loaded_by(statement):
    """Modules in a fresh Python after `statement`."""
    code = f"import os, sys\n{statement}\nprint(*sys.modules, flush=True)\nos._exit(0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("module", ["animamimic", "animamimic.animamimic_addon", "animamimic.animamimic_addon.process"])
def test_the_process_side_needs_neither_bpy_nor_torch(module):
    assert not loaded_by(f"import {module}") & {"bpy", *HEAVY}


def test_the_command_line_starts_in_blenders_own_python():
    """Which has numpy and nothing else of what we need: a Blender program runs this very file."""
    found = {name for name in loaded_by("import animamimic.__main__") if not name.startswith("_")}
    allowed = {*sys.stdlib_module_names, "numpy", "animamimic", "mkl"}
    site = loaded_by("import numpy")  # what this environment loads by itself
    assert not found - allowed - site


@pytest.mark.blender
def test_the_whole_blender_side_loads_nothing_heavy():
    """All that `register()` imports, in one Python with bpy."""
    statement = (
        "import bpy\nfrom animamimic.animamimic_addon import headless\nfrom animamimic.operators import animate, engine, queue, result, view\n"
        "from animamimic.panels import main, queue, settings"
    )
    assert not loaded_by(statement) & HEAVY
