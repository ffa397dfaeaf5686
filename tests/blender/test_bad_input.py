"""Bad input gets a sentence that names it and says what to do, and leaves the scene as it was.

What the scene itself makes impossible is told before an engine starts; what is wrong with the video, the engine tells.
"""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent

SCENES = """
import math
import pretend, scenes
process = part("animamimic_addon.process")
session = part("animamimic_addon.session")
process.SCRIPT = pretend.FAKE
os.environ["FAKE_ENGINE"] = "refuse"
folder, video = Path(arguments[0]), arguments[1]

def no_object(bar):
    bar.select_set(False)
    bpy.context.view_layer.objects.active = None

def not_a_mesh(bar):
    bar.select_set(False)
    scene = bpy.context.scene
    scene.camera.select_set(True)
    bpy.context.view_layer.objects.active = scene.camera

def empty_mesh(bar):
    bar.data.clear_geometry()

def not_a_number(bar):
    bar.data.vertices[7].co.x = math.nan

def no_volume(bar):
    for vertex in bar.data.vertices:
        vertex.co = (0.0, 0.0, vertex.co.z)

def scaled_to_nothing(bar):
    bar.scale = (0.0, 0.0, 0.0)

def no_camera(bar):
    bpy.data.objects.remove(bpy.context.scene.camera)

def outside_the_view(bar):
    bar.location.x = 100.0

def behind_the_camera(bar):
    bar.location.y = -40.0

def kept_rig_without_weights(bar):
    scenes.add_armature(bar, weights=False)
    return {"rig": "KEEP"}

def kept_bones_without_length(bar):
    armature = scenes.add_armature(bar, weights=True)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    bone = armature.data.edit_bones.new("stub")
    bone.head, bone.tail = (0.0, 0.0, 2.0), (0.0, 0.0, 2.5)
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.pose.bones["stub"].scale = (0.0, 0.0, 0.0)  # Blender itself deletes bones that are modelled without length
    bpy.context.view_layer.objects.active = bar
    return {"rig": "KEEP"}

def no_rig_to_keep(bar):
    return {"rig": "KEEP"}

def linked_object(bar):
    library = folder / "library.blend"
    other = bar.copy()
    other.name, other.data = "Guest", bar.data.copy()
    bpy.data.libraries.write(str(library), {other})
    bpy.data.objects.remove(other)
    with bpy.data.libraries.load(str(library), link=True) as (source, target):
        target.objects = ["Guest"]
    guest = target.objects[0]
    bpy.context.scene.collection.objects.link(guest)
    bar.select_set(False)
    guest.select_set(True)
    bpy.context.view_layer.objects.active = guest

def missing_video(bar):
    return {"video": str(folder / "nowhere.mp4")}

def no_video(bar):
    return {"video": ""}

def empty_video(bar):
    (folder / "empty.mp4").touch()
    return {"video": str(folder / "empty.mp4")}

def end_before_start(bar):
    return {"frame_start": 10, "frame_end": 5}

def unwritable_folder(bar):
    (folder / "a file").touch()
    return {"job_folder": str(folder / "a file" / "job")}

def full_disk(bar):
    import errno
    job = part("core.job")
    def write_arrays(path, arrays):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    job.write_arrays = write_arrays

case = arguments[2]
bar = scenes.make_bar_scene(48)
asked = {"video": video, "job_folder": str(folder / "job"), **(globals()[case](bar) or {})}
before = scenes.fingerprint()
outcome, error = pretend.press(**asked)
kept = session.last_error()
tell(outcome=outcome, error=error, changes=scenes.changes(before, scenes.fingerprint()), exit_code=kept.exit_code, kept=str(kept))
"""

