"""First use in the real window: the panel says what is missing, the button asks for a folder, the sample is ready for the other button."""

import time

from tab import Tab

FORGET_ENGINE = """
import os
os.environ.pop("ANIMAMIMIC_PYTHON", None)
bpy.context.preferences.system.use_online_access = True
bpy.context.preferences.addons[MODULE].preferences.engine_python = ""
"""

OBSTACLE = 'sys.modules[f"{MODULE}.animamimic_addon.readiness"].obstacle(bpy.context)'


def test_what_is_missing_is_told_and_a_python_that_is_there_is_taken(desk, tab):
    from desk import engine_python

    desk.ask("bpy.ops.wm.read_homefile(load_ui=False)")
    tab.show()
    desk.ask(FORGET_ENGINE)
    desk.picture("first-1-missing")
    tab.press("animamimic.set_up_engine")
    time.sleep(1)
    desk.picture("first-2-dialog")
    desk.hand("key", "Escape")
    desk.ask(f"bpy.context.preferences.addons[MODULE].preferences.engine_python = {str(engine_python())!r}; area.tag_redraw()")
    tab.press("animamimic.load_sample")
    time.sleep(1)
    assert desk.ask("answer = bpy.context.window.scene.name") == "AnimaMimic Sample"
    assert desk.ask(f"answer = {OBSTACLE}") == ""
    desk.picture("first-3-sample")
    assert Tab(desk).find("animamimic.animate_from_video")
