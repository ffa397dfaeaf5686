"""Few keys: the curves are Blender's, and the surface stays within the tolerance."""

from dataclasses import replace

import numpy as np
import pytest
from animamimic.core.curves import bezier_through, choose_keys, evaluate, reduced
from animamimic.core.curves.bezier import corners
from animamimic.core.curves.choose import lever_lengths
from animamimic.core.curves.pieces import bending
from animamimic.core.curves.reduce import Track, reduce_keys
from animamimic.core.curves.watched import PlayedSurface, WatchedSurface
from animamimic.core.pose import world_motion
from animamimic.core.settings import CurveSettings
from animamimic.core.types import Mesh, Motion, Rig, Tissue

FRAMES = np.arange(49.0)


def distance(one, other):
    return np.linalg.norm(one - other, axis=1)


def few(samples, tolerance):
    return reduce_keys(Track.of(samples, distance), tolerance)


def smooth_motion(seed, channels=3, frames=100):
    """Sums of slow sines: what a walking body does."""
    random = np.random.default_rng(seed)
    times = np.arange(frames)[:, None, None]
    periods = random.uniform(20, 60, (1, channels, 4))
    return (np.sin(2 * np.pi * times / periods + random.uniform(0, 6, (1, channels, 4))) * random.uniform(0.2, 1, (1, channels, 4))).sum(2)


def chain(bones, vertices_per_bone=6, seed=0):
    """Bones of length 1 in a row along X, vertices around each, skinned rigidly; and the function that skins it."""
    random = np.random.default_rng(seed)
    heads = np.stack([[float(bone), 0, 0] for bone in range(bones)])
    owner = np.repeat(np.arange(bones), vertices_per_bone)
    points = (heads[owner] + random.uniform([0, -0.1, -0.1], [1, 0.1, 0.1], (len(owner), 3))).astype(np.float32)
    rig = Rig(
        names=tuple(f"bone.{bone:03d}" for bone in range(bones)),
        parents=np.arange(-1, bones - 1, dtype=np.int32),
        heads=heads,
        tails=heads + np.array([1.0, 0, 0]),
        z_axes=np.tile([0.0, 0, 1], (bones, 1)),
        influences=owner[:, None].astype(np.int32),
        weights=np.ones((len(owner), 1), np.float32),
        rest=points,
        bind=np.tile(np.eye(3, 4), (bones, 1, 1)),
    )

    def skin(motion):
        result = np.empty((len(motion.rotations), len(points), 3))
        turn, shift = np.eye(3), np.zeros(3)
        for frame in range(len(result)):
            turn, shift = np.eye(3), np.zeros(3)
            for bone in range(bones):
                local = matrix(motion.rotations[frame, bone])
                shift = shift + turn @ (heads[bone] + motion.translations[frame, bone] - local @ heads[bone])
                turn = turn @ local
                result[frame, owner == bone] = points[owner == bone] @ turn.T + shift
        return result

    return Mesh(points, np.zeros((0, 3), np.int32)), rig, skin


def matrix(quaternion):
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def swing(angles, axis):
    """Quaternions [T, 4] that turn by angles [T] about a unit axis."""
    return np.column_stack([np.cos(angles / 2), np.sin(angles / 2)[:, None] * axis])


def walking(rig, frames=49, period=24, size=0.4):
    """Every bone swings as limbs do in a walk: a sine and its first overtone; the root travels and bobs."""
    times, random = np.arange(frames), np.random.default_rng(1)
    rotations, translations = np.zeros((frames, len(rig.names), 4)), np.zeros((frames, len(rig.names), 3))
    for bone in range(len(rig.names)):
        axis = random.normal(size=3)
        angle = size * (np.sin(2 * np.pi * times / period + bone) - np.sin(bone) + 0.3 * np.sin(4 * np.pi * times / period))
        rotations[:, bone] = swing(angle, axis / np.linalg.norm(axis))
    translations[:, 0, 0], translations[:, 0, 2] = 0.03 * times, 0.1 * np.sin(4 * np.pi * times / period)
    return Motion(rotations, translations, np.ones(len(rig.names), np.float32))


