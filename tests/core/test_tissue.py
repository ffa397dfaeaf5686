"""The whole stage: what flesh does on top of the bones, and what becomes of it as shape keys."""

import dataclasses

import numpy as np
import pytest
from animamimic.core.errors import InputError
from animamimic.core.fit.kinematics import bone_transforms, skin
from animamimic.core.tissue import for_regions, simulate
from animamimic.core.tissue.attachment import attach, node_weights
from animamimic.core.tissue.cage import build_cage
from animamimic.core.tissue.shape_keys import RestOffsets, compress
from animamimic.core.tissue.skinning import skin_points
from animamimic.core.tissue.softbody import choose_substeps, refine
from animamimic.core.tissue.softness import automatic_softness, stiffening
from animamimic.core.types import Mesh, TissueParameters
from soft_subjects import FPS, SETTINGS, column, hinge, motion_of, one_bone, rig_of, start_and_stop


def hang(cage, rig, transforms):
    """The cage on the skeleton, all of it soft, held below 0.4 of the way to the skin."""
    return attach(cage, rig, transforms, 0.6, node_weights(cage, rig), np.ones(len(cage.nodes)))


def soft_surface(rig, motion, tissue):
    """float[T, V, 3]: what the shape keys add to the skinned surface, world space: skinned with them, less without."""
    found = []
    plain = skin(rig, motion)
    for frame in range(len(motion.rotations)):
        rest = rig.rest + np.tensordot(tissue.values[frame], tissue.offsets, axes=1)
        found.append(skin(dataclasses.replace(rig, rest=rest.astype(np.float32)), motion, [frame])[0] - plain[frame])
    return np.array(found)


@pytest.mark.parametrize("frames", [2, 10])
def test_no_motion_gives_exactly_no_offset(frames):
    mesh = column()
    tissue, report = simulate(mesh, one_bone(mesh), motion_of(frames=frames), FPS, SETTINGS)
    assert tissue.names == ()
    assert tissue.offsets.shape == (0, len(mesh.vertices), 3)
    assert tissue.values.shape == (frames, 0)
    assert report.largest_pct == 0.0
    assert report.least_determinant == pytest.approx(1.0)


def test_a_rod_thinner_than_a_cell_is_held_through_and_through():
    mesh = column(radius=0.02)
    tissue, report = simulate(mesh, one_bone(mesh, reach=1.0), start_and_stop(mesh, frames=5), FPS, SETTINGS)
    assert report.held_nodes == report.nodes
    assert tissue.names == ()


def test_flesh_lags_behind_a_bone_that_starts_runs_ahead_when_it_stops_and_comes_to_rest():
    mesh = column()
    rig, motion = one_bone(mesh), start_and_stop(mesh)
    tissue, report = simulate(mesh, rig, motion, FPS, dataclasses.replace(SETTINGS, stiffness=2e5, damping=8.0, tissue_limit=50.0))
    top = mesh.vertices[:, 2] > 0.9
    course = soft_surface(rig, motion, tissue)[:, top].mean(axis=1)
    assert course[2:5, 0].max() < 0
    assert course[9:13, 0].max() > 0.01 * mesh.diagonal
    # A swing damped by c per second dies away as exp(-c t / 2); there are 39 frames left after the stop.
    assert np.abs(course[-1]).max() < np.exp(-8.0 / 2 * 39 / FPS) * np.abs(course).max() + 2e-4 * mesh.diagonal
    assert np.abs(course[:, 1]).max() < 0.05 * np.abs(course[:, 0]).max()
    assert (tissue.values[0] == 0).all()
    assert report.kept > 0.99


def test_more_stiffness_or_less_softness_moves_less_and_more_damping_rests_sooner():
    mesh = column()
    rig, motion = one_bone(mesh), start_and_stop(mesh, frames=17)
    all_soft = np.ones(len(mesh.vertices), np.float32)

    def swing(**changed):
        tissue, report = simulate(mesh, rig, motion, FPS, dataclasses.replace(SETTINGS, tissue_limit=50.0, **changed), painted=all_soft)
        course = np.abs(soft_surface(rig, motion, tissue)).max(axis=(1, 2)) / mesh.diagonal
        return course, report

    soft, report = swing(stiffness=1e5)
    stiff, _ = swing(stiffness=1e6)
    bony, bony_report = swing(stiffness=1e5, softness=0.2)
    damped, _ = swing(stiffness=1e5, damping=30.0)
    # A start at full speed v swings by v / frequency, which grows with the root of the stiffness.
    assert stiff.max() == pytest.approx(soft.max() / np.sqrt(10), rel=0.15)
    assert bony.max() < soft.max()
    assert bony_report.held_nodes > report.held_nodes
    assert damped[-6:].max() < 0.5 * soft[-6:].max()


