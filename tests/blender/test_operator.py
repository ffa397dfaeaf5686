"""The operator as scripts call it, with an engine that only pretends: how it ends, what it says, what it leaves."""

import os
import sys
import venv

import pytest

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

RUN = """
import os, signal, pretend, time
process = part("animamimic_addon.process")
session = part("animamimic_addon.session")
folder = Path(arguments[0])
def gone():
    "Whether engine and child have ended."
    for name in ("own", "child"):
        number = (folder / name).read_text().split()[0]
        try:
            if Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                return False
        except OSError:
            pass
    return True
def wait_gone():
    end = time.monotonic() + 20
    while not gone() and time.monotonic() < end:
        time.sleep(0.02)
    return gone()
"""


@pytest.fixture
def pressed(blender, tmp_path):
    """Presses the button with the pretending engine; the script may use what RUN defines."""

    def run(script):
        return blender(RUN + script, tmp_path / "job")

    return run


@pytest.mark.parametrize(("behaviour", "sentence"), [
    ("refuse", "The video is wholly one colour. Choose another."),
    ("fail", "The engine ran out of memory."),
])
def test_the_engines_sentence_is_reported_and_the_scene_is_as_it_was(pressed, behaviour, sentence):
    ran = pressed(f"tell(**pretend.animate(folder, process, {behaviour!r}), error_kept=str(session.last_error()))")
    assert (ran["outcome"], ran["error"], ran["error_kept"]) == ("ERROR", sentence, sentence)
    assert ran["changes"] == []


@posix_only
def test_kill_9_is_reported_with_the_end_of_the_log_and_the_scene_is_as_it_was(pressed):
    ran = pressed("""
tell(**pretend.animate(folder, process, "work", meanwhile=lambda: os.kill(pretend.own_number(folder), signal.SIGKILL)), gone=wait_gone())
""")
    assert ran["outcome"] == "ERROR"
    assert ran["error"].startswith("The engine was ended by SIGKILL")
    assert ran["error"].endswith("The end of its log:\nthe fake engine runs")
    assert (ran["changes"], ran["gone"]) == ([], True)


@posix_only
@pytest.mark.parametrize("behaviour", ["work", "stubborn"])
@pytest.mark.parametrize("way", ["(folder / 'cancel').touch", "lambda: os.kill(os.getpid(), signal.SIGINT)", "session.cancel"])
def test_cancel_ends_the_engine_and_leaves_the_scene(pressed, way, behaviour):
    ran = pressed(f"""
tell(**pretend.animate(folder, process, {behaviour!r}, meanwhile={way}), gone=wait_gone(), running=session.current() is not None,
     error_kept=type(session.last_error()).__name__)
""")
    assert (ran["outcome"], ran["error"], ran["error_kept"]) == ("CANCELLED", "", "CancelledError")
    assert (ran["changes"], ran["gone"], ran["running"]) == ([], True, False)
    assert "The run was cancelled." in ran.output


@posix_only
def test_stop_and_keep_asks_the_engine_and_lets_the_run_end_with_a_result(pressed):
    ran = pressed("""
asked = []
def stop():
    "Once the fit has begun."
    while not session.can_stop():
        time.sleep(0.01)
    asked.append(session.current() is not None)
    session.stop_and_keep()
tell(before=session.can_stop())
tell(**pretend.animate(folder, process, "animate-until-stopped", meanwhile=stop), asked=asked, after=session.can_stop(),
     frames=session.last_report()["frames"])
""")
    assert (ran["before"], ran["asked"], ran["after"]) == (False, [True], False)
    assert (ran["outcome"], ran["error"], ran["frames"]) == ("FINISHED", "", 5)


def test_a_second_run_is_refused_while_one_is_under_way(pressed):
    ran = pressed("""
import scenes
seen = []
def meanwhile():
    seen.append(bpy.ops.animamimic.animate_from_video.poll())
    seen.append(bpy.ops.animamimic.remove_result.poll())
    seen.append(bpy.ops.animamimic.cancel.poll())
    session.cancel()
tell(**pretend.animate(folder, process, "work", meanwhile=meanwhile), seen=seen, after=bpy.ops.animamimic.animate_from_video.poll())
""")
    assert (ran["seen"], ran["after"]) == ([False, False, True], True)


@posix_only
@pytest.mark.parametrize("end", ["extension.unregister()", "bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)"])
def test_a_run_ends_with_the_add_on_and_with_the_file(pressed, end):
    """The modal operator's state, without its window: a run is under way when the add-on or the file goes."""
    ran = pressed(f"""
import scenes
extension = importlib.import_module("bl_ext.user_default.animamimic")
process.SCRIPT = pretend.FAKE
os.environ["FAKE_ENGINE"] = "work"
folder.mkdir()
(folder / "clip.mp4").write_bytes(b"something")
scenes.make_bar_scene()
settings = part("core.settings")
work = part("animamimic_addon.work").Work(part("animamimic_addon.capture").capture, part("animamimic_addon.bake").bake_job)
session.start(bpy.context, work, settings.from_flat({{"video": str(folder / "clip.mp4")}}), str(folder))
end = time.monotonic() + 20
while not pretend.runs(folder) and time.monotonic() < end:
    time.sleep(0.02)
alive = not gone()
{end}
tell(alive=alive, gone=wait_gone(), running=session.current() is not None)
""")
    assert (ran["alive"], ran["gone"], ran["running"]) == (True, True, False)


