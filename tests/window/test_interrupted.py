"""A run that does not come to its end: cancelled, its file changed, taken back by undo. In the real window."""

from pathlib import Path

import pytest
from tab import STANDSTILL_SECONDS

FINGERPRINT = """
answer = sorted(f"{kind}/{one.name}" for kind in ("objects", "meshes", "armatures", "actions", "cameras") for one in getattr(bpy.data, kind))
"""


def engines():
    """The processes that run an engine for the Blender on the desk."""
    found = []
    for one in Path("/proc").iterdir():
        try:
            line = (one / "cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            continue
        if b"__main__.py run /desk/test/" in line:
            found.append(one.name)
    return found


@pytest.fixture
def long_clip(tab, desk):
    """The whole sample at full size, which no machine is done with before a finger has found its button."""
    tab.set(video=str(desk.inside / "whole.mp4"), fit_resolution=512)


@pytest.fixture
def running(long_clip, tab, desk):
    """A run under way, and what the file held before."""
    return start(tab, desk)


def start(tab, desk):
    """Press the button; what the file held before."""
    before = desk.ask(FINGERPRINT)
    tab.press("animamimic.animate_from_video")
    assert tab.running(), tab.error()
    desk.wait_for(engines, 30, "an engine")
    return before


def test_the_cancel_button_ends_the_engine_and_leaves_the_scene(running, tab, desk):
    desk.ask("calls.clear()")
    tab.press("animamimic.cancel")
    tab.wait_for_end(10)
    assert max(seconds for seconds, name, _ in desk.ask("answer = calls") if not name.endswith(".draw")) < STANDSTILL_SECONDS
    assert tab.error() == "The run was cancelled."
    assert engines() == []
    assert desk.ask(FINGERPRINT) == running


def test_escape_ends_it_too(running, tab, desk):
    desk.hand("mousemove", 500, 400, "key", "Escape")
    tab.wait_for_end(10)
    assert tab.error() == "The run was cancelled."
    assert engines() == []


def test_another_file_ends_the_engine(running, tab, desk):
    desk.ask("bpy.ops.wm.read_homefile(load_ui=False)")
    desk.wait_for(lambda: not engines(), 10, "the engine's end")
    assert not tab.running()


def test_one_undo_takes_the_result_back_and_a_saved_file_keeps_it(tab, desk):
    before = start(tab, desk)
    tab.wait_for_end(600)
    assert tab.error() == ""
    made = desk.ask(FINGERPRINT)
    assert made != before
    desk.hand("mousemove", 500, 400, "key", "ctrl+z", "sleep", "1")
    assert desk.ask(FINGERPRINT) == before
    desk.hand("key", "ctrl+shift+z", "sleep", "1")
    assert desk.ask(FINGERPRINT) == made
    saved = str(desk.inside / "saved.blend")
    desk.ask(f"bpy.ops.wm.save_as_mainfile(filepath={saved!r})")
    desk.ask(f"bpy.ops.wm.open_mainfile(filepath={saved!r}, load_ui=False)")
    assert desk.ask(FINGERPRINT) == made
    desk.ask("bpy.ops.animamimic.remove_result()")
    assert desk.ask(FINGERPRINT) == before


def test_closing_blender_ends_the_engine(running, desk):
    desk.blender.terminate()
    desk.blender.wait(120)
    for _ in range(100):
        if not engines():
            break
        desk.run("sleep", "0.1")
    assert engines() == []