def test_flesh_that_is_laid_down_sags_the_way_gravity_pulls():
    mesh = column()
    rig = one_bone(mesh)
    # Upright to lying along +x within a second, then held for two.
    motion = motion_of(angles=np.clip(np.arange(73) / 24, 0, 1) * np.pi / 2)
    tissue, _ = simulate(mesh, rig, motion, FPS, dataclasses.replace(SETTINGS, stiffness=1e5))
    end = soft_surface(rig, motion, tissue)[-1, mesh.vertices[:, 2] > 0.9].mean(axis=0)
    # Lying, gravity bends the column down; that it no longer presses it together lets it lengthen a little.
    assert end[2] < -0.003 * mesh.diagonal
    assert 0 < end[0] < 0.5 * -end[2]


@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_a_millimetre_and_a_kilometre_behave_alike(size):
    ordinary, other = column(), column(size)
    expected, expected_report = simulate(ordinary, one_bone(ordinary), start_and_stop(ordinary, frames=13), FPS, SETTINGS)
    found, report = simulate(other, one_bone(other), start_and_stop(other, frames=13), FPS, SETTINGS)
    assert report.largest_pct == pytest.approx(expected_report.largest_pct, rel=1e-2)
    moved = np.tensordot(found.values, found.offsets, axes=1) / size
    np.testing.assert_allclose(moved, np.tensordot(expected.values, expected.offsets, axes=1), atol=2e-3 * ordinary.diagonal)


@pytest.mark.parametrize("stiffness", [1e3, 1e7])
@pytest.mark.parametrize("fps", [24.0, 240.0])
def test_violent_motion_stays_within_the_limit(stiffness, fps):
    mesh = column()
    places = mesh.diagonal * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.0]])
    motion = motion_of(angles=np.radians([0, 120, 0]), places=places)
    tissue, report = simulate(mesh, one_bone(mesh), motion, fps, dataclasses.replace(SETTINGS, stiffness=stiffness))
    assert np.isfinite(tissue.offsets).all()
    assert np.abs(tissue.values).max(initial=0.0) <= 1.0
    # One bone turns without stretching, so that offsets before and after skinning are equally long.
    assert report.largest_pct <= SETTINGS.tissue_limit + 1e-3


def test_a_sharp_hinge_folds_the_skinned_cage_but_not_the_flesh():
    mesh = column(radius=0.12, sides=16, rings=32)
    rig = hinge(mesh)
    motion = motion_of(angles=np.linspace(0, np.radians(110), 13), bones=2, bone=1)
    cage = build_cage(mesh, 0.05)
    skinned, _ = skin_points(cage.nodes, node_weights(cage, rig), bone_transforms(rig, motion)[-1])
    edges = [x[cage.tetrahedra[:, 1:]] - x[cage.tetrahedra[:, :1]] for x in (skinned, cage.nodes)]
    assert (np.linalg.det(edges[0]) / np.linalg.det(edges[1])).min() < 0
    _, report = simulate(mesh, rig, motion, FPS, dataclasses.replace(SETTINGS, tissue_resolution=5.0))
    assert report.least_determinant > 0.05


def test_what_skinning_folds_is_no_soft_motion_when_the_flesh_is_stiff():
    mesh = column(radius=0.12, sides=16, rings=32)
    motion = motion_of(angles=np.linspace(0, np.radians(110), 13), bones=2, bone=1)
    _, report = simulate(mesh, hinge(mesh), motion, FPS, dataclasses.replace(SETTINGS, stiffness=1e7, tissue_resolution=5.0))
    assert report.largest_pct < 0.05


def test_a_video_that_begins_in_full_motion_does_not_kick_the_flesh():
    mesh = column()
    _, report = simulate(mesh, one_bone(mesh), motion_of(places=np.arange(9)[:, None] * [0.1, 0, 0]), FPS, SETTINGS)
    assert report.largest_pct < 0.01