BAD_SCENES = {
    "no_object": (2, "Nothing is selected. Select the mesh that shall move, or the armature of a rigged character."),
    "not_a_mesh": (2, "'Camera' is of type camera, which has no mesh to animate. Select the mesh"),
    "empty_mesh": (2, "'Bar' has no faces. Choose a mesh with a surface."),
    "not_a_number": (2, "'Bar' has 1 vertices whose position is not a number. Delete or repair them, in Edit Mode."),
    "no_volume": (2, "'Bar' has no size: its faces have no area."),
    "scaled_to_nothing": (2, "'Bar' has no size: its faces have no area. Check the object's scale, or choose another mesh."),
    "no_camera": (2, "The scene has no camera. Add one that sees the subject, or set Camera to Frame the Subject."),
    "outside_the_view": (2, "'Bar' is outside the camera's picture. Move the camera so that it sees the subject"),
    "behind_the_camera": (2, "'Bar' is behind the camera. Move the camera so that it sees the subject"),
    "kept_rig_without_weights": (2, "The armature 'Skeleton' moves no vertex of 'Bar'. Give the mesh weights, or set Rig to Automatic."),
    "kept_bones_without_length": (2, "The armature 'Skeleton' has 1 bones without length: stub. Make them longer in Edit Mode"),
    "no_rig_to_keep": (2, "'Bar' has no armature to keep. Set Rig to Automatic, or select a rigged character."),
    "linked_object": (2, "'Guest' is linked from another file and cannot be changed here. Make it local first"),
    "missing_video": (2, "nowhere.mp4 does not exist. Choose the file again."),
    "no_video": (2, "No driving video is chosen. Choose one that shows the subject move, or write a prompt"),
    "empty_video": (2, "empty.mp4 is empty. Choose another file."),
    "end_before_start": (2, "The frame range ends at 5, which is not after its start at 10."),
    "unwritable_folder": (1, "cannot be written (Not a directory). Check its permissions, or choose another job folder."),
    "full_disk": (1, "cannot be written (No space left on device). Free some space, or choose another job folder."),
}


@pytest.mark.parametrize("case", BAD_SCENES)
def test_a_bad_scene_is_told_and_left_alone(blender, tmp_path, case):
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"no engine gets to see this")
    ran = blender(SCENES, tmp_path, video, case)
    exit_code, sentence = BAD_SCENES[case]
    assert ran["outcome"] == "ERROR"
    assert sentence in ran["error"]
    assert (ran["kept"], ran["exit_code"]) == (ran["error"], exit_code)
    assert ran["changes"] == []


VIDEOS = """
import pretend, scenes
session = part("animamimic_addon.session")
clips, folder = Path(arguments[0]), Path(arguments[1])
scenes.make_bar_scene()
before = scenes.fingerprint()
told = {}
for name in arguments[2:]:
    outcome, error = pretend.press(video=str(clips / f"{name}.mp4"), job_folder=str(folder / name))
    kept = session.last_error()
    told[name] = {"outcome": outcome, "error": error, "changes": scenes.changes(before, scenes.fingerprint()),
                  "exit_code": None if kept is None else kept.exit_code}
tell(**told)
"""

BAD_VIDEOS = {
    "one-frame": ("The video one-frame.mp4 is 1 frame long.", "Animation needs at least two frames: choose a longer video."),
    "truncated": ("truncated.mp4 cannot be read as a video", "Choose a video (mp4, mov, webm, gif) or the first image of a sequence."),
    "text": ("text.mp4", "Choose a video (mp4, mov, webm, gif) or the first image of a sequence."),
    "one-colour": ("The video one-colour.mp4 is wholly one colour: no subject stands out.",),
    "elsewhere": ("The video's first frame does not show the subject as it stands: the outlines agree by 0 %", "50 % as large"),
}
"""elsewhere.mp4 shows the bar half as large, 2 m to the right of where it stands."""


@pytest.mark.parametrize("name", BAD_VIDEOS)
def test_a_bad_video_is_told_by_the_engine_and_the_scene_left_alone(blender, tmp_path, clips, name):
    ran = blender(VIDEOS, clips, tmp_path, name)[name]
    assert ran["outcome"] == "ERROR"
    for words in BAD_VIDEOS[name]:
        assert words in ran["error"]
    assert (ran["exit_code"], ran["changes"]) == (2, [])


@pytest.mark.skipif(os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="the superuser may write everywhere")
def test_a_read_only_job_folder_is_told(blender, tmp_path):
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"no engine gets to see this")
    (tmp_path / "job").mkdir(mode=0o555)
    ran = blender(SCENES, tmp_path, video, "missing_video")
    assert "Permission denied" in ran["error"]


def mounted(folder):
    """Whether a disk of 64 kB could be mounted there; only the superuser may, and not in every container."""
    return subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="mounts a small disk")
def test_a_disk_that_is_really_full_is_told(blender, tmp_path):
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"0" * 10_000)
    disk = tmp_path / "job"
    disk.mkdir()
    if not mounted(disk):
        pytest.skip("no disk can be mounted here")
    try:
        (disk / "ballast").write_bytes(b"0" * 61_440)
        ran = blender(SCENES.replace("case = arguments[2]", "scenes_only = lambda bar: None\ncase = 'scenes_only'"), tmp_path, video, "")
    finally:
        subprocess.run(["umount", disk], check=True)
    assert f"The disk that holds {disk} is full." in ran["error"] or "No space left on device" in ran["error"]
    assert ran["changes"] == []