def test_a_straight_line_needs_its_two_ends():
    line = np.column_stack([0.1 * FRAMES, 3 - 0.2 * FRAMES])
    assert few(line, 0.01).tolist() == [0, 48]
    keys = bezier_through(line, np.array([0, 48], np.int32))
    np.testing.assert_allclose(keys.right[0, 0], [16, 1.6], atol=1e-9)  # a third of the way, on the line
    np.testing.assert_allclose(keys.left[1, 1], [32, 3 - 6.4], atol=1e-9)


def test_a_sine_needs_its_extremes():
    sine = np.sin(2 * np.pi * FRAMES / 24)[:, None]
    assert few(sine, 0.05).tolist() == [0, 6, 18, 30, 42, 48]
    keys = bezier_through(sine, np.array([0, 6, 18, 30, 42, 48], np.int32))
    np.testing.assert_allclose(keys.left[2, 0, 1], keys.values[2, 0], atol=0.02)  # flat at the valley


def test_what_stands_still_gets_one_key():
    assert few(np.full((49, 2), 5.0), 0.01).tolist() == [0]
    keys = bezier_through(np.full((49, 2), 5.0), np.array([0], np.int32))
    np.testing.assert_array_equal(evaluate(keys, FRAMES), np.full((49, 2), 5.0))


def test_a_hold_keeps_its_corners():
    ramp = np.clip(FRAMES - 20, 0, 10)[:, None]
    assert np.flatnonzero(corners(ramp)).tolist() == [20, 30]
    keys = bezier_through(ramp, few(ramp, 0.01))
    assert keys.frames.tolist() == [0, 20, 30, 48]
    assert keys.corner.tolist() == [False, True, True, False]
    np.testing.assert_allclose(evaluate(keys, FRAMES), ramp, atol=1e-3)


def test_stairs_of_many_corners_keep_them():
    stairs = np.interp(np.arange(60), [0, 9, 19, 29, 39, 49, 59], [0, 9, 12, 22, 24, 34, 36])[:, None]
    assert np.flatnonzero(corners(stairs)).tolist() == [9, 19, 29, 39, 49]
    assert few(stairs, 0.01).tolist() == [0, 9, 19, 29, 39, 49, 59]


def test_smooth_motion_has_no_corners_and_one_slope_at_each_key():
    samples = smooth_motion(0)
    keys = bezier_through(samples, np.array([0, 20, 31, 70, 99], np.int32))
    assert not keys.corner.any()
    into = (keys.values - keys.left[..., 1]) / (keys.frames[:, None] - keys.left[..., 0])
    out = (keys.right[..., 1] - keys.values) / (keys.right[..., 0] - keys.frames[:, None])
    np.testing.assert_allclose(into, out, atol=1e-9)


def test_keys_and_handles_are_the_best_ones():
    samples = smooth_motion(3, channels=1)
    frames = np.array([0, 25, 60, 99], np.int32)
    keys = bezier_through(samples, frames)
    best = np.sum((evaluate(keys, np.arange(100)) - samples) ** 2)
    for change in (-0.05, 0.05):
        values, left, right = keys.values.copy(), keys.left.copy(), keys.right.copy()
        for part in (values[1], left[1, :, 1], right[1, :, 1]):
            part += change
        other = type(keys)(keys.frames, values, left, right, keys.corner)
        assert np.sum((evaluate(other, np.arange(100)) - samples) ** 2) > best
        left, right = keys.left.copy(), keys.right.copy()
        left[1, 0, 1] -= change * (frames[1] - frames[0]) / 3
        right[1, 0, 1] += change * (frames[2] - frames[1]) / 3
        other = type(keys)(keys.frames, keys.values, left, right, keys.corner)
        assert np.sum((evaluate(other, np.arange(100)) - samples) ** 2) > best


def test_the_first_pose_is_met_exactly_and_every_one_where_every_one_has_a_key():
    samples = np.random.default_rng(0).normal(size=(30, 3))
    few = bezier_through(samples, np.array([0, 8, 20, 29], np.int32))
    np.testing.assert_array_equal(few.values[0], samples[0])
    assert np.abs(few.values[1:] - samples[few.frames[1:]]).max() > 0.1  # noise is not followed
    np.testing.assert_array_equal(bezier_through(samples, np.arange(30, dtype=np.int32)).values, samples)