def test_held_nodes_are_near_bones_and_let_go_where_bones_press_them_together():
    mesh = column()
    rig, cage = hinge(mesh), build_cage(mesh, 0.06)
    still = hang(cage, rig, np.tile(np.eye(3, 4), (1, 2, 1, 1)))
    from_axis = np.linalg.norm(cage.nodes[:, :2], axis=1)
    # 0.4 of the way from the axis to the skin, which is 0.25 from it.
    inside = (cage.nodes[:, 2] > 0.3) & (cage.nodes[:, 2] < 0.7)
    np.testing.assert_array_equal(still.held[inside], from_axis[inside] < 0.1)
    bent = hang(cage, rig, bone_transforms(rig, motion_of(angles=[0, 2.0], bones=2, bone=1)))
    let_go = still.held & ~bent.held
    assert let_go.any()
    np.testing.assert_array_equal(bent.let_go, let_go)
    assert not still.let_go.any()
    assert not (bent.held & ~still.held).any()
    assert np.abs(cage.nodes[let_go, 2] - 0.5).max() < 0.15
    np.testing.assert_allclose(still.weights.sum(axis=1), 1.0)


def test_weights_inside_follow_the_surface():
    mesh = column()
    cage = build_cage(mesh, 0.06)
    weights, inside = node_weights(cage, hinge(mesh)), cage.signed_distance < 0
    assert weights[inside & (cage.nodes[:, 2] < 0.2), 0].min() > 0.95
    assert weights[inside & (cage.nodes[:, 2] > 0.8), 1].min() > 0.95
    assert 0.2 < weights[inside & (np.abs(cage.nodes[:, 2] - 0.5) < 0.04), 0].mean() < 0.8


def test_a_piece_that_no_bone_reaches_is_held_too():
    body, hat = column(), column()
    away = Mesh(hat.vertices * 0.5 + np.array([3, 0, 0], np.float32), hat.triangles)
    both = Mesh(np.concatenate([body.vertices, away.vertices]), np.concatenate([body.triangles, away.triangles + len(body.vertices)]))
    cage = build_cage(both, 0.04)
    attachment = hang(cage, one_bone(both), np.tile(np.eye(3, 4), (1, 1, 1, 1)))
    held_in_piece = np.bincount(cage.components(), attachment.held)
    assert len(held_in_piece) == 2
    assert held_in_piece.min() >= 4


def test_thin_parts_are_stiffer_by_the_square_of_their_thinness():
    thick, thin = column(radius=0.4), column(radius=0.2)
    both = Mesh(
        np.concatenate([thick.vertices, thin.vertices + np.array([2, 0, 0], np.float32)]),
        np.concatenate([thick.triangles, thin.triangles + len(thick.vertices)]),
    )
    cage = build_cage(both, 0.03)
    rig = rig_of(both, [[0, 0, 0], [2, 0, 0]], [[0, 0, 1], [2, 0, 1]], np.repeat(np.eye(2), len(thick.vertices), axis=0), [-1, -1])
    softness = automatic_softness(cage, rig, node_weights(cage, rig))
    walls = np.abs(both.vertices[:, 2] - 0.5) < 0.1
    fat, lean = (softness[walls & far].mean() for far in (both.vertices[:, 0] < 1, both.vertices[:, 0] > 1))
    # Both the ball that fits in and the distance to the axis are half as large; the deepest nodes lie beside the axis, not on it.
    assert fat == pytest.approx(1.0, abs=0.1)
    assert lean == pytest.approx(0.5, abs=0.1)
    of_nodes = np.where(cage.nodes[:, 0] < 1, 1.0, 0.5)
    np.testing.assert_allclose(np.unique(stiffening(cage, of_nodes)), [1.0, 4.0])


def test_offsets_are_turned_back_with_the_bone():
    mesh = column()
    rig, cage = one_bone(mesh), build_cage(mesh, 0.1)
    quarter = bone_transforms(rig, motion_of(angles=[0, np.pi / 2]))
    upwards = np.zeros((2, len(cage.nodes), 3))
    upwards[1] = [0, 0, 0.01]
    offsets, limited = RestOffsets(cage, rig, quarter, upwards, limit=1.0).of(slice(0, 5))
    # A quarter turn about y takes -x to +z.
    np.testing.assert_allclose(offsets[1], np.tile([-0.01, 0, 0], (5, 1)), atol=1e-7)
    assert limited == 0
    far, limited = RestOffsets(cage, rig, quarter, 100 * upwards, limit=0.5).of(slice(0, 5))
    assert np.linalg.norm(far[1], axis=1).max() <= 0.5
    assert limited == 5


def random_motion(rank, frames=20, vertices=30, seed=3):
    generator = np.random.default_rng(seed)
    courses = generator.normal(size=(frames, rank))
    courses[0] = 0
    return np.tensordot(courses, generator.normal(size=(rank, vertices, 3)), axes=1).astype(np.float32)


