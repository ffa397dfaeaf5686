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

STANDSTILL_SECONDS = 0.1
"""Longest that the main thread may be held up before the window lives on, other than at capture and bake."""

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
    check_standstills(desk.ask("answer = gaps"), redraw)
    check_calls(desk.ask("answer = calls"))
    desk.picture("3-made")
    made = desk.ask(RESULT)
    assert made["range"] == [1, FRAMES]
    assert made["bones"] >= 5
    desk.ask(SELECT)
    desk.ask(DOPE_SHEET)
    desk.picture("4-dope-sheet")


def check_standstills(gaps, redraw):
    """Print the longest, and assert on the main thread's own work: the rest is waiting for a processor and a screen without hardware."""
    print(f"drawing the whole window once: {redraw[0]:.3f} s, of the main thread's own {redraw[1]:.3f} s")
    print("the window stood still for (seconds, of them without a processor, the main thread's own work, during):")
    for wall, own, queued, doing in sorted(gaps, reverse=True)[:8]:
        print(f"  {wall:.3f} {queued:.3f} {own:.3f} {doing}")
    assert max((own for _, own, _, doing in gaps if doing and is_between(doing)), default=0.0) < STANDSTILL_SECONDS


def check_calls(calls):
    """Print the longest of our own, and assert that none but capture and bake holds the window up, working or waiting."""
    print(f"{len(calls)} calls of the extension; the longest (seconds, what, during):")
    for seconds, name, doing in sorted(calls, reverse=True)[:8]:
        print(f"  {seconds:.3f} {name} {doing}")
    assert {"ANIMAMIMIC_PT_main.draw", "ANIMAMIMIC_OT_animate_from_video.modal"} <= {name for _, name, _ in calls}
    assert max(seconds for seconds, _, doing in calls if doing and is_between(doing)) < STANDSTILL_SECONDS


def is_between(doing):
    """Whether this was neither the start of a run, which captures the scene, nor its end, which bakes."""
    return not doing.startswith(" ->") and not doing.endswith("-> ")