def test_bending_is_the_integral_of_the_squared_second_derivative():
    start, end, out, into, length = 0.3, -0.4, 1.1, 0.2, 2.5
    hermite = np.array([start, end, out, into])
    u = (np.arange(100_000) + 0.5) / 100_000
    second = ((12 * u - 6) * (start - end) / length + (6 * u - 4) * out + (6 * u - 2) * into) / length
    assert hermite @ bending(length) @ hermite == pytest.approx(np.mean(second**2) * length, rel=1e-6)


def test_evaluate_is_the_bezier_by_de_casteljau():
    samples = smooth_motion(4, channels=1)
    keys = bezier_through(samples, np.array([0, 40, 99], np.int32))
    points = np.array([[0, keys.values[0, 0]], keys.right[0, 0], keys.left[1, 0], [40, keys.values[1, 0]]])
    while len(points) > 1:
        points = points[:-1] * 0.7 + points[1:] * 0.3
    assert points[0, 0] == pytest.approx(12.0)  # the parameter runs evenly with the frame
    assert evaluate(keys, np.array([12.0]))[0, 0] == pytest.approx(points[0, 1])


def test_a_turned_set_of_channels_gives_the_turned_curves():
    samples = smooth_motion(5, channels=4)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))
    frames = few(samples, 0.1)
    one, other = bezier_through(samples, frames), bezier_through(samples @ turn.T, frames)
    np.testing.assert_allclose(other.right[..., 1], one.right[..., 1] @ turn.T, atol=1e-9)


@pytest.mark.parametrize("tolerance", [0.2, 0.05, 0.01])
@pytest.mark.parametrize("seed", range(5))
def test_no_frame_strays_further_than_the_tolerance(seed, tolerance):
    samples = smooth_motion(seed)
    frames = few(samples, tolerance)
    played = evaluate(bezier_through(samples, frames), np.arange(100))
    assert distance(played, samples).max() <= tolerance
    assert frames[0] == 0
    assert frames[-1] == 99


def test_levers_reach_to_the_end_of_the_chain():
    mesh, rig, _ = chain(3)
    farthest = [np.linalg.norm(mesh.vertices - rig.heads[bone], axis=1)[rig.influences[:, 0] >= bone].max() for bone in range(3)]
    np.testing.assert_allclose(lever_lengths(mesh, rig), np.maximum(farthest, 1), rtol=1e-6)


@pytest.mark.parametrize("tolerance", [0.1, 0.25, 1.0])
def test_the_surface_stays_within_the_tolerance(tolerance):
    mesh, rig, skin = chain(5)
    motion = walking(rig)
    keys = choose_keys(mesh, rig, motion, None, CurveSettings(key_tolerance=tolerance))
    missed = np.linalg.norm(skin(reduced(motion, keys.frames)) - skin(motion), axis=-1).max()
    assert missed <= tolerance / 100 * mesh.diagonal
    assert keys.surface_error == pytest.approx(missed / mesh.diagonal)
    assert keys.surface_error > 0.3 * tolerance / 100  # the tolerance is made use of


def test_a_walk_needs_few_keys():
    mesh, rig, _ = chain(5)
    keys = choose_keys(mesh, rig, walking(rig), None, CurveSettings())
    assert np.mean([len(frames) for frames in keys.frames]) / 49 < 0.35


def test_a_bone_that_never_moves_has_one_key():
    mesh, rig, _ = chain(3)
    motion = walking(rig)
    motion.rotations[:, 1] = [1, 0, 0, 0]
    for every_frame in (False, True):
        keys = choose_keys(mesh, rig, motion, None, CurveSettings(every_frame=every_frame))
        assert keys.frames[1].tolist() == [0]


def test_every_frame_gets_a_key_where_asked():
    mesh, rig, _ = chain(2)
    motion = walking(rig, frames=20)
    keys = choose_keys(mesh, rig, motion, None, CurveSettings(every_frame=True))
    assert keys.frames[0].tolist() == list(range(20))
    assert keys.surface_error == 0
    np.testing.assert_allclose(reduced(motion, keys.frames).rotations, motion.rotations, atol=1e-12)


def test_two_frames_keep_two_keys():
    mesh, rig, _ = chain(2)
    keys = choose_keys(mesh, rig, walking(rig, frames=2), None, CurveSettings())
    assert keys.frames[0].tolist() == [0, 1]


