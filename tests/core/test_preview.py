"""The picture of the fit at work: what it shows, how often, and how it passes to who waits."""

from types import SimpleNamespace

import numpy as np
from animamimic.core import job
from animamimic.core.fit import preview
from animamimic.core.fit.preview import COLOUR, SIZE, TINT, over_frame


def test_the_silhouette_is_tinted_and_outlined_and_the_rest_is_the_video():
    frame = np.full((60, 80, 3), 100, np.uint8)
    covered = np.zeros((60, 80), bool)
    covered[20:40, 30:50] = True
    picture = over_frame(frame, covered)
    np.testing.assert_array_equal(picture[30, 40], np.round(100 * (1 - TINT) + COLOUR * TINT))
    np.testing.assert_array_equal(picture[30, 50], COLOUR)  # the first pixel outside
    np.testing.assert_array_equal(picture[30, 52], [100, 100, 100])


def test_a_large_frame_becomes_a_small_picture_of_its_shape():
    assert over_frame(np.zeros((300, 600, 3), np.uint8), np.zeros((300, 600), bool)).shape == (SIZE // 2, SIZE, 3)


def test_pictures_are_drawn_now_and_then_only(monkeypatch):
    now, taken = [100.0], []
    monkeypatch.setattr(preview.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(preview, "over_frame", lambda frame, covered: frame)
    drawing = SimpleNamespace(covered=None)
    look = SimpleNamespace(draw=lambda *_: [drawing])
    problem = SimpleNamespace(transforms=lambda *_: (None, None))
    observer = SimpleNamespace(look=look, problem=problem, evidence=SimpleNamespace(images=["first", "second", "third"]))
    pose = SimpleNamespace(rotations=None, translations=None)
    shown = preview.Preview(taken.append)
    for frame, later in enumerate((0.0, 0.5 * preview.INTERVAL, 1.1 * preview.INTERVAL)):
        now[0] = 100.0 + later
        shown.show(observer, frame, pose)
    assert taken == ["first", "third"]


def test_a_picture_passes_through_the_job_folder(tmp_path):
    assert job.read_preview(tmp_path) is None
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    job.write_preview(tmp_path, picture)
    np.testing.assert_array_equal(job.read_preview(tmp_path), picture)
    (tmp_path / job.PREVIEW_FILE).write_bytes((tmp_path / job.PREVIEW_FILE).read_bytes()[:20])
    assert job.read_preview(tmp_path) is None
    assert [one.name for one in tmp_path.iterdir()] == [job.PREVIEW_FILE]
