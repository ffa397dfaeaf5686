"""First use: the engine set up by one button, the sample, the presets. Setting up takes wheels that only pretend, from a folder."""

import os
import sys

import package
import pytest

package.make_importable()
import wheels  # noqa: E402

SETUP = """
setup, environment, preferences = part("animamimic_addon.engine_setup"), part("core.environment"), part("animamimic_addon.preferences")
setup.base_python = lambda: Path(arguments[1])
environment.NEEDED_BYTES = 10**6
folder = Path(arguments[0])
bpy.app.online_access or setattr(bpy.context.preferences.system, "use_online_access", True)
def press():
    try:
        return next(iter(bpy.ops.animamimic.set_up_engine(folder=str(folder)))), ""
    except RuntimeError as error:
        return "ERROR", str(error).strip().removeprefix("Error: ")
"""


@pytest.fixture
def offline_pip(tmp_path):
    """Environment variables that let pip see the pretended wheels alone; the folder that holds them."""
    wheels.make(tmp_path / "wheels")
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels"), "PIP_CONFIG_FILE": os.devnull, "PIP_EXTRA_INDEX_URL": "", "PIP_CONSTRAINT": ""}


@pytest.fixture
def base_python():
    """The Python below this environment: one without packages."""
    return os.path.realpath(sys.executable)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the pretended numpy is that of Python 3.11")
def test_the_engine_is_set_up_by_one_button_and_used(blender, tmp_path, offline_pip, base_python):
    ran = blender(SETUP + """
outcome = press()
tell(outcome=outcome, python=preferences.own_preferences().engine_python, complete=environment.is_complete(folder), found=str(preferences.engine_python()))
""", tmp_path / "engine", base_python, environment=offline_pip)
    assert ran["outcome"] == ["FINISHED", ""], ran.output
    assert ran["complete"]
    assert ran["python"] == ran["found"] == str(tmp_path / "engine/env/bin/python")


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the pretended numpy is that of Python 3.11")
def test_half_an_installation_is_noticed_and_gone_on_with(blender, tmp_path, offline_pip, base_python):
    torch = next((tmp_path / "wheels").glob("torch*"))
    torch.rename(tmp_path / torch.name)
    ran = blender(SETUP + """
import shutil
first = press()
half = environment.is_complete(folder)
shutil.copy(arguments[2], arguments[3])
tell(first=first, half=half, chosen=preferences.own_preferences().engine_python, second=press(), whole=environment.is_complete(folder))
""", tmp_path / "engine", base_python, tmp_path / torch.name, tmp_path / "wheels", environment=offline_pip)
    assert ran["first"][0] == "ERROR" and "torch" in ran["first"][1]
    assert ran["first"][1].endswith("Check the network and the free disk space, then press Set Up Engine again.")
    assert (ran["half"], ran["chosen"], ran["second"], ran["whole"]) == (False, "", ["FINISHED", ""], True)


def test_without_a_network_the_network_is_blamed_and_not_the_versions(blender, tmp_path, base_python):
    nobody = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}
    ran = blender(SETUP + "tell(outcome=press())", tmp_path / "engine", base_python, environment=nobody)
    outcome, said = ran["outcome"]
    assert outcome == "ERROR"
    assert said.startswith("Setting up the engine failed: no connection to the packages' registry (NewConnectionError). Check the network"), said


def test_a_folder_of_the_users_is_left_alone(blender, tmp_path, base_python):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("Dear friend")
    ran = blender(SETUP + "tell(outcome=press())", tmp_path / "letters", base_python)
    assert ran["outcome"] == ["ERROR", f"The folder {tmp_path / 'letters'} holds other files. Choose an empty folder for the engine, or a new one."]
    assert [one.name for one in (tmp_path / "letters").iterdir()] == ["dear.txt"]


def test_offline_nothing_is_fetched(blender, tmp_path, base_python):
    ran = blender(SETUP + """
bpy.context.preferences.system.use_online_access = False
tell(outcome=press(), made=folder.exists())
""", tmp_path / "engine", base_python)
    assert ran["outcome"] == ["ERROR", "Blender is set to stay offline. Switch Allow Online Access on in Edit > Preferences > System > Network."]
    assert not ran["made"]


@pytest.mark.parametrize(("report", "build"), [
    ("", "cpu"), ("| Driver Version: 580.1  CUDA Version: 13.0 |", "cu130"), ("CUDA Version: 12.7", "cu126"), ("CUDA Version: 10.2", "cpu"),
])
def test_the_build_of_torch_is_one_that_the_driver_can_run(report, build):
    from animamimic.core import environment

    assert environment.torch_build(report) == build


def test_the_sample_is_loaded_beside_the_users_scene_ready_for_the_button(blender):
    ran = blender("""
import scenes
scenes.make_bar_scene()
before = scenes.fingerprint()
outcome = bpy.ops.animamimic.load_sample()
after = scenes.fingerprint()
scene = bpy.data.scenes["AnimaMimic Sample"]
bpy.context.window.scene = scene
layer = scene.view_layers[0]
layer.objects.active = next(one for one in scene.objects if one.type == "MESH")
readiness = part("animamimic_addon.readiness")
class Seen:
    pass
seen = Seen()
seen.scene, seen.view_layer = scene, layer
tell(outcome=list(outcome), lost=[name for name in before if name.startswith(("objects/", "meshes/", "scenes/")) and after.get(name) != before[name]],
     video=Path(scene.animamimic.video).is_file(), obstacle=readiness.obstacle(seen), fps=scene.render.fps, end=scene.frame_end)
""")
    assert ran["outcome"] == ["FINISHED"]
    assert ran["lost"] == []
    assert ran["video"] and ran["obstacle"] == ""
    assert (ran["fps"], ran["end"]) == (12, 49)


def test_presets_set_what_they_name_and_nothing_else(blender):
    ran = blender("""
presets, settings = part("core.presets").PRESETS, part("core.settings")
scene = bpy.context.scene.animamimic
scene.seed = 7
found = {}
for name in presets:
    bpy.ops.animamimic.use_preset(preset=name)
    found[name] = all(abs(getattr(scene, key) - value) < 1e-5 for key, value in presets[name].items())
bpy.ops.animamimic.use_preset(preset="NORMAL")
scene_seed = scene.seed
scene.seed = 0
properties = part("animamimic_addon.properties")
tell(found=found, seed=scene_seed, normal=properties.settings_from(scene) == settings.Settings())
""")
    assert ran["found"] == {"DRAFT": True, "NORMAL": True, "BEST": True}
    assert ran["seed"] == 7
    assert ran["normal"]  # Normal is the defaults
