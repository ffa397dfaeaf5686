"""The outside of a Blender without a window, with a program that only pretends to be one."""

import json
import math
import os
import sys
import time
from pathlib import Path

import pytest
from animamimic.core import drive
from animamimic.core.drive import AnimateRequest, drive_blender
from animamimic.core.errors import EngineError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the pretending program is a script")

PRETENDS = """#!{python}
import json, sys, time
from pathlib import Path
request = json.loads(Path(sys.argv[sys.argv.index("inside-blender") + 1]).read_text())
if {outcome!r}:
    Path(request["outcome"]).write_text({outcome!r})
print("about to leave", flush=True)
time.sleep({seconds})
"""


@pytest.fixture
def pretending(tmp_path):
    """Run a program that writes this outcome and then lingers."""
    (tmp_path / "in.blend").write_bytes(b"not looked at")

    def run(outcome, seconds, patience=math.inf):
        program = tmp_path / "blender"
        program.write_text(PRETENDS.format(python=sys.executable, outcome=json.dumps(outcome) if outcome else "", seconds=seconds))
        program.chmod(0o755)
        request = AnimateRequest(str(tmp_path / "in.blend"), str(tmp_path / "out.blend"))
        return drive_blender(request, None, Path(program), patience)

    return run


def test_a_blender_that_hangs_with_all_done_is_ended(pretending, monkeypatch):
    monkeypatch.setattr(drive, "LEAVE_SECONDS", 0.3)
    begun = time.monotonic()
    outcome = pretending({"outcome": "done", "bones": 2, "exit_code": 0}, 600)
    assert (outcome.exit_code, outcome.report) == (0, {"outcome": "done", "bones": 2})
    assert time.monotonic() - begun < 60


def test_a_blender_that_hangs_before_it_is_done_is_ended_and_told(pretending):
    begun = time.monotonic()
    with pytest.raises(EngineError, match=r"Blender told nothing for 0\.01 minutes and was ended\. See blender\.log in "):
        pretending(None, 600, patience=0.6)
    assert time.monotonic() - begun < 60


def test_a_blender_that_takes_its_leave_is_waited_for(pretending):
    assert pretending({"outcome": "cancelled", "exit_code": 130}, 0.5).exit_code == 130


def test_a_blender_that_ends_without_an_outcome_is_told_with_the_end_of_its_log(pretending):
    with pytest.raises(EngineError, match=r"ended with code 0 before it was done(?s:.*)about to leave"):
        pretending(None, 0)
