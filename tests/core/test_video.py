"""Driving videos of every kind come in whole, in time and in place; what cannot be used says so."""

import shutil

import av
import cv2
import numpy as np
import pytest
from animamimic.core.errors import InputError
from animamimic.core.types import View
from animamimic.core.video import load_clip, side_by_side, write_film
from animamimic.core.video.decode import images_of, open_film, pictures
from animamimic.core.video.letterbox import onto_canvas, place
from animamimic.core.video.timing import frame_choice

RADIUS = 20


def disc(frame, width=128, height=96, colour=(40, 60, 160), background=255, step=4):
    """A disc of radius 20 that moves `step` pixels a frame from (30, 40), with a soft edge; uint8[H, W, 3]."""
    y, x = np.mgrid[:height, :width] + 0.5
    covered = np.clip(RADIUS + 0.5 - np.hypot(x - 30 - step * frame, y - 40), 0, 1)[..., None]
    return np.round(np.array(colour) * covered + np.array(background) * (1 - covered)).astype(np.uint8)


def discs(count, **options):
    return [disc(frame, **options) for frame in range(count)]


def view(width=128, height=96):
    return View(width, height, np.eye(4), np.diag([1.0, width / height, -1, 1]))


def load(path, seen=None, **options):
    given = {"fps": 24.0, "timing": "EVERY_FRAME", "frame_count": 0, "mask_path": None, "still": None} | options
    return load_clip(path, seen or view(), **given)


def centres(masks):
    """x of the centroid of each mask, pixels from the left edge."""
    weight = masks.astype(float).sum(1)
    return (weight @ (np.arange(masks.shape[2]) + 0.5)) / weight.sum(1)


def encode(path, frames, codec, pix_fmt, source="rgb24", fps=24, options=None):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=source)))
        container.mux(stream.encode())


@pytest.fixture
def clip_path(tmp_path):
    path = tmp_path / "driving.mp4"
    write_film(path, discs(9), 24)
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("a.mp4", "libx264", "yuv420p"), ("a.mov", "mpeg4", "yuv420p"), ("a.webm", "libvpx-vp9", "yuv420p"), ("a.gif", "gif", "rgb8")],
)
def test_every_format_gives_every_frame_in_its_place(tmp_path, name, codec, pix_fmt):
    encode(tmp_path / name, discs(9, background=255, colour=(0, 0, 170)), codec, pix_fmt)
    clip = load(tmp_path / name)
    assert clip.frames.shape == (9, 96, 128, 3)
    assert clip.masks.shape == (9, 96, 128)
    np.testing.assert_allclose(centres(clip.masks), 30 + 4 * np.arange(9), atol=0.4)
    np.testing.assert_allclose(clip.masks.sum((1, 2)) / 255, np.pi * RADIUS**2, rtol=0.04)  # gif has 256 colours


def test_a_sequence_starts_at_the_given_image_or_is_a_whole_folder(tmp_path):
    for frame in range(12):
        cv2.imwrite(str(tmp_path / f"walk_{frame}.png"), disc(frame)[..., ::-1])
    np.testing.assert_allclose(centres(load(tmp_path / "walk_3.png").masks), 30 + 4 * np.arange(3, 12), atol=0.1)
    assert [path.name for path in images_of(tmp_path)] == [f"walk_{frame}.png" for frame in range(12)]
    assert len(load(tmp_path, timing="MATCH_FPS").frames) == 12  # images have no speed of their own


def test_colours_come_through(tmp_path):
    for frame in range(2):
        cv2.imwrite(str(tmp_path / f"{frame}.png"), disc(frame, colour=(40, 60, 160))[..., ::-1])
    assert load(tmp_path).frames[0, 40, 30].tolist() == [40, 60, 160]


