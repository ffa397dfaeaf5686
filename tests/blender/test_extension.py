"""The zip as users get it: what is in it, that it installs, and that it comes and goes without a trace."""

import zipfile

FORBIDDEN = {"tests", "benchmarks", "docs", "data", "tools", "farm", "dist", "out", "build"}


def test_the_zip_holds_the_extension_and_nothing_else(extension_zip):
    names = zipfile.ZipFile(extension_zip).namelist()
    assert {"__init__.py", "__main__.py", "blender_manifest.toml", "core/job.py", "animamimic_addon/process.py"} <= set(names)
    assert {name.split("/")[0] for name in names} & FORBIDDEN == set()
    assert {"constraints.txt", "samples/fish/fish.blend", "samples/fish/driving.mp4", "samples/fish/LICENSE.txt"} <= set(names)
    assert {name.rpartition(".")[2] for name in names} <= {"py", "toml", "md", "txt", "c", "blend", "mp4"} | {name for name in names if name == "LICENSE"}
    assert not [name for name in names if "__pycache__" in name or name.startswith(".")]


STATE = """
import bpy
def state():
    "Everything that registering could add to."
    handlers = {}
    for name in dir(bpy.app.handlers):
        value = getattr(bpy.app.handlers, name)
        if isinstance(value, list):
            handlers[name] = [function.__name__ for function in value]
    return {
        "types": sorted(dir(bpy.types)),
        "scene": sorted(name for name in dir(bpy.types.Scene) if not name.startswith("__")),
        "window manager": sorted(bpy.types.WindowManager.bl_rna.properties.keys()),
        "operators": sorted(dir(bpy.ops.animamimic)),
        "handlers": handlers,
        "keymaps": sum(len(keymap.keymap_items) for keymap in bpy.context.window_manager.keyconfigs.addon.keymaps),
    }
"""


def test_register_and_unregister_leave_nothing_behind(blender):
    ran = blender(STATE + """
registered = state()
extension = importlib.import_module("bl_ext.user_default.animamimic")
extension.unregister()
bare = state()
extension.register()
again = state()
extension.unregister()
bare_again = state()
tell(same=registered == again, clean=bare == bare_again, ours=[name for name in bare["types"] if "ANIMAMIMIC" in name.upper()],
     scene="animamimic" in bare["scene"], operators=bare["operators"], handlers=str(bare["handlers"]), count=len(registered["operators"]))
""")
    assert ran["same"] and ran["clean"]
    assert (ran["ours"], ran["scene"], ran["operators"]) == ([], False, [])
    assert "_on_load" not in ran["handlers"]
    assert ran["count"] >= 5


def test_enabling_loads_nothing_heavy(blender):
    ran = blender('tell(loaded=sorted({name.split(".")[0] for name in sys.modules} & {"torch", "scipy", "cv2", "warp", "av"}))')
    assert ran["loaded"] == []


def test_disabling_and_enabling_again_works(blender):
    ran = blender("""
addon_utils.disable("bl_ext.user_default.animamimic")
tell(gone=not hasattr(bpy.types.Scene, "animamimic"))
addon_utils.enable("bl_ext.user_default.animamimic", default_set=True)
tell(back=hasattr(bpy.context.scene, "animamimic"))
""")
    assert ran["gone"] and ran["back"]


def test_every_declared_setting_is_a_property_with_its_limits_and_tooltip(blender):
    ran = blender("""
settings = part("core.settings")
holders = {"scene": bpy.context.scene.animamimic.bl_rna.properties, "operator": bpy.ops.animamimic.animate_from_video.get_rna_type().properties}
wrong = []
for where, found in holders.items():
    for one in settings.declared():
        shown = found.get(one.name)
        if shown is None or (shown.name, shown.description) != (one.label, one.effect):
            wrong.append((where, one.name))
        elif one.choices is not None:
            if {item.identifier: item.description for item in shown.enum_items} != one.choices:
                wrong.append((where, one.name, "choices"))
        elif one.type in (int, float):
            for limit, mine in ((shown.hard_min, one.minimum), (shown.hard_max, one.maximum)):
                if mine is not None and abs(limit - mine) > 1e-6 * abs(mine):
                    wrong.append((where, one.name, limit))
        elif one.path and shown.subtype != "FILE_PATH":
            wrong.append((where, one.name, shown.subtype))
properties = part("animamimic_addon.properties")
tell(wrong=wrong, defaults=properties.settings_from(bpy.context.scene.animamimic) == settings.Settings())
""")
    assert ran["wrong"] == []
    assert ran["defaults"]


def test_limits_that_float32_cannot_hold_are_still_accepted(blender):
    """0.01 in float32 is a little less than 0.01, and that must not be refused as too small."""
    ran = blender("""
properties = part("animamimic_addon.properties")
holder = bpy.context.scene.animamimic
holder.key_tolerance = 0.0
tell(value=properties.settings_from(holder).curves.key_tolerance)
holder.key_tolerance = 0.3
tell(typed=properties.settings_from(holder).curves.key_tolerance)
""")
    assert (ran["value"], ran["typed"]) == (0.01, 0.3)


def test_the_button_takes_the_scenes_values_where_none_were_given(blender):
    """What `invoke` does; it only runs in a window."""
    ran = blender("""
properties = part("animamimic_addon.properties")
scene = bpy.context.scene.animamimic
scene.seed, scene.rig, scene.video = 7, "KEEP", "a.mp4"
class Given:
    "An operator's properties of which `seed` alone was given."
    seed = 3
    def is_property_set(self, name):
        return name == "seed"
given = Given()
properties.copy_unset(scene, given)
tell(values=[given.seed, given.rig, given.video])
""")
    assert ran["values"] == [3, "KEEP", "a.mp4"]
