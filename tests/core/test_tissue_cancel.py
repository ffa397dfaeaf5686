"""A simulation that is under way ends when it is told to."""

import sys
import time
from pathlib import Path

import animamimic
import numpy as np
from animamimic.animamimic_addon.process import Engine
from animamimic.core import job
from animamimic.core.settings import from_flat
from soft_subjects import FPS, column, motion_of, one_bone

SLOW = 300.0
"""Seconds until which a busy machine has begun."""


def test_cancel_ends_a_simulation_within_two_seconds(tmp_path):
    mesh = column(sides=24, rings=40)
    frames = 2000  # far more than any machine does before it is told to stop
    motion = motion_of(angles=0.5 * np.sin(np.arange(frames)))
    settings = from_flat({"tissue": "PHYSICS", "tissue_resolution": 5.0})
    job.write_request(tmp_path, job.Request(settings, mesh, one_bone(mesh), None, FPS, frame_count=frames, task=job.Task.TISSUE, motion=motion))
    engine = Engine.start(Path(sys.executable), Path(animamimic.__file__).parent / "__main__.py", tmp_path)
    try:
        begun, told = time.monotonic(), ""
        while "simulating frame" not in told and time.monotonic() - begun < SLOW:
            time.sleep(0.05)
            state = engine.poll()
            assert state.running, (tmp_path / job.LOG_FILE).read_text()
            told = " ".join(one.text for one in state.messages)
        assert "simulating frame" in told
        asked = time.monotonic()
    finally:
        engine.cancel()
    assert time.monotonic() - asked < 2.5  # half a second for a busy machine
    assert engine.process.poll() is not None
    assert not (tmp_path / job.RESULT_FILE).exists()
