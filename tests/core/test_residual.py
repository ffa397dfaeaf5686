"""The residual layer, on cloth that moves beyond its bones, and where a video says nothing."""

import dataclasses

import caped
import numpy as np
import pytest
from animamimic.core.fit import skin
from animamimic.core.fit.problem import Problem
from animamimic.core.residual import fit_residual
from animamimic.core.residual.carrier import Carrier
from animamimic.core.residual.handles import Handles
from animamimic.core.residual.orbit import turned
from animamimic.core.residual.solve import Priors, step
from animamimic.core.retiming import retimed_tissue
from animamimic.core.settings import ResidualSettings
from animamimic.core.types import Mesh, Tissue
from animamimic.core.video.preview import orbit

SIDE = 160


def followed(subject, view, clip):
    """float[T, V, 3]: the surface with the shape keys that the clip gives, and the report."""
    tissue, report = fit_residual(
        subject.mesh, subject.rig, subject.motion, view, clip, resolution=SIDE, settings=ResidualSettings(handle_distance=9.0), max_keys=12
    )
    return caped.with_keys(subject, tissue), report


def error_pct(subject, got, part=slice(None)):
    return 100 * np.linalg.norm(got - subject.truth, axis=2)[:, part].mean() / subject.mesh.diagonal


def test_cloth_that_moves_beyond_its_bones_is_followed():
    """The cape waves by up to 7 % of the subject's size on top of its bone: at most half of the error is left, and the body stays."""
    subject, view = caped.caped(frames=13), caped.camera(SIDE)
    bare = skin(subject.rig, subject.motion)
    got, report = followed(subject, view, caped.film(subject, view))
    assert error_pct(subject, bare) > 0.8
    assert error_pct(subject, got) < 0.5 * error_pct(subject, bare)
    assert error_pct(subject, got, subject.cape) < 0.4 * error_pct(subject, bare, subject.cape)
    assert error_pct(subject, got, ~subject.cape) < 0.2
    np.testing.assert_allclose(got[0], subject.mesh.vertices, atol=1e-6)
    assert 0 < report.shape_keys <= 12
    assert report.largest_error_pct < 0.5


def test_bones_that_explain_everything_are_left_alone():
    subject, view = caped.caped(frames=5, wave=0.0), caped.camera(SIDE)
    got, report = followed(subject, view, caped.film(subject, view))
    assert error_pct(subject, got) < 0.1
    assert report.largest_pct < 1.0


def test_what_the_camera_cannot_see_gets_no_offset():
    """The same wave towards the camera, which an orthographic picture does not show, is not made up."""
    subject, view = caped.caped(frames=5, wave=0.0), caped.camera(SIDE, degrees=0.0)
    hidden = subject.mesh.vertices[:, 1] > 0.1
    got, _ = followed(subject, view, caped.film(subject, view))
    apart = np.abs(got - skin(subject.rig, subject.motion)).max(axis=2)
    assert hidden.any()
    assert apart[:, hidden].max() < 0.01 * subject.mesh.diagonal


def test_offsets_at_rest_are_carried_as_the_armature_will():
    """Carrier's points and matrices against skinning a displaced rest pose."""
    subject = caped.caped(frames=4)
    problem = Problem.of(subject.mesh, subject.rig, caped.camera())
    carrier = Carrier.of(problem, subject.motion)
    shift = np.random.default_rng(3).normal(0, 0.05, subject.rig.rest.shape)
    rest = (subject.rig.rest + shift).astype(np.float32)
    expected = skin(dataclasses.replace(subject.rig, rest=rest), subject.motion)[:, problem.kept]
    moved = carrier.points(range(4)) + np.einsum("twij,wj->twi", carrier.linear(range(4)), shift[problem.kept] / problem.scale)
    np.testing.assert_allclose(moved * problem.scale + problem.centre, expected, atol=2e-6)


def test_a_subject_turned_before_the_camera_is_seen_as_by_one_that_goes_around_it():
    """Clip-space places of every vertex, against the camera itself moved; the offsets at rest stay what they are."""
    subject, view, centre = caped.caped(frames=4), caped.camera(), np.array([0.1, -0.2, 0.6])
    shown = skin(subject.rig, turned(subject.rig, subject.motion, centre, 270.0)).astype(np.float64)
    own = skin(subject.rig, subject.motion).astype(np.float64)
    for frame, degrees in enumerate((0.0, 90.0, 180.0, 270.0)):
        moved = orbit(view, centre, degrees)
        seen, expected = (np.column_stack([points, np.ones(len(points))]) @ camera.world_to_clip.T for points, camera in ((shown[frame], view), (own[frame], moved)))
        np.testing.assert_allclose(seen, expected, atol=1e-5)


def test_handles_carry_a_shift_exactly_and_part_at_slits():
    """Weights sum to one; two sheets one hundredth apart share no handle."""
    x, y = np.meshgrid(np.linspace(0, 1, 12), np.linspace(0, 1, 12), indexing="ij")
    sheet = np.stack([x.ravel(), y.ravel(), np.zeros(144)], 1)
    corner = (np.arange(11)[:, None] * 12 + np.arange(11)).ravel()
    faces = np.concatenate([np.stack([corner, corner + 12, corner + 13], 1), np.stack([corner, corner + 13, corner + 1], 1)])
    mesh = Mesh(np.concatenate([sheet, sheet + np.array([0, 0, 0.01])]).astype(np.float32), np.concatenate([faces, faces + 144]).astype(np.int32))
    handles = Handles.of(mesh, 0.15)
    weights = handles.weights.toarray()
    np.testing.assert_allclose(weights.sum(1), 1)
    assert handles.shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(handles.laplacian @ np.ones(len(handles)), 0, atol=1e-12)
    assert not ((weights[:144] > 0).any(0) & (weights[144:] > 0).any(0)).any()


def test_a_step_is_the_minimum_of_the_whole_cost():
    """Conjugate gradients against the normal equations written out: one handle, three free frames."""
    handles = Handles.of(Mesh(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 2]], np.int32)), 10.0)
    generator = np.random.default_rng(5)
    root = generator.normal(size=(3, 3, 3))
    hessian, gradient, offsets = root @ root.transpose(0, 2, 1), generator.normal(size=(3, 3)), np.zeros((4, 1, 3))
    offsets[1:] = generator.normal(size=(3, 1, 3))
    priors = Priors(rest=2.0, space=1.0, time=3.0)
    bend = np.array([[-2.0, 1, 0], [1, -2, 1]])
    dense = np.kron(3.0 * bend.T @ bend, np.eye(3)) + 2.0 * np.eye(9)
    right = gradient.ravel() + dense @ offsets[1:].ravel()
    for frame in range(3):
        dense[3 * frame : 3 * frame + 3, 3 * frame : 3 * frame + 3] += hessian[frame]
    got = step(handles, priors, offsets, hessian, gradient)
    np.testing.assert_allclose((got - offsets)[1:].ravel(), -np.linalg.solve(dense, right), atol=1e-3)
    np.testing.assert_array_equal(got[0], 0)


def test_shape_keys_of_a_slower_film_reach_every_frame():
    tissue = Tissue(("soft.001",), np.zeros((1, 2, 3), np.float32), np.array([[0.0], [0.5], [-1.0]], np.float32))
    np.testing.assert_allclose(retimed_tissue(tissue, np.array([0, 2, 3], np.int32), 5).values[:, 0], [0, 0.25, 0.5, -1, -1])