def test_a_python_without_torch_is_told_in_one_sentence(pressed, tmp_path):
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ran = pressed(f"tell(**pretend.animate(folder, process, 'work', engine_python={str(python)!r}))")
    assert ran["outcome"] == "ERROR"
    assert ran["error"] == (
        f"The engine's Python {python} is without numpy, scipy, torch, opencv-python-headless, av. "
        f"Run: {python} -m pip install numpy scipy torch opencv-python-headless av"
    )
    assert ran["changes"] == []


@pytest.mark.parametrize(("script", "sentence"), [
    ("", "is not a Python that the engine can run in."),
    ("echo '{\"version\": [3, 8], \"missing\": []}'", "is version 3.8, and 3.11 is needed."),
])
@posix_only
def test_a_program_that_is_no_fitting_python_is_told(pressed, tmp_path, script, sentence):
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    ran = pressed(f"tell(**pretend.animate(folder, process, 'work', engine_python={str(program)!r}))")
    assert sentence in ran["error"]
    assert ran["changes"] == []


def test_a_python_that_is_not_there_is_told(pressed, tmp_path):
    ran = pressed(f"tell(**pretend.animate(folder, process, 'work', engine_python={str(tmp_path / 'none')!r}))")
    assert ran["error"].startswith(f"There is no file {tmp_path / 'none'}, which the operator gives as the engine's Python.")


PLACES = """
preferences = part("animamimic_addon.preferences")
chosen = bpy.context.preferences.addons["bl_ext.user_default.animamimic"].preferences
def found():
    try:
        return str(preferences.engine_python())
    except Exception as error:
        return str(error)
"""


def test_the_engines_python_is_looked_for_in_order(blender, engine_python):
    """Preference, then ANIMAMIMIC_PYTHON, then this Python if it has torch."""
    here, other = str(engine_python), sys.executable
    ran = blender(PLACES + f"""
os.environ["ANIMAMIMIC_PYTHON"] = {here!r}
tell(variable=found())
chosen.engine_python = {other!r}
tell(preference=found())
chosen.engine_python = ""
del os.environ["ANIMAMIMIC_PYTHON"]
importlib.util.find_spec = lambda name: None
tell(none=found())
importlib.util.find_spec = lambda name: name
tell(own=found())
""")
    assert (ran["variable"], ran["preference"], ran["own"]) == (here, other, sys.executable)
    assert ran["none"].startswith("There is no Python for the engine yet: Blender's own has no torch. Press Set Up Engine, or set Engine Python")


@posix_only
def test_the_doctor_can_be_waited_for_without_standing_still(blender, tmp_path):
    ran = blender(PLACES + """
import stat, time
slow = Path(arguments[0]) / "python"
slow.write_text("#!/bin/sh\\nsleep 1\\necho all is well\\n")
slow.chmod(0o755)
examination = preferences.start_examination(slow)
running = examination.running()
text = examination.result()
late = preferences.start_examination(slow)
late.until = 0.0
try:
    late.result()
except Exception as error:
    told = str(error)
tell(running=running, text=text, after=examination.running(), given_up=late.running(), told=told, ended=late.process.returncode)
""", tmp_path)
    assert (ran["running"], ran["text"], ran["after"], ran["given_up"]) == (True, "all is well\n", False, False)
    assert "gave no answer within 120 s" in ran["told"]
    assert ran["ended"] == -9


def test_the_doctor_tells_what_the_engine_has(blender):
    ran = blender(PLACES + "tell(text=preferences.examine(preferences.engine_python()))")
    assert "The main job can run." in ran["text"]
    assert "torch" in ran["text"]


def test_a_job_lands_among_the_extensions_own_files_and_old_ones_go(blender, tmp_path):
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"something")
    ran = blender(RUN + f"""
import scenes
process.SCRIPT = pretend.FAKE
os.environ["FAKE_ENGINE"] = "refuse"
jobs = Path(bpy.utils.extension_path_user("bl_ext.user_default.animamimic", path="jobs", create=True))
mine = jobs / "not a job"
mine.mkdir()
part("animamimic_addon.job_folder").JOBS_KEPT = 2
scenes.make_bar_scene(32)
made = []
for _ in range(4):
    pretend.press(video={str(video)!r})
    made.append(session.last_folder())
    os.utime(made[-1], (2e9 - len(made),) * 2)  # a clock that runs backwards
tell(inside=all(one.parent == jobs for one in made), left=[one.exists() for one in made], mine=mine.exists(),
     holds=sorted(one.name for one in made[-1].iterdir()))
""", str(tmp_path / "unused"))
    assert ran["inside"] and ran["mine"]
    assert ran["left"] == [False, True, True, True]  # two are kept when the next begins
    assert {"job.json", "subject.npz", "view.png", "driving.mp4", "progress.jsonl", "engine.log"} <= set(ran["holds"])


