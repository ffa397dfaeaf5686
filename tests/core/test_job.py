"""The job folder and the settings: what is written is what is read."""

import dataclasses

import numpy as np
import pytest
from animamimic.core import job
from animamimic.core.errors import InputError
from animamimic.core.settings import FitSettings, Settings, declared, from_flat, to_flat
from animamimic.core.types import Keys, Mesh, Motion, Rig, Tissue, View


def bar_rig(vertices):
    """Two bones end to end, every vertex on the second."""
    count = len(vertices)
    return Rig(
        names=("root", "tip"),
        parents=np.array([-1, 0], np.int32),
        heads=np.array([[0.0, 0, 0], [0, 0, 1]]),
        tails=np.array([[0.0, 0, 1], [0, 0, 2]]),
        z_axes=np.array([[1.0, 0, 0], [1, 0, 0]]),
        influences=np.ones((count, 1), np.int32),
        weights=np.ones((count, 1), np.float32),
        rest=vertices,
        bind=np.tile(np.eye(3, 4), (2, 1, 1)),
    )


@pytest.fixture
def mesh():
    return Mesh(np.array([[0, 0, 0], [3, 0, 0], [0, 4, 0]], np.float32), np.array([[0, 1, 2]], np.int32))


def assert_same(left, right):
    for one in dataclasses.fields(left):
        np.testing.assert_array_equal(getattr(left, one.name), getattr(right, one.name))


def test_diagonal_of_a_3_4_triangle_is_5(mesh):
    assert mesh.diagonal == pytest.approx(5.0)


def test_request_survives_the_folder(tmp_path, mesh):
    view = View(640, 480, np.eye(4), np.diag([1.0, 2, 3, 4]))
    settings = Settings(fit=FitSettings(fit_resolution=128))
    job.write_request(tmp_path, job.Request(settings, mesh, bar_rig(mesh.vertices), view, 24.0, "driving.mp4", "", 7, video_name="My clip.mov"))
    back = job.read_request(tmp_path)
    assert back.settings == settings
    assert (back.fps, back.video, back.frame_count, back.video_name) == (24.0, "driving.mp4", 7, "My clip.mov")
    assert_same(back.mesh, mesh)
    assert_same(back.rig, bar_rig(mesh.vertices))
    assert_same(back.view, view)


def test_result_survives_the_folder(tmp_path, mesh):
    motion = Motion(np.tile([1.0, 0, 0, 0], (3, 2, 1)), np.zeros((3, 2, 3)), np.array([1, 0.5], np.float32))
    keys = Keys((np.array([0], np.int32), np.array([0, 1, 2], np.int32)), np.array([0, 2], np.int32), 0.001)
    tissue = Tissue(("soft.001",), np.ones((1, 3, 3), np.float32), np.zeros((3, 1), np.float32))
    job.write_result(tmp_path, job.Result(bar_rig(mesh.vertices), motion, keys, tissue, {"seconds": 1.5}))
    back = job.read_result(tmp_path)
    assert back.report == {"seconds": 1.5}
    assert_same(back.motion, motion)
    assert [frames.tolist() for frames in back.keys.frames] == [[0], [0, 1, 2]]
    assert back.keys.surface_error == 0.001
    assert_same(back.tissue, tissue)


def test_a_folder_without_a_result_says_so(tmp_path):
    with pytest.raises(InputError, match="no finished result"):
        job.read_result(tmp_path)


def test_reader_waits_for_the_end_of_a_line(tmp_path):
    reader = job.MessageReader(tmp_path)
    job.append_message(tmp_path, job.Message("STAGE", "rig"))
    with (tmp_path / job.PROGRESS_FILE).open("a") as file:
        file.write('{"kind": "PRO')
    assert [message.text for message in reader.new_messages()] == ["rig"]
    with (tmp_path / job.PROGRESS_FILE).open("a") as file:
        file.write('GRESS", "fraction": 0.5}\n')
    assert [message.fraction for message in reader.new_messages()] == [0.5]


def test_flat_settings_come_back():
    assert from_flat(to_flat(Settings())) == Settings()
    assert len({one.name for one in declared()}) == len(declared())


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"colour": 1}, "no setting called 'colour'"),
        ({"fit_resolution": 10_000}, "fit_resolution is 10000"),
        ({"rig": "MAYBE"}, "must be one of AUTO, KEEP"),
        ({"seed": "one"}, "must be of type int"),
        ({"damping": float("nan")}, "damping is nan"),
    ],
)
def test_wrong_settings_are_named(values, sentence):
    with pytest.raises(InputError, match=sentence):
        from_flat(values)
