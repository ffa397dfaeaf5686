"""Motion fitted at the video's own times, brought to the scene's frames."""

import numpy as np
import pytest
from animamimic.core.retiming import retimed
from animamimic.core.types import Motion
from animamimic.core.video.timing import frame_choice, without_repeats


def turning(times, speed):
    """One bone that turns about Z at `speed` [rad/frame] and slides along X at 0.1 m a frame."""
    angle = speed * times
    rotations = np.stack([np.cos(angle / 2), 0 * angle, 0 * angle, np.sin(angle / 2)], -1)[:, None]
    translations = np.stack([0.1 * times, 0 * times, 0 * times], -1)[:, None]
    return Motion(rotations, translations, np.ones(1, np.float32))


@pytest.mark.parametrize("film_fps", [12.0, 16.0, 30.0, 60.0])
def test_steady_motion_stays_steady_at_the_scenes_rate(film_fps):
    seconds = np.arange(round(film_fps * 2) + 1) / film_fps
    chosen = frame_choice(seconds, fps=24, timing="MATCH_FPS", frame_count=0)
    shown, times = without_repeats(chosen, seconds, fps=24)
    assert len(set(shown)) == len(shown)
    motion = retimed(turning(times, 0.05), times)
    assert len(motion.rotations) == len(chosen) == 49  # two seconds
    expected = turning(np.arange(49.0), 0.05)
    np.testing.assert_allclose(motion.translations, expected.translations, atol=1e-9)
    np.testing.assert_allclose(motion.rotations, expected.rotations, atol=1e-6)


@pytest.mark.parametrize("film_fps", [12.0, 15.0, 60.0])
def test_a_wanted_length_is_kept(film_fps):
    seconds = np.arange(100) / film_fps
    chosen = frame_choice(seconds, fps=24, timing="MATCH_FPS", frame_count=10)
    _, times = without_repeats(chosen, seconds, fps=24)
    motion = retimed(turning(times, 0.1), times, 10)
    np.testing.assert_allclose(motion.translations[:, 0, 0], 0.1 * np.arange(10), atol=1e-9)


def test_frames_shown_at_one_time_count_once():
    seconds = np.array([0, 1, 1, 2, 3]) / 12
    _, times = without_repeats(frame_choice(seconds, fps=24, timing="MATCH_FPS", frame_count=0), seconds, fps=24)
    assert (np.diff(times) > 0).all()
    np.testing.assert_allclose(retimed(turning(times, 0.05), times).translations[:, 0, 0], 0.1 * np.arange(7), atol=1e-9)