@pytest.mark.parametrize(("name", "codec", "pix_fmt"), [("a.mov", "qtrle", "argb"), ("a.webm", "libvpx-vp9", "yuva420p")])
def test_alpha_is_the_mask_where_the_file_has_it(tmp_path, name, codec, pix_fmt):
    frames = []
    for picture in discs(4, colour=(255, 255, 255), background=0):
        colours = np.full_like(picture, 128)  # Grey everywhere: the picture alone shows nothing.
        frames.append(np.dstack([colours, picture[..., 0]]))
    encode(tmp_path / name, frames, codec, pix_fmt, source="rgba")
    clip = load(tmp_path / name)
    np.testing.assert_allclose(clip.masks.sum((1, 2)) / 255, np.pi * RADIUS**2, rtol=0.03)
    assert clip.frames[0, 90, 120].tolist() == [255, 255, 255]
    np.testing.assert_allclose(clip.frames[0, 40, 30].astype(int), 128, atol=3)


def test_an_opaque_alpha_says_nothing(tmp_path):
    encode(tmp_path / "a.mov", [np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]) for picture in discs(3)], "qtrle", "argb", source="rgba")
    np.testing.assert_allclose(load(tmp_path / "a.mov").masks.sum((1, 2)) / 255, np.pi * RADIUS**2, rtol=0.02)


def test_a_mask_video_takes_the_place_of_the_background(tmp_path):
    random = np.random.default_rng(0)
    clutter = random.integers(0, 255, (96, 128, 3), np.uint8)
    write_film(tmp_path / "driving.mp4", [np.where(disc(frame) < 250, disc(frame), clutter) for frame in range(5)], 24)
    write_film(tmp_path / "mask.mp4", discs(5, colour=(255, 255, 255), background=0), 24)
    clip = load(tmp_path / "driving.mp4", mask_path=tmp_path / "mask.mp4")
    np.testing.assert_allclose(clip.masks.sum((1, 2)) / 255, np.pi * RADIUS**2, rtol=0.02)
    np.testing.assert_allclose(centres(clip.masks), 30 + 4 * np.arange(5), atol=0.1)


def test_every_frame_takes_them_one_by_one():
    assert frame_choice(np.arange(5) / 12, fps=24, timing="EVERY_FRAME", frame_count=0).tolist() == [0, 1, 2, 3, 4]
    assert frame_choice(np.arange(5) / 12, fps=24, timing="EVERY_FRAME", frame_count=3).tolist() == [0, 1, 2]


def test_match_fps_keeps_the_speed():
    assert frame_choice(np.arange(4) / 12, fps=24, timing="MATCH_FPS", frame_count=0).tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert frame_choice(5 + np.arange(9) / 48, fps=24, timing="MATCH_FPS", frame_count=0).tolist() == [0, 2, 4, 6, 8]
    uneven = np.array([0, 1, 2, 6, 7, 8]) / 24  # a frame that stays for four
    assert frame_choice(uneven, fps=24, timing="MATCH_FPS", frame_count=0).tolist() == [0, 1, 2, 2, 2, 3, 3, 4, 5]


def test_match_fps_on_a_film(tmp_path):
    write_film(tmp_path / "slow.mp4", discs(5), 12)
    clip = load(tmp_path / "slow.mp4", timing="MATCH_FPS")
    np.testing.assert_allclose(centres(clip.masks), 30 + 4 * np.arange(5), atol=0.3)  # each once, at its time
    np.testing.assert_allclose(clip.times, [0, 2, 4, 6, 8])
    assert clip.fps == 24


def test_placement_scales_pads_or_takes_pixel_aspect():
    assert vars(place(1280, 720, 1.0, 640, 360)) == vars(place(1284, 720, 1.0, 640, 360))  # within 1 %: scaled alone
    wide = place(200, 100, 1.0, 100, 100)
    assert (wide.left, wide.top, wide.width, wide.height) == (0, 25, 100, 50)
    tall = place(100, 200, 1.0, 100, 100)
    assert (tall.left, tall.top, tall.width, tall.height) == (25, 0, 50, 100)
    assert place(720, 576, 64 / 45, 1024, 576).width == 1024  # anamorphic


def test_padding_surrounds_the_whole_picture():
    canvas = onto_canvas(np.full((50, 100, 3), 10, np.uint8), place(100, 50, 1.0, 100, 100), np.array([200.0, 210, 220]))
    assert (canvas[25:75] == 10).all()
    assert (canvas[:25] == [200, 210, 220]).all()
    assert (canvas[75:] == [200, 210, 220]).all()


