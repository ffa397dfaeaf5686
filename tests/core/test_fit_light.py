"""The light of a frame, found on pictures whose light is known; and a fit that it must not pull."""

import numpy as np
import pytest
from animamimic.core.fit import fit_motion
from animamimic.core.fit.evidence import Evidence
from animamimic.core.fit.light import UNCHANGED, light_on
from test_fit_motion import BEND, SETTINGS, arm, clip, turn_about_z

SIDE = 128
INNER = (slice(20, 100), slice(30, 110))
"""Where the subject is."""

KNOWN = np.zeros((SIDE, SIDE), bool)
KNOWN[INNER] = True


def subject():
    """float32[H, W, 3]: blocks of many colours between 0.2 and 0.6."""
    blocks = np.random.default_rng(0).uniform(0.2, 0.6, (SIDE // 8, SIDE // 8, 3))
    return np.kron(blocks, np.ones((8, 8, 1))).astype(np.float32)


def frame(colours):
    """The evidence of a frame that shows the subject in these colours before white."""
    picture = np.where(KNOWN[..., None], colours, 1)
    return Evidence(np.rint(255 * picture).astype(np.uint8)[None], (255 * KNOWN.astype(np.uint8))[None])[0]


def lit(ready, drawn):
    """The drawn subject's colours [n, 3] in the frame's light."""
    where = np.nonzero(KNOWN)
    return light_on(ready, drawn, KNOWN).on(drawn[where], *where)


def test_gain_offset_and_shade_of_a_frame_are_found():
    column = (np.arange(SIDE) + 0.5 - 70) / 40  # -1 to 1 over the subject
    seen = (subject() * [1.2, 0.9, 0.7] + [0.02, -0.03, 0.05]) * (1 + 0.25 * column[None, :, None])
    assert np.abs(lit(frame(seen), subject()) - seen[KNOWN]).max() < 0.02


def test_the_same_light_changes_nothing():
    assert np.abs(lit(frame(subject()), subject()) - subject()[KNOWN]).max() < 0.004


def test_a_pose_that_is_off_does_not_flatten_the_drawing():
    """Half of the blocks' colour is another's; the best line from pixel to pixel would have half the slope."""
    drawn = np.roll(subject(), 4, 1)
    assert lit(frame(subject()), drawn).std(0) == pytest.approx(drawn[KNOWN].std(0), rel=0.1)


def test_what_covers_a_part_of_the_subject_does_not_count():
    seen = 0.8 * subject()
    seen[20:36] = 1.0
    assert np.abs(lit(frame(seen), subject()) - 0.8 * subject()[KNOWN]).mean() < 0.012


def test_too_little_in_common_says_nothing():
    few = np.zeros_like(KNOWN)
    few[30:36, 40:46] = True
    assert light_on(frame(0.5 * subject()), subject(), few) is UNCHANGED


def test_light_that_changes_on_the_subject_alone_does_not_pull_the_pose():
    film = clip(BEND)
    share = np.linspace(0, 1, len(BEND))[:, None, None, None] * (film.masks[..., None] / 255)
    film.frames[:] = np.rint(film.frames * (1 - 0.5 * share * [1, 0.6, 0.8]))
    mesh, rig, view = arm()
    motion, report = fit_motion(mesh, rig, view, film, SETTINGS)
    np.testing.assert_allclose(turn_about_z(motion.rotations[:, 1]), [7 * k for k in range(len(BEND))], atol=2.5)
    assert max(report.image_error) < 0.06
