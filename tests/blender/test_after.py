"""What can be done with a result: takes, the video over the camera, taking it away without a trace."""

MADE = """
import pretend, scenes
process, session = part("animamimic_addon.process"), part("animamimic_addon.session")
process.SCRIPT = pretend.FAKE
os.environ["FAKE_ENGINE"] = "animate"
folder = Path(arguments[0])
video = folder / "clip.mp4"
video.write_bytes(b"the pretending engine does not look")
bar = scenes.make_bar_scene()
def animate(**settings):
    outcome, error = pretend.press(video=str(video), job_folder=str(folder / "job"), **settings)
    assert outcome == "FINISHED", error
def playing():
    return bar.find_armature().animation_data.action
"""


def test_takes_stay_when_the_next_run_replaces_the_motion(blender, tmp_path):
    ran = blender(MADE + """
animate()
first = playing().name
bpy.ops.animamimic.keep_take()
bpy.ops.animamimic.keep_take()
animate()
tell(first=first, second=playing().name, actions=sorted(one.name for one in bpy.data.actions), held=[one.use_fake_user for one in bpy.data.actions if "Take" in one.name])
bar.find_armature().animation_data.action = bpy.data.actions[first + " Take 1"]
bpy.context.view_layer.objects.active = bar
bpy.ops.animamimic.remove_result()
tell(left=sorted(one.name for one in bpy.data.actions))
""", tmp_path)
    assert ran["first"] == ran["second"] == "Bar Motion"
    assert ran["actions"] == ["Bar Motion", "Bar Motion Take 1", "Bar Motion Take 2"]
    assert ran["held"] == [True, True]
    assert {"Bar Motion Take 1", "Bar Motion Take 2"} <= set(ran["left"])


def test_a_take_of_nothing_is_refused(blender, tmp_path):
    ran = blender(MADE + """
try:
    bpy.ops.animamimic.keep_take()
except RuntimeError as error:
    tell(error=str(error))
""", tmp_path)
    assert "'Bar' plays no motion that AnimaMimic made. Animate it first." in ran["error"]


def test_remove_result_gives_frame_range_and_fake_user_back(blender, tmp_path):
    ran = blender(MADE + """
scene = bpy.context.scene
scenes.add_armature(bar)
armature = bar.modifiers[0].object
armature.location.x = 0.0
armature.keyframe_insert("location", frame=3)
own = armature.animation_data.action
own.use_fake_user = False
scene.frame_start, scene.frame_end = 3, 5
for _ in range(2):
    animate(rig="KEEP")
tell(during=[scene.frame_start, scene.frame_end, own.use_fake_user])
bpy.ops.animamimic.remove_result()
tell(after=[scene.frame_start, scene.frame_end, own.use_fake_user], plays=armature.animation_data.action == own)
animate(rig="KEEP")
scene.frame_end = 99
bpy.ops.animamimic.remove_result()
tell(users=[scene.frame_start, scene.frame_end])
""", tmp_path)
    assert ran["during"] == [3, 7, True]
    assert (ran["after"], ran["plays"]) == ([3, 5, False], True)
    assert ran["users"] == [3, 99]  # what the user has set since is left alone


def test_the_video_lies_before_the_camera_frame_by_frame_and_goes_again(blender, tmp_path, engine_python):
    import subprocess
    from pathlib import Path

    subprocess.run([engine_python, Path(__file__).parent / "make_clips.py", tmp_path], check=True, timeout=120)
    ran = blender("""
import scenes
scenes.make_bar_scene()
scene = bpy.context.scene
before = len(bpy.data.images)
scene.animamimic.video, scene.animamimic.frame_start = arguments[0], 12
first = bpy.ops.animamimic.overlay_video()
(background,) = scene.camera.data.background_images
user = background.image_user
tell(source=background.image.source, start=user.frame_start, frames=user.frame_duration, shown=scene.camera.data.show_background_images)
bpy.ops.animamimic.overlay_video()
tell(left=len(scene.camera.data.background_images), images=len(bpy.data.images) - before)
scene.animamimic.timing = "MATCH_FPS"
scene.render.fps = 24 * 2  # twice the video's
bpy.ops.animamimic.overlay_video()
def offset(frame):
    scene.frame_set(frame)
    data = scene.camera.data.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return data.background_images[0].image_user.frame_offset
tell(retimed=[frame - 12 + offset(frame) for frame in range(12, 18)])
bpy.ops.animamimic.overlay_video()
tell(animation=scene.camera.data.animation_data is not None, clips=len(bpy.data.movieclips))
""", tmp_path / "good.mp4")
    assert (ran["source"], ran["start"], ran["frames"], ran["shown"]) == ("MOVIE", 12, 9, True)
    assert (ran["left"], ran["images"]) == (0, 0)
    assert ran["retimed"] == [0, 0, 1, 1, 2, 2]
    assert (ran["animation"], ran["clips"]) == (False, 0)
