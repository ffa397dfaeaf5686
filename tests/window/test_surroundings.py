"""Around the run in the real window: a second window, a local view, undo and saving meanwhile, a video that is dropped."""

import time

from desk import SETTLE_SECONDS
from test_interrupted import FINGERPRINT, engines
from test_run import RESULT

START_IN = """
area = next(one for one in {window}.screen.areas if one.type == "VIEW_3D")
with bpy.context.temp_override(window={window}, area=area, region=next(one for one in area.regions if one.type == "WINDOW")):
    answer = list(bpy.ops.animamimic.animate_from_video("INVOKE_DEFAULT"))
"""

SECOND = 'bpy.context.window_manager.windows[-1]'

LOCAL_VIEW = """
area = next(one for one in bpy.context.window.screen.areas if one.type == "VIEW_3D")
with bpy.context.temp_override(window=bpy.context.window, area=area, region=next(one for one in area.regions if one.type == "WINDOW")):
    bpy.ops.view3d.localview("EXEC_DEFAULT", True)  # with an undo step, or the undo below would lead back out of it
answer = area.spaces.active.local_view is not None
"""

SHOWN_IN_LOCAL_VIEW = """
area = next(one for one in bpy.context.window.screen.areas if one.type == "VIEW_3D")
answer = [one.name for one in bpy.context.scene.objects if one.local_view_get(area.spaces.active)]
"""


def test_in_a_local_view_the_result_is_shown_beside_the_subject_and_work_goes_on_meanwhile(tab, desk):
    assert desk.ask(LOCAL_VIEW)
    before = desk.ask(FINGERPRINT)
    tab.press("animamimic.animate_from_video")
    assert tab.running(), tab.error()
    desk.ask('bpy.ops.object.empty_add("EXEC_DEFAULT", True)')  # with an undo step, as from the menu
    assert desk.ask(FINGERPRINT) != before
    desk.hand("mousemove", 500, 400, "key", "ctrl+z")
    desk.wait_for(lambda: desk.ask(FINGERPRINT) == before, 60, "the undo")
    desk.ask(f"bpy.ops.wm.save_as_mainfile(filepath={str(desk.inside / 'meanwhile.blend')!r}, copy=True)")
    tab.wait_for_end(600)
    assert tab.error() == ""
    made = desk.ask(RESULT)
    assert {"Fish", made["armature"]} <= set(desk.ask(SHOWN_IN_LOCAL_VIEW))
    desk.picture("local-view")


def test_a_second_window_shows_the_run_and_ends_it_where_it_was_started(tab, desk):
    tab.set(video=str(desk.inside / "whole.mp4"), fit_resolution=512)
    before = desk.ask(FINGERPRINT)
    desk.ask("bpy.ops.wm.window_new()")
    assert desk.ask("answer = len(bpy.context.window_manager.windows)") == 2
    assert desk.ask(START_IN.format(window=SECOND)) == ["RUNNING_MODAL"]
    desk.wait_for(engines, 30, "an engine")
    assert tab.running()
    desk.ask(f"with bpy.context.temp_override(window={SECOND}): bpy.ops.wm.window_close()")
    desk.wait_for(lambda: not engines(), 10, "the engine's end")
    assert not tab.running()
    assert desk.ask(FINGERPRINT) == before


def test_a_video_that_is_dropped_onto_the_viewport_is_taken(tab, desk):
    """As from a file manager. A video can be several things, so that Blender asks which."""
    assert desk.drag(desk.inside / "whole.mp4", 300, 300) == "taken"
    time.sleep(SETTLE_SECONDS)
    desk.picture("drop")
    desk.hand("key", "u")  # the underlined letter of Use as Driving Video
    desk.wait_for(lambda: desk.ask("answer = bpy.context.scene.animamimic.video") == str(desk.inside / "whole.mp4"), 60, "the video")
