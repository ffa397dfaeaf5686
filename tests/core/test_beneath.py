"""Bones found beneath a surface that moves beyond them: the equations against plain ones, and a body that its cape had turned."""

import dataclasses

import caped
import numpy as np
import pytest
import torch
from animamimic.core.fit import OWN_RIG, fit_motion, skin
from animamimic.core.fit.kinematics import exponential
from animamimic.core.fit.motion import prepare
from animamimic.core.fit.poses import Poses
from animamimic.core.fit.refine import PlainPicture
from animamimic.core.fit.smoothness import Smoothness
from animamimic.core.residual import beneath, fit_residual, layer, settled
from animamimic.core.residual.beneath import LoosePicture, firmness_of
from animamimic.core.residual.carrier import Carrier
from animamimic.core.residual.evidence import Evidence, Film
from animamimic.core.residual.handles import Handles
from animamimic.core.residual.solve import Priors
from animamimic.core.settings import FitSettings, ResidualSettings

SIDE = 144


@pytest.fixture(scope="module")
def scene():
    """The caped subject, its film, and a solver."""
    subject, view = caped.caped(frames=13), caped.camera(SIDE)
    clip = caped.film(subject, view)
    return subject, view, clip, prepare(subject.mesh, subject.rig, view, clip, FitSettings(fit_resolution=SIDE), OWN_RIG)[0]


def truth(subject, twist=0.0):
    """The true poses, hip and chest turned against each other about the body's own axis by so many radians, more and less over the clip."""
    frames = len(subject.truth)
    angle = np.array([2 * np.arctan2(y, w) for w, y in subject.motion.rotations[:, 1, [0, 2]]])
    wrong = twist * np.sin(np.linspace(0, 2 * np.pi, frames))
    turns = np.zeros((frames, 2, 3))
    turns[:, 0, 2], turns[:, 1, 1], turns[:, 1, 2] = wrong, angle, -2 * wrong
    return Poses(exponential(torch.from_numpy(turns)), torch.zeros(frames, 2, 3, dtype=torch.float64))


def picture(scene, offsets=None, priors=Priors(), poses=None):  # noqa: B008
    subject, _, _, solver = scene
    handles = Handles.of(subject.mesh, 0.15)
    film = Film(dataclasses.replace(solver.observer, surface_points=layer.SURFACE_POINTS), lambda frame: solver.observer.look)
    motion = solver.problem.motion(poses or truth(subject), np.ones(2, np.float32))
    evidence = Evidence.of(film, Carrier.of(solver.problem, motion), handles)
    return LoosePicture(evidence, priors, np.zeros((len(subject.truth), len(handles), 3)) if offsets is None else offsets)


def test_a_surface_held_without_give_says_what_the_bones_own_picture_says(scene):
    subject, _, _, solver = scene
    poses, frames = truth(subject)[[2, 3]], [2, 3]
    loose = picture(scene, priors=Priors(1e14, 1e14, 1e14))
    seen = loose.look_at(frames, poses, 3)
    got, expected = loose.system(frames, poses, seen), PlainPicture(solver).system(frames, poses, seen)
    torch.testing.assert_close(got.hessian, expected.hessian, rtol=1e-3, atol=1e-3 * float(expected.hessian.abs().max()))
    torch.testing.assert_close(got.gradient, expected.gradient, rtol=1e-3, atol=1e-3 * float(expected.gradient.abs().max()))


def test_offsets_are_eliminated_as_if_solved_for_together(scene):
    """The bones' step of the eliminated equations against that of bones and offsets in one system, offsets not at zero."""
    subject = scene[0]
    poses, frames = truth(subject, 0.1)[[2]], [2]
    offsets = np.random.default_rng(1).normal(0, 0.01, (len(subject.truth), len(Handles.of(subject.mesh, 0.15)), 3))
    loose = picture(scene, offsets, poses=truth(subject, 0.1))
    seen = loose.look_at(frames, poses, 3)
    got = loose.system(frames, poses, seen)
    both = loose._both(frames, poses, seen)
    handles, priors, size = loose.evidence.handles, loose.priors, both.bones.hessian.shape[1]
    held = np.kron(priors.rest * np.diag(handles.shares) + priors.space * handles.laplacian, np.eye(3))
    whole = torch.zeros(size + len(held), size + len(held), dtype=torch.float64)
    whole[:size, :size], whole[:size, size:], whole[size:, :size] = both.bones.hessian[0], both.mixed[0], both.mixed[0].T
    whole[size:, size:] = both.offsets[0] + torch.from_numpy(held + np.diag(6 * priors.time * np.repeat(handles.shares, 3)))
    right = torch.cat([both.bones.gradient[0], both.pull[0] + torch.from_numpy(held @ offsets[2].ravel())])
    ridge = torch.eye(size, dtype=torch.float64)  # what of the pose the picture does not see
    whole[:size, :size] += ridge
    expected = torch.linalg.solve(whole, right)[:size]
    torch.testing.assert_close(torch.linalg.solve(got.hessian[0] + ridge, got.gradient[0]), expected, rtol=1e-6, atol=1e-9)


