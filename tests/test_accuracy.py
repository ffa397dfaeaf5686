"""The whole way against clips of known truth: a floor under what `benchmarks/accuracy.md` tells."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="module")
def accuracy():
    """The benchmark's module."""
    pytest.importorskip("bpy", reason="the bpy module is not installed")
    spec = importlib.util.spec_from_file_location("accuracy", ROOT / "benchmarks" / "accuracy.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["accuracy"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "cases").is_dir(), reason="the measuring clips are not beside the repository")
@pytest.mark.parametrize(("name", "rig", "explained", "px"), [("bird_flap", "keep", 0.75, 1.5), ("horse_gallop", "auto", 0.35, 8.0)])
def test_the_motion_is_the_clips(accuracy, tmp_path, name, rig, explained, px):
    row = accuracy.measure(SHARED, name, rig, tmp_path)
    assert "error" not in row, row
    assert row["explained"] > explained
    assert row["view_px"] < px
    assert row["first_frame_pct"] < 0.01  # the first frame is the mesh as it stood
    assert row["groups_normalised"]
    assert row["keys_per_frame"] < 0.5
