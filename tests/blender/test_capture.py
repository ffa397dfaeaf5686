"""Capture: what the job folder holds is what the scene shows."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="the bpy module is not installed")
sys.path.append(str(Path(__file__).resolve().parent))

import rigs  # noqa: E402
import scenes  # noqa: E402
from animamimic.animamimic_addon.camera import frame_subject, view_of  # noqa: E402
from animamimic.animamimic_addon.capture import capture, read_captured  # noqa: E402
from animamimic.animamimic_addon.subject import subject_of, with_kept_rig  # noqa: E402
from animamimic.core import job  # noqa: E402
from animamimic.core.errors import EngineError, InputError  # noqa: E402
from animamimic.core.settings import from_flat  # noqa: E402

pytestmark = pytest.mark.blender


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = 64
    scene.frame_start, scene.frame_end = 1, 20
    return scene


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"not read by the capture")
    return path


@pytest.fixture
def captured(tmp_path, video):
    """Capture the current selection; returns what is in the folder: the request, and what Blender remembers."""

    def run(**settings):
        subject = subject_of(bpy.context.view_layer.objects.active, bpy.context.selected_objects)
        capture(bpy.context, subject, from_flat({"video": str(video), **settings}), tmp_path / "job")
        return job.read_request(tmp_path / "job"), read_captured(tmp_path / "job")

    return run


def uv_of(view, points):
    """Pixel positions [N, 2], row 0 on top."""
    clip = np.c_[points, np.ones(len(points))] @ view.world_to_clip.T
    ndc = clip[:, :2] / clip[:, 3:]
    return np.c_[(ndc[:, 0] + 1) / 2 * view.width, (1 - ndc[:, 1]) / 2 * view.height]


@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
@pytest.mark.parametrize("size", [(640, 360, 1.0, 1.0), (200, 500, 2.0, 1.0), (300, 300, 1.0, 1.5)])
def test_the_view_agrees_with_blenders_own_projection(scene, fit, kind, size):
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    scene.render.resolution_x, scene.render.resolution_y, scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = size
    scene.render.resolution_percentage = 50
    camera = rigs.add_camera(type=kind, sensor_fit=fit, shift_x=0.1, shift_y=-0.2, lens=35.0, sensor_width=30.0, sensor_height=20.0, ortho_scale=5.0)
    camera.rotation_euler, camera.scale = (1.3, 0.2, 0.4), (2.0, 2.0, 2.0)
    bpy.context.view_layer.update()
    view = view_of(scene, camera, bpy.context.evaluated_depsgraph_get())
    points = np.random.default_rng(1).uniform(-1.5, 1.5, (20, 3))
    expected = np.array([world_to_camera_view(scene, camera, Vector(point))[:2] for point in points])
    assert (view.width, view.height) == (size[0] // 2, size[1] // 2)
    found = uv_of(view, points)
    np.testing.assert_allclose(found[:, 0] / view.width, expected[:, 0], atol=2e-5)
    np.testing.assert_allclose(1 - found[:, 1] / view.height, expected[:, 1], atol=2e-5)


@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
def test_the_render_shows_the_subject_where_the_view_says(scene, captured, tmp_path, kind):
    scene.render.resolution_x, scene.render.resolution_y = 160, 96
    rigs.add_camera(type=kind, shift_x=0.08, ortho_scale=7.0)
    rigs.add_bar(at=(0.5, 0.3, 0.2))
    request, _ = captured()
    image = bpy.data.images.load(str(tmp_path / "job" / "view.png"))
    assert tuple(image.size) == (160, 96)
    alpha = np.array(image.pixels[:]).reshape(96, 160, 4)[::-1, :, 3]
    corners = uv_of(request.view, request.mesh.vertices)
    columns, rows = np.flatnonzero(alpha.max(0) > 0.5), np.flatnonzero(alpha.max(1) > 0.5)
    np.testing.assert_allclose([columns[0], columns[-1] + 1], [corners[:, 0].min(), corners[:, 0].max()], atol=1.0)
    np.testing.assert_allclose([rows[0], rows[-1] + 1], [corners[:, 1].min(), corners[:, 1].max()], atol=1.0)


def test_the_render_shows_nothing_but_the_subject(scene, captured, tmp_path):
    rigs.add_camera()
    bpy.ops.mesh.primitive_plane_add(size=50)
    rigs.add_bar()
    captured()
    image = bpy.data.images.load(str(tmp_path / "job" / "view.png"))
    alpha = np.array(image.pixels[:]).reshape(64, 64, 4)[..., 3]
    assert alpha[0].max() == 0.0 and 0.02 < (alpha > 0.5).mean() < 0.2


def test_a_new_camera_holds_the_subject_with_room(scene):
    points = np.random.default_rng(0).normal(size=(50, 3)) * [5.0, 1.0, 2.0] + [100.0, 0.0, 7.0]
    scene.render.resolution_x, scene.render.resolution_y = 300, 150
    camera = frame_subject(scene, points)
    bpy.context.view_layer.update()
    view = view_of(scene, camera, bpy.context.evaluated_depsgraph_get())
    uv = uv_of(view, points) / [300, 150] * 2 - 1
    np.testing.assert_allclose(np.abs(uv).max(), 0.6, atol=5e-3)
    np.testing.assert_allclose(uv.max(0) + uv.min(0), 0.0, atol=0.02)


def test_capture_writes_world_space_at_the_start_frame(scene, captured):
    rigs.add_camera()
    bar = rigs.add_bar()
    bar.scale, bar.rotation_euler = (1.0, 1.0, -1.0), (0.0, 0.0, 0.5)
    bar.keyframe_insert("location", frame=1)
    bar.location.x = 1.0
    bar.keyframe_insert("location", frame=11)
    scene.frame_set(5)
    request, remembered = captured(frame_start=11, frame_end=15)
    assert scene.frame_current == 5
    assert (remembered.start_frame, request.frame_count) == (11, 5)
    assert request.mesh.vertices[:, 0].mean() == pytest.approx(1.0, abs=1e-6)
    assert request.mesh.vertices[:, 2].min() == pytest.approx(-2.0)
    corners = request.mesh.vertices[request.mesh.triangles].astype(float)
    volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert volume == pytest.approx(0.4 * 0.4 * 2.0, rel=1e-5)  # positive: counter-clockwise from outside, though mirrored


def test_a_mesh_in_edit_mode_is_captured_as_edited_and_stays_in_it(scene, captured):
    rigs.add_camera()
    rigs.add_bar()
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.transform.translate(value=(0.25, 0.0, 0.0))
    request, _ = captured()
    assert bpy.context.mode == "EDIT_MESH"
    assert request.mesh.vertices[:, 0].mean() == pytest.approx(0.25, abs=1e-6)


def test_the_rest_of_a_posed_rig_is_the_unposed_mesh(scene, captured):
    rigs.add_camera()
    bar = rigs.add_bar()
    arm = rigs.add_arm(bar)
    plain = rigs.world_vertices([bar])
    rigs.pose(arm.pose.bones["lower"], 0.3)
    rigs.pose(arm.pose.bones["upper"], 1.0)
    posed = rigs.world_vertices([bar])
    request, remembered = captured(rig="KEEP")
    np.testing.assert_allclose(request.rig.rest, plain, atol=1e-6)
    np.testing.assert_allclose(request.mesh.vertices, posed, atol=1e-6)
    np.testing.assert_allclose(rigs.skinned(request.rig, rigs.swing(request.rig))[0], posed, atol=1e-6)
    assert request.rig.names == ("lower", "upper") == remembered.bones
    assert request.rig.parents.tolist() == [-1, 0]
    np.testing.assert_allclose(request.rig.heads[1], [0.0, -math.sin(0.3), math.cos(0.3)], atol=1e-6)
    np.testing.assert_allclose(request.rig.tails[1] - request.rig.heads[1], [0.0, -math.sin(1.3), math.cos(1.3)], atol=1e-6)
    np.testing.assert_allclose(request.rig.weights.sum(1), 1.0, atol=1e-6)
    assert arm.data.pose_position == "POSE"


def test_what_weights_do_not_explain_still_starts_exactly(scene, captured):
    """Preserve Volume bends otherwise than linear skinning: the rest vertices make up for it."""
    rigs.add_camera()
    bar = rigs.add_bar()
    arm = rigs.add_arm(bar)
    bar.modifiers["Armature"].use_deform_preserve_volume = True
    rigs.pose(arm.pose.bones["upper"], 1.2)
    request, _ = captured(rig="KEEP")
    np.testing.assert_allclose(rigs.skinned(request.rig, rigs.swing(request.rig))[0], request.mesh.vertices, atol=2e-6)


def test_bone_parented_objects_and_loose_vertices(scene, captured):
    rigs.add_camera()
    bar = rigs.add_bar()
    arm = rigs.add_arm(bar)
    bar.vertex_groups["lower"].remove([0])
    bar.vertex_groups["upper"].remove([0])
    hat = rigs.add_bar("Hat", rings=2, length=0.3)
    hat.parent, hat.parent_type, hat.parent_bone = arm, "BONE", "upper"
    rigs.select(hat)
    request, remembered = captured(rig="KEEP")
    assert [one.name for one in remembered.meshes] == ["Bar", "Hat"]
    first = remembered.meshes[1].first
    assert set(request.rig.influences[first:][request.rig.weights[first:] > 0]) == {1}
    assert request.rig.influences[0, 0] == 0 and request.rig.weights[0, 0] == 1.0
    assert any("1 of 44 vertices have no weight" in note for note in remembered.notes)


@pytest.mark.parametrize("kind", ["SUBSURF", "MIRROR", "DECIMATE"])
def test_modifiers_keep_the_map_of_modelled_vertices(scene, captured, kind):
    rigs.add_camera()
    bar = rigs.add_bar()
    rigs.add_arm(bar)
    modifier = bar.modifiers.new("Made", kind)
    if kind == "DECIMATE":
        modifier.decimate_type, modifier.angle_limit = "DISSOLVE", 0.1
    else:
        bar.modifiers.move(1, 0)
    request, remembered = captured(rig="KEEP")
    (part,) = remembered.meshes
    assert len(part.modelled) == 36 and part.count != 36
    if kind == "MIRROR":
        np.testing.assert_allclose(request.mesh.vertices[part.modelled], [vertex.co[:] for vertex in bar.data.vertices], atol=1e-6)
    if kind == "DECIMATE":  # what it dissolved has the nearest corner that is left
        assert set(part.modelled[:4]) == set(np.flatnonzero(request.mesh.vertices[:, 2] < 0.1))
    if kind == "SUBSURF":  # Catmull-Clark pulls a corner of the square inwards, but keeps it nearest to where it was
        heights = request.mesh.vertices[part.modelled][:, 2]
        np.testing.assert_allclose(heights[4:-4], [vertex.co.z for vertex in bar.data.vertices][4:-4], atol=0.03)
    assert not bar.data.attributes.get("animamimic_marker")
    np.testing.assert_allclose(rigs.skinned(request.rig, rigs.swing(request.rig))[0], request.mesh.vertices, atol=2e-6)


def test_capture_leaves_the_scene_as_it_was(scene, captured):
    rigs.add_camera()
    bar = rigs.add_bar()
    rigs.add_arm(bar)
    bar.modifiers.new("Fine", "SUBSURF")
    scene.frame_set(4)
    before = scenes.fingerprint()
    captured(rig="KEEP", camera="FRAME")
    assert scenes.changes(before, scenes.fingerprint()) == []


def test_an_error_in_the_middle_leaves_the_scene_as_it_was(scene, captured, monkeypatch):
    from animamimic.animamimic_addon import capture as module

    rigs.add_camera()
    bar = rigs.add_bar()
    rigs.add_arm(bar)
    scene.frame_set(4)
    before = scenes.fingerprint()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.job, "write_request", full)
    with pytest.raises(EngineError, match=r"cannot be written .*Free some space"):
        captured(rig="KEEP", camera="FRAME")
    assert scenes.changes(before, scenes.fingerprint()) == []


def test_an_image_sequence_is_counted_from_the_chosen_image(scene, captured, tmp_path, video):
    rigs.add_camera()
    rigs.add_bar()
    for number in (8, 9, 10, 11):
        (tmp_path / f"shot_{number}.png").write_bytes(b"%d" % number)
    (tmp_path / "other_1.png").write_bytes(b"x")
    request, _ = captured(video=str(tmp_path / "shot_9.png"), mask_video=str(video))
    assert (request.video, request.mask) == ("driving", "mask.mp4")
    files = sorted((tmp_path / "job" / "driving").iterdir())
    assert [one.name for one in files] == ["shot_10.png", "shot_11.png", "shot_9.png"]
    assert [one.read_bytes() for one in files] == [b"10", b"11", b"9"]
    assert (request.video_name, request.mask_name) == ("shot_9.png", video.name)


def test_a_sequence_with_a_hole_is_refused(scene, captured, tmp_path):
    rigs.add_camera()
    rigs.add_bar()
    for number in (8, 9, 11):
        (tmp_path / f"shot_{number}.png").write_bytes(b"image")
    with pytest.raises(InputError, match=r"Image 10 of the sequence .*shot_8\.png is missing"):
        captured(video=str(tmp_path / "shot_8.png"))


def test_linear_images_are_refused(scene, captured, tmp_path):
    rigs.add_camera()
    rigs.add_bar()
    (tmp_path / "shot_8.exr").write_bytes(b"image")
    with pytest.raises(InputError, match=r"shot_8\.exr is an image with linear colours\. Save the sequence as PNG"):
        captured(video=str(tmp_path / "shot_8.exr"))


def test_a_job_can_be_captured_again_from_its_own_video(scene, captured, tmp_path):
    rigs.add_camera()
    rigs.add_bar()
    for number in (1, 2):
        (tmp_path / f"{number}.png").write_bytes(b"image")
    captured(video=str(tmp_path / "1.png"), mask_video=str(tmp_path / "clip.mp4"))
    own = tmp_path / "job"
    request, _ = captured(video=str(own / "driving" / "1.png"), mask_video=str(own / "mask.mp4"))
    assert (request.video, request.mask) == ("driving", "mask.mp4")
    assert len(list((own / "driving").iterdir())) == 2 and (own / "mask.mp4").stat().st_size > 0


def test_oddities_of_a_kept_rig_are_told(scene, captured):
    rigs.add_camera()
    bar = rigs.add_bar()
    arm = rigs.add_arm(bar)
    arm.scale = (1.0, 1.0, 1.5)
    arm.data.bones["upper"].bbone_segments = 4
    _, remembered = captured(rig="KEEP")
    assert "'Arm' is scaled unevenly" in remembered.notes[0] and "1 bones of 'Arm' are flexible" in remembered.notes[1]


def test_the_capture_is_readable_json(scene, captured, tmp_path):
    rigs.add_camera()
    rigs.add_bar()
    captured()
    assert json.loads((tmp_path / "job" / "scene.json").read_text())["subject"] == "Bar"
    with pytest.raises(InputError, match="no captured scene"):
        read_captured(tmp_path)


# Bad input: each names what is wrong, and leaves the scene alone.


def no_camera():
    rigs.add_bar()


def panorama():
    rigs.add_camera(type="PANO")
    rigs.add_bar()


def behind_camera():
    rigs.add_camera()
    rigs.add_bar(at=(0.0, -20.0, 0.0))


def beside_camera():
    rigs.add_camera()
    rigs.add_bar(at=(50.0, 0.0, 0.0))


def no_faces():
    rigs.add_camera()
    mesh = bpy.data.meshes.new("Points")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 0, 1)], [], [])
    points = bpy.data.objects.new("Points", mesh)
    bpy.context.scene.collection.objects.link(points)
    rigs.select(points)


def not_a_number():
    rigs.add_camera()
    rigs.add_bar().data.vertices[3].co.x = float("nan")


def one_point():
    rigs.add_camera()
    rigs.add_bar().scale = (0.0, 0.0, 0.0)


def flat_to_a_line():
    rigs.add_camera()
    rigs.add_bar().scale = (0.0, 0.0, 1.0)


def shared_mesh():
    rigs.add_camera()
    bar = rigs.add_bar()
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("Twin", bar.data))


def absolute_keys():
    rigs.add_camera()
    bar = rigs.add_bar()
    bar.shape_key_add(name="Basis")
    bar.data.shape_keys.use_relative = False


def hidden():
    rigs.add_camera()
    rigs.add_bar().hide_viewport = True


def far_mirror():
    rigs.add_camera()
    rigs.add_bar(at=(2.0, 0.0, 0.0)).modifiers.new("Mirror", "MIRROR")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (no_camera, "The scene has no camera"),
        (panorama, "'Camera' is panoramic"),
        (behind_camera, "'Bar' is behind the camera"),
        (beside_camera, "'Bar' is outside the camera's picture"),
        (no_faces, "'Points' has no faces"),
        (not_a_number, "'Bar' has 1 vertices whose position is not a number"),
        (one_point, "'Bar' has no size"),
        (flat_to_a_line, "'Bar' has no size"),
        (shared_mesh, "The mesh of 'Bar' is shared by 2 objects"),
        (absolute_keys, "The shape keys of 'Bar' are absolute"),
        (hidden, "'Bar' is hidden"),
        (far_mirror, "A modifier of 'Bar' makes distant copies"),
    ],
)
def test_bad_subjects_are_named(scene, captured, make, sentence):
    make()
    bpy.context.view_layer.update()
    before = scenes.fingerprint()
    with pytest.raises(InputError, match=sentence):
        captured(tissue="PHYSICS")
    assert scenes.changes(before, scenes.fingerprint()) == []


def without_weights(arm, bar):
    bar.vertex_groups.clear()
    bar.data.update()


def short_bone(arm, bar):
    rigs.select(arm)
    bpy.ops.object.mode_set(mode="EDIT")
    bone = arm.data.edit_bones.new("dot")
    bone.head, bone.tail = (0, 0, 0), (0, 0, 2e-6)
    bpy.ops.object.mode_set(mode="OBJECT")
    arm.scale = (0.01, 0.01, 0.01)
    bar.scale = (100.0, 100.0, 100.0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without_weights, "The armature 'Arm' moves no vertex of 'Arm'"),
        (short_bone, "1 bones without length: dot"),
    ],
)
def test_bad_rigs_are_named(scene, captured, change, sentence):
    rigs.add_camera()
    bar = rigs.add_bar()
    arm = rigs.add_arm(bar)
    change(arm, bar)
    rigs.select(arm)
    before = scenes.fingerprint()
    with pytest.raises(InputError, match=sentence):
        captured(rig="KEEP")
    assert scenes.changes(before, scenes.fingerprint()) == []


@pytest.mark.parametrize(
    ("settings", "error", "sentence"),
    [
        ({"video": ""}, InputError, "No driving video is chosen"),
        ({"video": "/nowhere/clip.mp4"}, InputError, "clip.mp4 does not exist"),
        ({"video": "EMPTY"}, InputError, "empty.mp4 is empty"),
        ({"video": "SINGLE"}, InputError, "still.png is a single image"),
        ({"mask_video": "/nowhere/mask.mp4"}, InputError, "mask.mp4 does not exist"),
        ({"frame_start": 9, "frame_end": 9}, InputError, "ends at 9, which is not after its start at 9"),
        ({"rig": "KEEP"}, InputError, "'Bar' has no armature to keep"),
    ],
)
def test_bad_settings_are_named(scene, captured, tmp_path, settings, error, sentence):
    rigs.add_camera()
    rigs.add_bar()
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "still.png").write_bytes(b"x")
    stand_ins = {"EMPTY": str(tmp_path / "empty.mp4"), "SINGLE": str(tmp_path / "still.png")}
    with pytest.raises(error, match=sentence):
        captured(**{name: stand_ins.get(value, value) for name, value in settings.items()})


def test_a_job_folder_that_cannot_be_made_is_named(scene, tmp_path, video):
    rigs.add_camera()
    bar = rigs.add_bar()
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match=r"job folder .* cannot be written"):
        capture(bpy.context, subject_of(bar, [bar]), from_flat({"video": str(video)}), tmp_path / "file" / "job")


# What a selection means.


def test_selections(scene):
    with pytest.raises(InputError, match="Nothing is selected"):
        subject_of(None, [])
    camera = rigs.add_camera()
    with pytest.raises(InputError, match="'Camera' is of type camera"):
        subject_of(camera, [camera])
    one, two = rigs.add_bar("One"), rigs.add_bar("Two")
    assert subject_of(one, []).meshes == (one,)
    assert subject_of(two, [two, one, camera]).meshes == (one, two)
    assert subject_of(two, [two, one]).name == "Two"
    arm = rigs.add_arm(one)
    assert (subject_of(arm, [arm]).meshes, subject_of(arm, [arm]).armature, subject_of(arm, [arm]).name) == ((one,), arm, "Arm")
    three = rigs.add_bar("Three")
    three.parent, three.parent_type, three.parent_bone = arm, "BONE", "upper"
    bpy.context.view_layer.update()
    assert subject_of(three, [three]).meshes == (three,)
    assert with_kept_rig(subject_of(three, [three])).meshes == (one, three)
    one.hide_set(True)
    assert subject_of(arm, [arm]).meshes == (three,)


def test_linked_objects_are_refused(scene, tmp_path):
    rigs.add_bar("Prop")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.objects = ["Prop"]
    prop = bpy.data.objects["Prop"]
    bpy.context.scene.collection.objects.link(prop)
    with pytest.raises(InputError, match="'Prop' is linked from another file"):
        subject_of(prop, [prop])
