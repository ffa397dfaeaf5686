"""Around the run in the real window: a second window, a local view, undo and saving meanwhile, a video that is dropped."""

import statistics
import time

from desk import SETTLE_SECONDS
from tab import STANDSTILL_SECONDS
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
graph = bpy.context.evaluated_depsgraph_get()
answer = [one.name for one in bpy.context.scene.objects if one.evaluated_get(graph).local_view_get(area.spaces.active)]
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


HEAVY = """
bpy.ops.mesh.primitive_grid_add(x_subdivisions=500, y_subdivisions=500)
hill = bpy.context.object
others = [bpy.data.objects.new(f"Stone {number}", bpy.data.objects["Fish"].data) for number in range(2000)]
for one in others:
    bpy.context.scene.collection.objects.link(one)
    one.select_set(True)
for one in (hill, *others):
    one.display_type = "BOUNDS"  # this screen draws without hardware
answer = sum(len(one.vertices) - 2 for one in hill.data.polygons)
"""


def test_a_large_selection_in_a_large_scene_does_not_hold_the_window_up(tab, desk):
    """2,001 meshes are selected, one of half a million triangles."""
    assert desk.ask(HEAVY) > 490_000
    desk.ask("calls.clear()")
    for _ in range(3):
        desk.picture("heavy")
        desk.ask("area.tag_redraw()")
    draws = [seconds for seconds, name, _ in desk.ask("answer = calls") if name == "ANIMAMIMIC_PT_main.draw"]
    assert len(draws) >= 3
    assert statistics.median(draws) < STANDSTILL_SECONDS


def test_a_video_that_is_dropped_onto_the_viewport_is_taken(tab, desk):
    """As from a file manager. A video can be several things, so that Blender asks which."""
    assert desk.drag(desk.inside / "whole.mp4", 300, 300) == "taken"
    time.sleep(SETTLE_SECONDS)
    desk.picture("drop")
    desk.hand("key", "u")  # the underlined letter of Use as Driving Video
    desk.wait_for(lambda: desk.ask("answer = bpy.context.scene.animamimic.video") == str(desk.inside / "whole.mp4"), 60, "the video")