def test_a_motion_of_three_shapes_needs_three_keys_and_comes_back():
    motion = random_motion(3)
    found = compress(lambda chunk: motion[:, chunk], 20, 30, max_keys=8, tolerance=1e-6)
    assert found.tissue.names == ("soft.001", "soft.002", "soft.003")
    np.testing.assert_allclose(np.tensordot(found.tissue.values, found.tissue.offsets, axes=1), motion, atol=1e-5)
    np.testing.assert_allclose(np.abs(found.tissue.values).max(axis=0), 1.0)
    assert (found.tissue.values[0] == 0).all()
    assert found.kept == pytest.approx(1.0)
    assert found.largest == pytest.approx(np.linalg.norm(motion, axis=2).max())


def test_too_few_keys_keep_what_the_singular_values_say():
    motion = random_motion(6)
    found = compress(lambda chunk: motion[:, chunk], 20, 30, max_keys=2, tolerance=1e-6)
    strengths = np.linalg.svd(motion.reshape(20, -1), compute_uv=False) ** 2
    assert len(found.tissue.names) == 2
    assert found.kept == pytest.approx(strengths[:2].sum() / strengths.sum(), rel=1e-5)
    rebuilt = np.tensordot(found.tissue.values, found.tissue.offsets, axes=1)
    assert found.largest_error == pytest.approx(np.linalg.norm(motion - rebuilt, axis=2).max(), rel=1e-4)


def test_no_more_keys_are_made_than_every_vertex_needs():
    motion = random_motion(6)
    everything = compress(lambda chunk: motion[:, chunk], 20, 30, max_keys=6, tolerance=0.0).tissue
    errors = [np.linalg.norm(motion - np.tensordot(everything.values[:, :count], everything.offsets[:count], axes=1), axis=2).max() for count in range(7)]
    for count in (0, 2, 4):
        found = compress(lambda chunk: motion[:, chunk], 20, 30, max_keys=6, tolerance=1.001 * min(errors[: count + 1]))
        assert len(found.tissue.names) == int(np.argmin(errors[: count + 1]))
        assert found.largest_error == pytest.approx(min(errors[: count + 1]), rel=1e-3)


def test_fitted_flesh_is_the_same_flesh_in_other_regions():
    fitted = TissueParameters(np.array([1e4, 1e6]), 3.0, 0.5)
    assert for_regions(fitted, 2) is fitted
    np.testing.assert_allclose(for_regions(fitted, 3).stiffness, 1e5)


def test_steps_between_frames_turn_evenly():
    fine = refine(motion_of(angles=[0, np.pi / 2], places=np.array([[0, 0, 0], [0, 0, 3.0]])), 3)
    np.testing.assert_allclose(fine.rotations[1, 0], [np.cos(np.pi / 12), 0, np.sin(np.pi / 12), 0], atol=1e-12)
    np.testing.assert_allclose(fine.translations[:, 0, 2], [0, 1, 2, 3])


@pytest.mark.parametrize(("fps", "degrees", "steps"), [(24, 0, 2), (240, 0, 1), (48, 60, 4), (24, 180, 8), (30, 1, 2)])
def test_steps_are_chosen_by_frame_rate_and_speed(fps, degrees, steps):
    assert choose_substeps(motion_of(angles=np.radians([0, degrees])), fps) == steps


def test_what_cannot_be_simulated_is_told_in_a_sentence():
    mesh = column()
    flat = Mesh(mesh.vertices * np.array([1, 0, 1], np.float32), mesh.triangles)
    firm = np.zeros(len(mesh.vertices), np.float32)
    for subject, frames, fps, painted, sentence in (
        (mesh, 3, 0.0, None, "frame rate is 0"),
        (mesh, 1, FPS, None, "one frame only"),
        (flat, 3, FPS, None, "The subject is flat"),
        (mesh, 3, FPS, firm, "no soft flesh"),
    ):
        with pytest.raises(InputError, match=sentence):
            simulate(subject, one_bone(subject), motion_of(frames=frames), fps, SETTINGS, painted=painted)


def test_the_same_input_gives_the_same_result_and_progress_ends_near_one():
    mesh = column()
    told = []
    results = [simulate(mesh, one_bone(mesh), start_and_stop(mesh, frames=9), FPS, SETTINGS, lambda fraction, text: told.append(fraction))[0] for _ in range(2)]
    np.testing.assert_array_equal(results[0].offsets, results[1].offsets)
    np.testing.assert_array_equal(results[0].values, results[1].values)
    assert told[len(told) // 2 - 1] == pytest.approx(0.95)
    assert all(0 <= fraction <= 1 for fraction in told)