def test_a_film_of_another_aspect_is_padded_with_its_background(tmp_path):
    write_film(tmp_path / "a.mp4", discs(3, background=(230, 225, 220)), 24)
    clip = load(tmp_path / "a.mp4", view(96, 96))  # 128 x 96 becomes 96 x 72 in the middle
    np.testing.assert_allclose(clip.frames[0, 2].astype(int), np.tile([230, 225, 220], (96, 1)), atol=4)
    assert clip.masks[:, :12].max() == 0
    np.testing.assert_allclose(clip.masks.sum((1, 2)) / 255, np.pi * (RADIUS * 0.75) ** 2, rtol=0.03)


def test_a_large_film_comes_down_to_the_view(tmp_path):
    write_film(tmp_path / "large.mp4", [cv2.resize(picture, (1024, 768)) for picture in discs(2)], 24)
    clip = load(tmp_path / "large.mp4")
    assert clip.frames.shape == (2, 96, 128, 3)
    np.testing.assert_allclose(clip.masks.sum((1, 2)) / 255, np.pi * RADIUS**2, rtol=0.03)


def test_progress_goes_from_nothing_to_nearly_all(clip_path):
    told = []
    load(clip_path, progress=lambda fraction, text: told.append(fraction))
    assert told == sorted(told)
    assert told[0] == 0
    assert 0.8 < told[-1] <= 1


def bad(problem, path, **options):
    with pytest.raises(InputError, match=problem) as caught:
        load(path, **options)
    assert caught.value.remedy.endswith((".", ")"))


def test_a_missing_file(tmp_path):
    bad("does not exist", tmp_path / "none.mp4")


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.mp4").touch()
    bad("is empty", tmp_path / "empty.mp4")


@pytest.mark.parametrize("name", ["text.mp4", "text.txt", "text.png"])
def test_a_text_is_no_video(tmp_path, name):
    (tmp_path / name).write_text("not a video\n" * 100)
    bad(r"is not a video|cannot be read", tmp_path / name)


def test_a_sound_is_no_video(tmp_path):
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    bad("is not a video", tmp_path / "sound.wav")


