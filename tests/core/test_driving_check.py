"""What is wrong with a driving video is measured before the fit, and told."""

import cv2
import numpy as np
import pytest
from animamimic.core.errors import InputError
from animamimic.core.types import Clip
from animamimic.core.video import check_driving, check_first_frame

SIDE = 128


def disc(x, y=64, radius=24):
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    return np.round(255 * np.clip(radius + 0.5 - np.hypot(columns - x, rows - y), 0, 1)).astype(np.uint8)


def clip(masks, background=None, brightness=None):
    """Grey discs on a background, white if none is given."""
    frames = []
    for index, mask in enumerate(masks):
        behind = np.full((SIDE, SIDE), 255.0) if background is None else background(index)
        level = 90 if brightness is None else brightness[index]
        share = mask / 255
        frames.append(np.repeat(np.round(share * level + (1 - share) * behind)[..., None], 3, -1).astype(np.uint8))
    return Clip(np.array(frames), np.array(masks), 24.0)


def texture(shift):
    noise = cv2.GaussianBlur(np.random.default_rng(0).uniform(0, 255, (SIDE, 2 * SIDE)), (0, 0), 3)
    noise = (noise - noise.mean()) * 6 + 128
    return noise[:, shift : shift + SIDE].clip(0, 255)


def test_a_good_video_has_nothing_to_tell():
    check = check_driving(clip([disc(54 + 2 * frame) for frame in range(12)]), disc(54))
    assert check.registration_error < 0.01
    assert check.camera_shift_pct is None  # plain white shows no motion
    assert check.flicker < 0.5
    assert (check.leaves_frame, check.cuts, check.warnings()) == ((), (), ())


def test_a_shift_and_a_scale_are_registered_away_and_told():
    check = check_driving(clip([disc(70, 64, 30)] * 3), disc(64, 64, 24))
    assert check.registration_shift_pct == pytest.approx(100 * 6 / np.hypot(SIDE, SIDE), abs=0.05)
    assert check.registration_scale == pytest.approx(30 / 24, abs=0.01)
    assert check.registration_error < 0.03


@pytest.mark.parametrize(("speed", "moves"), [(0, False), (1, True)])
def test_a_moving_camera_is_measured(speed, moves):
    check = check_driving(clip([disc(64)] * 13, lambda index: texture(speed * index)), disc(64))
    assert check.camera_shift_pct == pytest.approx(100 * speed * 12 / np.hypot(SIDE, SIDE), abs=1.0)
    assert any("camera of the driving video moves" in warning for warning in check.warnings()) is moves


def test_a_subject_that_leaves_is_told_with_its_first_frame():
    check = check_driving(clip([disc(64 + 8 * frame) for frame in range(8)]), disc(64))
    assert check.leaves_frame == (7,)  # centred at 120 with a radius of 24, 45 of the 512 border pixels are covered
    assert "first in frame 7" in check.warnings()[0]


def test_a_subject_that_is_gone_has_left_and_does_not_flicker():
    check = check_driving(clip([disc(64 + 12 * frame) for frame in range(12)]), disc(64))
    assert check.leaves_frame == tuple(range(5, 12))  # from frame 8 on nothing of it is left
    assert check.flicker < 0.5
    assert len(check.warnings()) == 1


def test_a_cut_is_found_and_fast_motion_is_none():
    assert check_driving(clip([disc(40)] * 6 + [disc(90)] * 6), disc(40)).cuts == (6,)
    assert check_driving(clip([disc(30 + 6 * frame) for frame in range(12)]), disc(30)).cuts == ()


def test_flicker_is_measured_in_levels():
    steady, jumping = [90] * 12, [90, 110] * 6
    assert check_driving(clip([disc(64)] * 12, brightness=steady), disc(64)).flicker < 0.5
    flicker = check_driving(clip([disc(64)] * 12, brightness=jumping), disc(64))
    assert flicker.flicker == pytest.approx(40, abs=2)  # second differences of a jump of 20
    assert "flickers" in flicker.warnings()[0]


def test_a_video_of_another_shape_is_refused_as_such():
    squeezed = clip([disc(64, 64, 12)] * 3)
    with pytest.raises(InputError, match=r"another shape \(1280 x 720\) than the camera's \(128 x 128\)"):
        check_first_frame(squeezed, disc(64), (1280, 720))
    with pytest.raises(InputError, match="50 % as large"):
        check_first_frame(squeezed, disc(64), (512, 512))
