"""The tool that makes environments: what it says before pip could fail obscurely."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tool():
    """tools/make_environment.py as a module."""
    spec = importlib.util.spec_from_file_location("make_environment", ROOT / "tools" / "make_environment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_missing_libraries_are_named_with_the_one_line_that_installs_them(tool, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(tool.sys, "platform", "linux")
    monkeypatch.setattr(tool, "_loads", lambda library: library not in {"libSM.so.6", "libEGL.so.1"})
    monkeypatch.setattr(tool.sys, "argv", ["make_environment.py", str(tmp_path / "env")])
    assert tool.main() == 1
    assert "sudo apt-get install --no-install-recommends libsm6 libegl1\n" in capsys.readouterr().err
    assert not (tmp_path / "env").exists()


def test_a_missing_python_is_named(tool, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(tool, "_missing_libraries", lambda: "")
    monkeypatch.setattr(tool, "_find_python", lambda version: None)
    monkeypatch.setattr(tool.sys, "argv", ["make_environment.py", str(tmp_path / "env"), "--bpy", "5.2.3"])
    assert tool.main() == 1
    assert "Python 3.13 is missing (bpy 5.2.3 runs on no other)." in capsys.readouterr().err


@pytest.mark.parametrize(("bpy", "python"), [("4.2.23", "3.11"), ("4.5.15", "3.11"), ("5.0.1", "3.11"), ("5.2.3", "3.13")])
def test_every_bpy_has_its_python(tool, bpy, python):
    assert tool._python_version(bpy) == python