def test_a_truncated_film_says_how_much_is_left(tmp_path):
    random = np.random.default_rng(0)
    noisy = [np.clip(picture + random.normal(0, 20, picture.shape), 0, 255).astype(np.uint8) for picture in discs(30)]
    with av.open(str(tmp_path / "whole.mp4"), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=24, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for frame in noisy:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    data = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(data[: len(data) // 2])
    bad(r"Only 1\d of 30 frames", tmp_path / "half.mp4")
    (tmp_path / "head.mp4").write_bytes(data[:100])
    bad("is not a video|cannot be read", tmp_path / "head.mp4")


def test_one_frame_is_too_short(tmp_path):
    write_film(tmp_path / "one.mp4", discs(1), 24)
    bad("is 1 frame long", tmp_path / "one.mp4")
    cv2.imwrite(str(tmp_path / "still.png"), disc(0))
    bad("is 1 frame long", tmp_path / "still.png")


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_one_colour_shows_no_subject(tmp_path, colour):
    write_film(tmp_path / "plain.mp4", [np.full((96, 128, 3), colour, np.uint8)] * 5, 24)
    bad("wholly one colour", tmp_path / "plain.mp4")


def test_a_cluttered_background_asks_for_a_mask(tmp_path):
    random = np.random.default_rng(0)
    clutter = cv2.resize(random.integers(0, 255, (12, 16, 3), np.uint8), (128, 96))
    write_film(tmp_path / "garden.mp4", [np.where(disc(frame) < 250, disc(frame), clutter) for frame in range(5)], 24)
    with pytest.raises(InputError, match="not plain") as caught:
        load(tmp_path / "garden.mp4")
    assert "mask video" in caught.value.remedy


def test_a_first_frame_without_subject(tmp_path):
    write_film(tmp_path / "late.mp4", [np.full((96, 128, 3), 255, np.uint8)] * 2 + discs(5), 24)
    bad("shows no subject", tmp_path / "late.mp4")


def test_masks_of_another_length_or_shape_or_colour(tmp_path, clip_path):
    write_film(tmp_path / "short.mp4", discs(7, background=0), 24)
    bad("has 7 frames, the driving video 9", clip_path, mask_path=tmp_path / "short.mp4")
    write_film(tmp_path / "long.mp4", discs(14, background=0), 24)
    bad("has more than 9 frames", clip_path, mask_path=tmp_path / "long.mp4")
    assert len(load(clip_path, mask_path=tmp_path / "long.mp4", frame_count=5).frames) == 5
    write_film(tmp_path / "square.mp4", discs(9, background=0, width=96), 24)
    bad("another shape", clip_path, mask_path=tmp_path / "square.mp4")
    write_film(tmp_path / "black.mp4", [np.zeros((96, 128, 3), np.uint8)] * 9, 24)
    bad("wholly one colour", clip_path, mask_path=tmp_path / "black.mp4")


def test_holes_and_mixed_sizes_in_a_sequence(tmp_path):
    for frame in (1, 2, 4):
        cv2.imwrite(str(tmp_path / f"a{frame:03d}.png"), disc(frame))
    bad("Image 3 of the sequence a001.png is missing", tmp_path / "a001.png")
    cv2.imwrite(str(tmp_path / "a003.png"), disc(3, width=64))
    bad("a003.png has another size", tmp_path / "a001.png")
    (tmp_path / "empty").mkdir()
    bad("holds no images", tmp_path / "empty")


def test_films_are_written_with_even_sides_and_the_right_rate(tmp_path):
    assert write_film(tmp_path / "odd.mp4", (np.full((31, 45, 3), 90, np.uint8) for _ in range(6)), 23.976) == 6
    film = open_film(tmp_path / "odd.mp4")
    assert film.fps == pytest.approx(23.976, abs=1e-3)
    found = list(pictures(film))
    assert len(found) == 6
    assert found[0].rgb.shape == (32, 46, 3)
    np.testing.assert_allclose(found[0].rgb[:30, :44].astype(int), 90, atol=3)
    with pytest.raises(InputError, match="no frames"):
        write_film(tmp_path / "none.mp4", [], 24)


def test_a_cut_off_index_is_no_video(tmp_path, clip_path):
    shutil.copy(clip_path, tmp_path / "cut.mp4")  # its index comes last
    (tmp_path / "cut.mp4").write_bytes(clip_path.read_bytes()[:-200])
    bad(r"cannot be read as a video|frames of cut.mp4 could be read|is not a video", tmp_path / "cut.mp4")


def test_side_by_side_is_one_row():
    row = side_by_side([np.zeros((50, 100, 3), np.uint8), np.full((100, 100, 3), 7, np.uint8)], 100, gap=8)
    assert row.shape == (100, 200 + 8 + 100, 3)
    assert (row[:, 200:208] == 255).all()
    assert (row[:, 208:] == 7).all()


def test_errors_name_the_file_as_its_owner_does(tmp_path):
    (tmp_path / "driving.mp4").write_text("no video")
    with pytest.raises(InputError, match=r"^Käfer läuft\.mov "):
        load(tmp_path / "driving.mp4", name="Käfer läuft.mov")
    write_film(tmp_path / "film.mp4", discs(3), 24)
    with pytest.raises(InputError, match=r"^Maske\.mov "):
        load(tmp_path / "film.mp4", name="Film.mov", mask_path=tmp_path / "driving.mp4", mask_name="Maske.mov")
    write_film(tmp_path / "one.mp4", discs(1), 24)
    with pytest.raises(InputError, match=r"^The video Film\.mov is 1 frame long"):
        load(tmp_path / "one.mp4", name="Film.mov")


def test_the_same_pictures_give_the_same_file(tmp_path):
    """Noise, of which the encoder keeps as much as it sees fit."""
    noise = np.random.default_rng(0).integers(0, 255, (5, 64, 96, 3)).astype(np.uint8)
    for number in range(12):
        write_film(tmp_path / f"{number}.mp4", noise, 24)
    assert len({(tmp_path / f"{number}.mp4").read_bytes() for number in range(12)}) == 1
