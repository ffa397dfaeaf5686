"""The driving video from Blender: made by the real engine with a tiny model, or by hand with any service."""


import pytest

GENERATE = """
import scenes
scenes.make_bar_scene(64)
scene = bpy.context.scene
session = part("animamimic_addon.session")
before = scenes.fingerprint()
outcome = bpy.ops.animamimic.generate_video(prompt="a bar bends", model=arguments[0], steps=1, video_size=64, candidates=2, pick=2, frame_start=3, frame_end=8, job_folder=arguments[1], engine_python=arguments[2])
report = session.last_report()
tell(outcome=outcome.pop(), videos=report["videos"], exist=[Path(one).is_file() for one in (*report["videos"], *report["stills"], report["sheet"])], chosen=scene.animamimic.video, timing=scene.animamimic.timing,
     changes=scenes.changes(before, scenes.fingerprint()), at=report["generated"]["made_at"])
candidates = part("animamimic_addon.candidates")
together = candidates.candidates(bpy.context)
tell(together=[str(one) for one in together], icons=[candidates.icon(one) for one in together] and sorted(candidates._icons), sheet=str(candidates.contact_sheet(bpy.context)) == report["sheet"])
used = bpy.ops.animamimic.use_video(filepath=str(together[0])).pop()
tell(others=[scene.animamimic.video, used])
"""

BY_HAND = """
import scenes
scenes.make_bar_scene(64)
scene = bpy.context.scene
scene.animamimic.prompt = "a bar bends"
before = scenes.fingerprint()
picture = Path(arguments[0], "start.png")
tell(outcome=bpy.ops.animamimic.save_start_picture(filepath=str(picture)).pop(), text=picture.with_suffix(".txt").read_text(), changes=scenes.changes(before, scenes.fingerprint()))
image = bpy.data.images.load(str(picture))
pixels = list(image.pixels)
middle = 4 * (32 * 64 + 32)
tell(size=list(image.size), opaque=min(pixels[3::4]), corner=pixels[:3], middle=pixels[middle:middle + 3])
tell(used=bpy.ops.animamimic.use_video(filepath=str(picture)).pop(), chosen=scene.animamimic.video, timing=scene.animamimic.timing, handler=bpy.types.ANIMAMIMIC_FH_video.bl_import_operator)
try:
    bpy.ops.animamimic.use_video(filepath="/no/such.mp4")
except RuntimeError as error:
    tell(missing=str(error))
"""

OFFLINE = """
import scenes
scenes.make_bar_scene(64)
bpy.context.preferences.system.use_online_access = False
try:
    bpy.ops.animamimic.generate_video(prompt="a bar bends", job_folder=arguments[0], engine_python=arguments[1], **{arguments[2]: True})
except RuntimeError as error:
    tell(error=str(error))
"""


TOKEN = """
import scenes
scenes.make_bar_scene(64)
preferences, process = part("animamimic_addon.preferences"), part("animamimic_addon.process")
addon = bpy.context.preferences.addons["bl_ext.user_default.animamimic"].preferences
empty = preferences.secrets()
addon.access_token = " hf_secretofmine "
folder = Path(arguments[0])
script = folder / "engine.py"
script.write_text("import os; print(len(os.environ['HF_TOKEN']))")
engine = process.Engine.start(Path(arguments[1]), script, folder, secrets=preferences.secrets())
engine.process.wait()
tell(empty=empty, printed=(folder / "engine.log").read_text().strip())
"""


def test_candidates_are_made_and_kept_and_one_is_picked_then_another(blender, model, tmp_path, engine_python):
    ran = blender(GENERATE, model, tmp_path / "job", engine_python, timeout=300)
    assert ran["outcome"] == "FINISHED"
    assert ran["exist"] == [True] * 5
    assert ran["chosen"] == ran["videos"][1]
    assert ran["timing"] == "MATCH_FPS"  # the model makes 8 frames a second
    assert ran["together"] == ran["videos"]
    assert ran["icons"] == ran["videos"]  # without a window their numbers are all zero
    assert ran["others"] == [ran["videos"][0], "FINISHED"]
    assert str(tmp_path / "job") not in ran["chosen"]  # job folders are deleted one day
    assert ran["at"].startswith("9 frames of 64 x 64")  # six of the scene last as long as three of the model, which makes 8 k + 1
    assert ran["changes"] == []


def test_the_start_picture_is_on_white_with_its_words_and_a_dropped_file_is_taken(blender, tmp_path):
    ran = blender(BY_HAND, tmp_path)
    assert (ran["outcome"], ran["used"]) == ("FINISHED", "FINISHED")
    assert "a bar bends, static camera" in ran["text"]
    assert ran["size"] == [64, 64]
    assert ran["opaque"] == 1.0
    assert ran["corner"] == pytest.approx([1.0] * 3)
    assert max(ran["middle"]) < 0.95
    assert ran["changes"] == []
    assert ran["chosen"].endswith("start.png")
    assert ran["handler"] == "animamimic.use_video"
    assert "is not there" in ran["missing"]


@pytest.mark.parametrize("wish", ["allow_download", "hosted"])
def test_nothing_goes_out_where_blender_is_offline(blender, tmp_path, engine_python, wish):
    ran = blender(OFFLINE, tmp_path / "job", engine_python, wish)
    assert "'Allow Online Access' is off" in ran["error"]


def test_the_preferences_token_reaches_the_engine_alone(blender, tmp_path, engine_python):
    ran = blender(TOKEN, tmp_path, engine_python, environment={"HF_TOKEN": ""})
    assert ran["empty"] == {}
    assert ran["printed"] == str(len("hf_secretofmine"))
    assert not [path for path in tmp_path.glob("*") if path.is_file() and b"secretofmine" in path.read_bytes()]
