"""First use in the real window: the panel says what is missing, the button asks for a folder, the sample is ready for the other button."""

import time

import pytest
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


LANGUAGE = """
view = bpy.context.preferences.view
names = []
try:
    view.language = ""
except TypeError as error:
    names = [name for name in ("de", "de_DE") if repr(name) in str(error)]
if names:
    before, view.language, view.use_translate_interface = view.language, names[0], True
    translate = bpy.app.translations.pgettext_iface
    answer = [translate("Set Up Engine", "Operator"), translate("The video tells least about {bones}.")]
    view.language = before
"""


def test_the_interface_speaks_another_language(desk, tab):
    said = desk.ask(LANGUAGE)
    if said is None:
        pytest.skip("this Blender has no German catalogue")
    assert said == ["Engine einrichten", "Am wenigsten sagt das Video über {bones}."]