def test_how_the_picture_moves_with_bones_and_offsets_is_its_derivative(scene):
    """The gradient of both, against the cost a little to either side."""
    subject, _, _, solver = scene
    frames, generator = [3], np.random.default_rng(2)
    offsets = generator.normal(0, 0.005, (len(subject.truth), len(Handles.of(subject.mesh, 0.15)), 3))
    poses = truth(subject, 0.05)
    loose = picture(scene, offsets, poses=poses)
    seen = loose.look_at(frames, poses[frames], 2)
    plain = dataclasses.replace(seen, surface_objectives=seen.surface_objectives[1:])  # flow and outlines: colours bend within a pixel
    both = loose._both(frames, poses[frames], plain)

    def cost(step, turn, shift):
        moved = offsets.copy()
        moved[3] += step * shift
        tried = solver.moved(poses[frames], step * turn[None])
        return float(dataclasses.replace(loose, offsets=moved)._both(frames, tried, plain).bones.cost[0])

    turn, shift = torch.from_numpy(generator.normal(0, 1, solver.problem.unknowns)), generator.normal(0, 1, offsets.shape[1:])
    along = float(both.bones.gradient[0] @ turn + both.pull[0] @ torch.from_numpy(shift.ravel()))
    step = 1e-4
    assert (cost(step, turn, shift) - cost(-step, turn, shift)) / (2 * step) == pytest.approx(along, rel=0.1)


def test_handles_that_move_are_held_less():
    offsets = np.zeros((5, 2, 3))
    offsets[1:, 1, 0] = np.sqrt(beneath.USUAL**2 - beneath.LEAST**2)
    np.testing.assert_allclose(firmness_of(offsets), [(beneath.USUAL / beneath.LEAST) ** 4, 1.0])
    handles = Handles.of(caped.caped(frames=2).mesh, 0.3)
    half = handles.loosened(np.full(len(handles), 0.5))
    np.testing.assert_allclose(half.laplacian, 0.5 * handles.laplacian, atol=1e-12)
    np.testing.assert_allclose(half.shares, 0.5 * handles.shares)


def test_the_layer_halves_the_error_that_bones_fitted_alone_leave():
    """Film, fit, and both ways on from there: 2.54 % of the diagonal by bones alone, 0.86 % with bones found beneath the layer."""
    subject, view = caped.caped(), caped.camera(192)
    clip, settings, alone = caped.film(subject, view), ResidualSettings(), []

    def settle(solver, poses, smoothness, stop):
        alone.append(solver.problem.motion(poses, np.ones(2, np.float32)))
        return settled(solver, poses, smoothness, stop, mesh=subject.mesh, settings=settings)

    found, _ = fit_motion(subject.mesh, subject.rig, view, clip, FitSettings(fit_resolution=192), base=OWN_RIG, settle=settle)
    tissue, _ = fit_residual(subject.mesh, subject.rig, found, view, clip, resolution=192, settings=settings, max_keys=12)
    by_bones = error_pct(subject, skin(subject.rig, alone[0]))
    assert by_bones > 1.5
    assert error_pct(subject, skin(subject.rig, found)) < 0.75 * by_bones
    assert error_pct(subject, caped.with_keys(subject, tissue, found)) < 0.5 * by_bones


def error_pct(subject, got):
    return 100 * np.linalg.norm(got - subject.truth, axis=2).mean() / subject.mesh.diagonal


@pytest.mark.parametrize(("better", "stopped"), [(True, False), (False, False), (True, True)])
def test_poses_are_changed_only_where_the_pictures_come_nearer(scene, monkeypatch, better, stopped):
    subject, _, _, solver = scene
    errors = iter([2.0, 1.0 if better else 3.0])
    moved = truth(subject, 0.1)
    monkeypatch.setattr(layer, "follow", lambda film, carrier, handles, priors: np.zeros((13, len(handles), 3)))
    monkeypatch.setattr(layer, "one_round", lambda evidence, priors, offsets, level: offsets)
    monkeypatch.setattr(Evidence, "error", lambda self, offsets: next(errors))
    monkeypatch.setattr(beneath, "one_round", lambda solver, poses, smoothness, *_: (moved, smoothness))
    given = truth(subject)
    found = settled(solver, given, Smoothness(), lambda: stopped, mesh=subject.mesh, settings=ResidualSettings())
    assert found is (moved if better and not stopped else given)
