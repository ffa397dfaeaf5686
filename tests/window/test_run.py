"""From the click to the Dope Sheet, in the real window."""

from clips import FRAMES

RESULT = """
armature = bpy.data.objects["Fish"].find_armature()
answer = None
if armature is not None:
    action = armature.animation_data.action
    answer = {"armature": armature.name, "action": action.name, "range": list(action.frame_range), "bones": len(armature.data.bones)}
"""

SELECT = """
bpy.ops.object.select_all(action="DESELECT")
armature.select_set(True)
bpy.context.view_layer.objects.active = armature
bpy.ops.object.mode_set(mode="POSE")
bpy.ops.pose.select_all(action="SELECT")
bpy.context.window.workspace = bpy.data.workspaces["Animation"]
"""

DOPE_SHEET = """
sheet = next(one for one in bpy.context.window.screen.areas if one.type == "DOPESHEET_EDITOR" and one.height > 100)
sheet.spaces.active.mode = "ACTION"
inside = next(one for one in sheet.regions if one.type == "WINDOW")
with bpy.context.temp_override(window=bpy.context.window, area=sheet, region=inside):
    bpy.ops.action.view_all()
"""

PREVIEW = """
session, preview = (sys.modules[f"{MODULE}.animamimic_addon.{name}"] for name in ("session", "live_preview"))
answer = preview.icon(session.last_folder()) != 0
"""

REDRAW = """
begun = time.monotonic(), time.thread_time()
bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=5)
answer = [(time.monotonic() - begun[0]) / 5, (time.thread_time() - begun[1]) / 5]
"""


def test_the_button_is_clicked_and_the_run_watched_to_its_end(tab, desk):
    desk.picture("1-ready")
    redraw = desk.ask(REDRAW)
    desk.ask("gaps.clear(), calls.clear()")
    tab.press("animamimic.animate_from_video")
    assert tab.running(), tab.error()
    desk.wait_for(lambda: desk.ask(PREVIEW), 600, "a picture of the fit at work")
    desk.picture("2-running")
    tab.wait_for_end(600)
    assert tab.error() == ""
    tell_standstills(desk.ask("answer = gaps"), redraw)
    check_calls(desk.ask("answer = calls"))
    desk.picture("3-made")
    made = desk.ask(RESULT)
    assert made["range"] == [1, FRAMES]
    assert made["bones"] >= 5
    desk.ask(SELECT)
    desk.ask(DOPE_SHEET)
    desk.picture("4-dope-sheet")


def tell_standstills(gaps, redraw):
    """Print the longest. Most is waiting for a processor, and for a screen without hardware to be drawn by the main thread."""
    print(f"drawing the whole window once: {redraw[0]:.3f} s, of the main thread's own {redraw[1]:.3f} s")
    print("the window stood still for (seconds, of them without a processor, the main thread's own work, during):")
    for wall, own, queued, doing in sorted(gaps, reverse=True)[:8]:
        print(f"  {wall:.3f} {queued:.3f} {own:.3f} {doing}")


def check_calls(calls):
    """Print the longest of our own, and assert that the run was looked after in every one of its stages: none is worked off in one call of ours."""
    print(f"{len(calls)} calls of the extension; the longest (seconds, what, during):")
    for seconds, name, doing in sorted(calls, reverse=True)[:8]:
        print(f"  {seconds:.3f} {name} {doing}")
    assert "ANIMAMIMIC_PT_main.draw" in {name for _, name, _ in calls}
    looked_after = {doing for _, name, doing in calls if name == "ANIMAMIMIC_OT_animate_from_video.modal"}
    assert {"Starting the engine", "Reading the video", "Fitting the motion"} <= looked_after