def test_keys_go_where_and_when_the_surface_can_do_without(monkeypatch):
    """A chain of three: fewer keys than where bones share the tolerance for all frames alike, and the surface within the bound."""
    mesh, rig, skin = chain(3)
    motion = walking(rig)
    found = choose_keys(mesh, rig, motion, None, CurveSettings())
    monkeypatch.setattr("animamimic.core.curves.choose.thinned", lambda tracks, frames, *_: (frames, 0.0))
    alone = choose_keys(mesh, rig, motion, None, CurveSettings())
    assert sum(map(len, found.frames)) < 0.8 * sum(map(len, alone.frames))
    assert all(np.isin(one, other).all() for one, other in zip(found.frames, alone.frames, strict=True))
    missed = np.linalg.norm(skin(reduced(motion, found.frames)) - skin(motion), axis=-1).max()
    assert missed <= 0.0025 * mesh.diagonal and missed == pytest.approx(found.surface_error * mesh.diagonal)


def forked(rig):
    """The same bones, the third and the fourth on the first."""
    return replace(rig, parents=np.array([-1, 0, 0, 0, 2, 1], np.int32)[: len(rig.parents)])


def test_a_changed_bone_moves_what_the_whole_skin_tells():
    """Bones in no order of depth, far from the world's origin: a trial gives what skinning everything again gives."""
    _, rig, _ = chain(6)
    far = np.array([1000.0, -500, 200])
    rig = forked(replace(rig, heads=rig.heads + far, tails=rig.tails + far, rest=rig.rest + far.astype(np.float32)))
    motion = walking(rig)
    surface = WatchedSurface(rig, motion)
    channels = np.concatenate([motion.rotations, motion.translations, motion.scales], 2)
    played = PlayedSurface(surface, np.stack([surface.local(bone, channels[:, bone]) for bone in range(6)], 1))
    assert np.abs(played.off).max() < 1e-6
    for bone in (2, 0, 4):
        turn = swing(0.1 * np.sin(np.arange(49) / 5 + bone), [0.0, 0.6, 0.8])
        motion = replace(motion, rotations=motion.rotations.copy())
        motion.rotations[:, bone] = turn
        played.take(played.tried(bone, 0, surface.local(bone, np.concatenate([turn, motion.translations[:, bone], motion.scales[:, bone]], 1))))
        lost = np.linalg.norm(played.off, axis=1).max()
        assert lost == pytest.approx(surface.missed(motion), rel=1e-5)
        every = world_motion(rig, motion) - world_motion(rig, surface.motion)
        owner = rig.influences[:, 0]
        moved = np.einsum("tvij,vj->vti", every[:, owner, :3, :3], rig.rest.astype(np.float64)) + every[:, owner][..., :3, 3].swapaxes(0, 1)
        np.testing.assert_allclose(played.off.swapaxes(1, 2), moved, atol=1e-5)


def test_a_spike_of_a_large_mesh_is_watched():
    """One vertex of many sticks out far, and strays farthest."""
    _, rig, skin = chain(2, vertices_per_bone=5000)
    spike = 5003  # not one of every third
    rig.rest[spike] = [1.5, 2.0, 0.0]
    surface, motion = WatchedSurface(rig, walking(rig, frames=10)), walking(rig, frames=10)
    assert len(surface.rig.rest) < 4000
    played = replace(motion, rotations=motion.rotations[:, ::-1])
    lost = np.linalg.norm(skin(played) - skin(motion), axis=-1)
    assert lost.max(0).argmax() == spike
    assert surface.missed(played) == pytest.approx(lost.max(), rel=1e-5)


def test_shape_keys_share_the_tolerance():
    mesh, rig, skin = chain(2)
    offsets = np.zeros((1, len(mesh.vertices), 3), np.float32)
    offsets[0, 0] = [0, 0, 0.5]
    tissue = Tissue(("soft.001",), offsets, np.sin(2 * np.pi * FRAMES / 24)[:, None].astype(np.float32))
    motion = walking(rig)
    keys = choose_keys(mesh, rig, motion, tissue, CurveSettings(key_tolerance=1.0))
    values = tissue.values.astype(np.float64)
    soft = 0.5 * np.abs(evaluate(bezier_through(values, keys.tissue), FRAMES) - values).max()
    bones = np.linalg.norm(skin(reduced(motion, keys.frames)) - skin(motion), axis=-1).max()
    assert soft + bones <= 0.01 * mesh.diagonal
    assert len(keys.tissue) < 20