def test_frame_subject_adds_a_camera_that_sees_all_of_it(blender):
    ran = blender("""
import scenes
from bpy_extras.object_utils import world_to_camera_view
bar = scenes.make_bar_scene()
bpy.data.objects.remove(bpy.context.scene.camera)
outcome = bpy.ops.animamimic.frame_subject()
bpy.context.view_layer.update()
scene = bpy.context.scene
corners = [world_to_camera_view(scene, scene.camera, bar.matrix_world @ vertex.co) for vertex in bar.data.vertices]
tell(outcome=list(outcome), low=[min(one[axis] for one in corners) for axis in (0, 1)], high=[max(one[axis] for one in corners) for axis in (0, 1)])
""")
    assert ran["outcome"] == ["FINISHED"]
    assert min(ran["low"]) > 0 and max(ran["high"]) < 1
    assert max(ran["high"]) - min(ran["low"]) > 0.4  # it is not lost in the picture either


def test_the_buttons_say_why_they_cannot_be_pressed(blender):
    ran = blender("""
import scenes
readiness = part("animamimic_addon.readiness")
bar = scenes.make_bar_scene()
settings = bpy.context.scene.animamimic
told = {}
told["no video"] = readiness.obstacle(bpy.context)
settings.video = "/nowhere/clip.mp4"
told["gone"] = readiness.obstacle(bpy.context)
settings.video = arguments[0]
told["ready"] = readiness.obstacle(bpy.context)
told["subject"] = readiness.subject_text(bpy.context)
preferences = part("animamimic_addon.preferences")
find, preferences.engine_python = preferences.engine_python, lambda: preferences.existing_python("/nowhere/python", "ANIMAMIMIC_PYTHON")
told["no engine"] = readiness.obstacle(bpy.context)
preferences.engine_python = find
settings.rig = "KEEP"
told["no rig"] = readiness.obstacle(bpy.context)
settings.rig = "AUTO"
bpy.context.scene.camera = None
told["no camera"] = readiness.obstacle(bpy.context)
settings.camera = "FRAME"
told["framed"] = readiness.obstacle(bpy.context)
bar.select_set(False)
bpy.context.view_layer.objects.active = None
told["nothing"] = readiness.obstacle(bpy.context)
told["no subject"] = readiness.subject_text(bpy.context)
tell(**told)
""", __file__)
    assert (ran["ready"], ran["framed"], ran["subject"], ran["no subject"]) == ("", "", "Bar", "None")
    assert ran["no video"] == "Choose a driving video, or write a prompt."
    assert ran["no engine"].startswith("There is no file /nowhere/python, which ANIMAMIMIC_PYTHON gives as the engine's Python.")
    assert ran["gone"] == "The driving video is not there any more. Choose it again."
    assert ran["no rig"] == "'Bar' has no armature to keep. Set Rig to Automatic, or select a rigged character."
    assert ran["no camera"] == "The scene has no camera. Press Frame Subject, or set Camera to Frame the Subject."
    assert ran["nothing"] == "Nothing is selected. Select the mesh that shall move, or the armature of a rigged character."


def test_settings_of_a_script_do_not_come_from_the_scene(pressed):
    """What a script does not give keeps its default, whatever the panel shows."""
    ran = pressed("""
import scenes
make = scenes.make_bar_scene
def with_panel_values(side=96):
    bar = make(side)
    bpy.context.scene.animamimic.seed = 99
    bpy.context.scene.animamimic.fit_resolution = 512
    return bar
scenes.make_bar_scene = with_panel_values
pretend.animate(folder, process, "refuse", seed=5)
head = json.loads((folder / "job.json").read_text())["settings"]
tell(seed=head["seed"], resolution=head["fit_resolution"])
""")
    assert (ran["seed"], ran["resolution"]) == (5, 256)



def test_a_part_of_a_character_is_told_where_the_video_is_refused(blender, tmp_path):
    """One mesh of several looks to the engine like a subject of the wrong size."""
    ran = blender(RUN + """
import scenes
make = scenes.make_bar_scene
def with_hat(side=96):
    bar = make(side)
    scenes.add_armature(bar)
    hat = bar.copy()
    hat.name, hat.data = "Hat", bar.data.copy()
    bpy.context.scene.collection.objects.link(hat)
    for one in bpy.context.view_layer.objects:
        one.select_set(one == bar)
    return bar
scenes.make_bar_scene = with_hat
tell(**pretend.animate(folder, process, "refuse"))
""", tmp_path / "job")
    assert ran["error"] == (
        "The video is wholly one colour. Choose another. "
        "Only a part of the character is chosen: its armature also moves Hat. Select them too, or the armature, if the video shows them."
    )
