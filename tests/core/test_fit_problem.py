"""The normalised problem, the way back to the rig's own tree, projection and the joint solve."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from animamimic.core.fit import AUTOMATIC_RIG, OWN_RIG, freedom, refine
from animamimic.core.fit.freedom import Freedom, freed, possible, promised
from animamimic.core.fit.kinematics import exponential, skin
from animamimic.core.fit.limbs import limb_joints
from animamimic.core.fit.poses import Poses
from animamimic.core.fit.problem import Problem
from animamimic.core.fit.smoothness import Smoothness
from animamimic.core.fit.solver import Solver, block_diagonal, predict
from animamimic.core.types import Mesh, Rig, View


def game_rig():
    """An unweighted root under the hips, a leg, an idle bone, and a hoof that is a root of its own but shares skin with the leg.

    Two triangles on every weighted bone; the last two vertices repeat two others, as unwelded game meshes do.
    """
    names = ("root", "hips", "leg", "idle", "hoof")
    heads = np.array([[0.0, 0, 0], [0, 0, 2], [0, 0, 1.5], [0, 1, 0], [0, 0, 0.2]])
    generator = np.random.default_rng(3)
    vertices = generator.normal(size=(9, 3)).astype(np.float32)
    vertices[7:] = vertices[:2]
    influences = np.array([[1, 0], [1, 0], [2, 1], [2, 4], [2, 4], [4, 0], [4, 0], [1, 0], [1, 0]], np.int32)
    weights = np.array([[1, 0], [1, 0], [0.5, 0.5], [0.7, 0.3], [0.6, 0.4], [1, 0], [1, 0], [1, 0], [1, 0]], np.float32)
    rig = Rig(
        names=names,
        parents=np.array([-1, 0, 1, 2, -1], np.int32),
        heads=heads,
        tails=heads + 0.1,
        z_axes=np.tile([0.0, 0, 1], (5, 1)),
        influences=influences,
        weights=weights,
        rest=vertices,
        bind=np.tile(np.eye(3, 4), (5, 1, 1)),
    )
    return Mesh(vertices, np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8], [4, 5, 6]], np.int32)), rig


def camera():
    """A perspective camera 10 m back along -Y, looking along +Y, 90 degrees wide."""
    matrix = np.array([[1.0, 0, 0, 0], [0, 0, -1, -10], [0, 1, 0, 0], [0, 0, 0, 1]])
    projection = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1.02, -0.2], [0, 0, -1, 0]])
    return View(200, 200, matrix, projection)


@pytest.fixture(scope="module")
def problem():
    return Problem.of(*game_rig(), camera())


def test_the_solved_tree_leaves_out_idle_bones_and_hangs_the_hoof_on_the_leg(problem):
    assert [problem.rig.names[bone] for bone in problem.bone_of_joint] == ["hips", "leg", "hoof"]
    assert problem.skeleton.parents == (-1, 0, 1)
    assert problem.movable.tolist() == [True, False, False]
    assert len(problem.vertices) == 7
    assert np.linalg.norm(np.ptp(problem.vertices, axis=0)) == pytest.approx(1.0)


def test_a_solution_returns_to_the_rigs_own_tree_exactly(problem):
    """Skinning the returned motion gives the very points that the solver saw."""
    mesh, rig = game_rig()
    generator = np.random.default_rng(5)
    turns = torch.as_tensor(generator.normal(size=(3, 3, 3)))
    turns[0] = 0
    poses = Poses(exponential(turns), torch.zeros(3, 3, 3, dtype=torch.float64))
    poses.translations[1:, 0] = torch.as_tensor(generator.normal(size=(2, 3)))
    motion = problem.motion(poses, np.array([0.5, 0.6, 0.7], np.float32))
    seen = problem.skinned(*problem.skeleton.transforms(poses.rotations, poses.translations)) * problem.scale + problem.centre
    kept = [int(np.argmin(np.linalg.norm(mesh.vertices - point, axis=1))) for point in seen[0]]
    np.testing.assert_allclose(skin(rig, motion)[:, kept], seen, atol=1e-5)
    np.testing.assert_array_equal(motion.translations[:, [1, 2, 3]], 0)  # roots alone translate
    np.testing.assert_allclose(motion.certainty, [0.5, 0.5, 0.6, 0, 0.7])


def test_a_stretched_solution_returns_to_the_rigs_own_tree_exactly(problem):
    """Hips and hoof change their length; the hoof is a root of the rig, so nothing above it may: hips and leg cannot."""
    assert problem.elastic.tolist() == [False, False, True]
    problem = freed(problem, Freedom(2, True), Freedom(1, False))
    generator = np.random.default_rng(6)
    poses = problem.rest(3)
    poses.rotations[1:] = exponential(torch.as_tensor(generator.normal(size=(2, 3, 3))))
    poses.translations[1:, :2] = torch.as_tensor(generator.normal(size=(2, 2, 3)))
    poses.stretches[1:, 2] = torch.tensor([0.5, -0.4])
    motion = problem.motion(poses, np.ones(3, np.float32))
    seen = problem.skinned(*problem.transforms(poses)) * problem.scale + problem.centre
    kept = [int(np.argmin(np.linalg.norm(game_rig()[0].vertices - point, axis=1))) for point in seen[0]]
    np.testing.assert_allclose(skin(problem.rig, motion)[:, kept], seen, atol=1e-5)
    np.testing.assert_allclose(motion.scales[1, 4], np.exp([-0.25, 0.5, -0.25]))
    np.testing.assert_array_equal(motion.scales[:, :4], 1.0)  # exactly, not nearly


def test_a_chain_of_one_tree_may_stretch_where_children_are_scaled_along():
    """Three bones in a row, of which the last does not take its parent's scale: the first two cannot stretch."""
    mesh, rig = game_rig()
    chain = replace(rig, parents=np.array([-1, 0, 1, 2, 2], np.int32))
    assert Problem.of(mesh, chain, camera()).elastic.tolist() == [True, True, True]
    proud = replace(chain, inherits_scale=np.array([True, True, True, True, False]), loose=np.array([True, True, False, True, True]))
    stiff = Problem.of(mesh, proud, camera())
    assert stiff.elastic.tolist() == [False, False, True]
    assert Freedom(1, False) not in possible(stiff)  # a connected bone stays on its parent's tip


def test_the_promise_of_a_freedom_is_what_the_full_minimum_saves():
    """Against the minima of the whole quadratic with and without the group, written out."""
    generator = np.random.default_rng(8)
    root = torch.as_tensor(generator.normal(size=(2, 5, 5)))
    hessian, gradient = root @ root.transpose(1, 2) + torch.eye(5, dtype=torch.float64), torch.as_tensor(generator.normal(size=(2, 5)))
    found = promised(hessian, gradient, torch.tensor([0, 1]), [torch.tensor([2, 3]), torch.tensor([4])])
    for group, promise in (([0, 1, 2, 3], found[0]), ([0, 1, 4], found[1])):
        lost = 0.0
        for columns, sign in (([0, 1], -1), (group, 1)):
            for item in range(2):
                part = hessian[item][columns][:, columns]
                lost += sign * 0.5 * float(gradient[item, columns] @ torch.linalg.solve(part, gradient[item, columns]))
        assert float(promise) == pytest.approx(lost)


def test_quaternions_run_on_without_flips(problem):
    """A whole turn in steps of 20 degrees: neighbours never point opposite ways, though the last is minus the first."""
    count = 19
    turns = torch.zeros(count, 3, 3, dtype=torch.float64)
    turns[:, 0, 2] = torch.linspace(0, 2 * np.pi, count, dtype=torch.float64)
    motion = problem.motion(Poses(exponential(turns), torch.zeros(count, 3, 3, dtype=torch.float64)), np.ones(3, np.float32))
    hips = motion.rotations[:, 1]
    assert ((hips[1:] * hips[:-1]).sum(1) > 0.9).all()
    np.testing.assert_allclose(hips[-1], [-1, 0, 0, 0], atol=1e-9)


def test_prediction_goes_on_at_the_share_of_the_speed():
    turn = torch.tensor([0.0, 0, 0.4], dtype=torch.float64).reshape(1, 1, 3)
    before, last = Poses.rest(1, 1), Poses(exponential(turn), torch.ones(1, 1, 3, dtype=torch.float64))
    ahead = predict(last, before, 0.5)
    np.testing.assert_allclose(ahead.rotations, exponential(1.5 * turn), atol=1e-12)
    np.testing.assert_allclose(ahead.translations, 1.5)


@pytest.mark.parametrize(("priors", "rest", "share"), [(OWN_RIG, 2.0, 0.2), (AUTOMATIC_RIG, 40.0, 1.0)])
def test_only_a_rig_made_for_the_subject_is_let_go(problem, monkeypatch, priors, rest, share):
    """The pulls of the last round: of 40 a twentieth, or of 160 the quarter that it began with."""
    held = []
    monkeypatch.setattr(refine, "one_round", lambda solver, poses, smoothness, one: held.append((solver.priors.rest, smoothness.share)) or (poses, smoothness))
    refine.refine(Solver(None, priors), Poses.rest(2, problem.joints), Smoothness(), lambda fraction: None)
    assert held[0][1] == 1.0
    assert held[-1] == pytest.approx((rest, share))


def test_what_a_round_learns_of_the_joints_is_kept(problem, monkeypatch):
    """Every round adds one to what the picture is known to determine."""
    known = []

    def one_more(solver, poses, smoothness, one):
        known.append(0.0 if smoothness.determined is None else float(smoothness.determined[0]))
        return poses, replace(smoothness, determined=np.array([known[-1] + 1]))

    monkeypatch.setattr(refine, "one_round", one_more)
    refine.refine(Solver(None), Poses.rest(2, problem.joints), Smoothness(), lambda fraction: None)
    assert known == list(range(len(refine.ROUNDS)))


def test_limbs_are_reconsidered_once_before_the_last_rounds(problem, monkeypatch):
    happened = []
    monkeypatch.setattr(refine, "one_round", lambda solver, poses, smoothness, one: happened.append(one.level) or (poses, smoothness))

    def between(poses):
        happened.append("limbs")
        return poses

    refine.refine(Solver(None), Poses.rest(2, problem.joints), Smoothness(), lambda fraction: None, between=between)
    assert happened == [2, 3, 3, "limbs", 2, 3, 3]


def test_what_does_not_promise_is_left_after_the_first_rounds(problem, monkeypatch):
    happened = []
    monkeypatch.setattr(refine, "one_round", lambda solver, poses, smoothness, one: happened.append(one.level) or (poses, smoothness))
    refine.refine(Solver(None), Poses.rest(2, problem.joints), Smoothness(), lambda fraction: None, between=happened.append, promising=lambda poses: False)
    assert happened == [2, 3, 3]


def test_unknowns_are_turned_block_by_block():
    """As by the whole matrix, and what has no axes stays."""
    generator = torch.Generator().manual_seed(0)
    blocks = exponential(torch.randn(2, 3, 3, generator=generator, dtype=torch.float64))
    rows = torch.randn(2, 11, 11, generator=generator, dtype=torch.float64)
    basis = torch.eye(11, dtype=torch.float64).repeat(2, 1, 1)
    basis[:, :9, :9] = block_diagonal(blocks)
    np.testing.assert_allclose(refine._turned(rows, blocks), basis.transpose(1, 2) @ rows)


def test_steps_of_a_round_gather_speed(problem, monkeypatch):
    """Each step goes a tenth of the way to a place one away. With 0.7 of the last step before each next, 0.9, 0.747 and 0.576 of it are left."""

    def tenth(problem, poses, systems, smoothness):
        return replace(poses, translations=poses.translations + 0.1 * (1 - poses.translations)), smoothness

    monkeypatch.setattr(refine, "_step", tenth)
    stub = SimpleNamespace(problem=problem, priors=OWN_RIG)
    poses, _ = refine.one_round(stub, Poses.rest(1, problem.joints), Smoothness(), refine.Round(3, 3, 1.0, 1.0, 1.0))
    np.testing.assert_allclose(1 - poses.translations, 0.57591)


def test_limbs_are_found_without_the_body():
    """The hips carry everything and are no limb; the leg is."""
    mesh, rig = game_rig()
    problem = Problem.of(mesh, rig, camera())
    assert 0 not in limb_joints(problem)


@pytest.mark.parametrize(("early", "late", "freed_count", "refined"), [(0.96, 0.5, 0, False), (0.9, 0.8, 1, True), (0.9, 0.9, 0, True)])
def test_a_freedom_is_kept_for_what_it_saves(problem, monkeypatch, early, late, freed_count, refined):
    """And not refined to the end where the first rounds save less than a twentieth."""
    errors, went_on = [1.0], []
    monkeypatch.setattr(freedom, "clip_error", lambda observer, poses: errors[-1])
    monkeypatch.setattr(freedom, "worth_refining", lambda solver, poses: Freedom(1, False) if len(errors) == 1 else None)
    monkeypatch.setattr(freedom, "_seen_by", lambda observer, problem: SimpleNamespace(problem=problem))

    def refine_in_part(solver, small, poses, promising):
        errors.append(early)
        went_on.append(promising(poses))
        errors.append(late if went_on[-1] else early)
        return poses

    rigid = freedom.Fitted(Solver(SimpleNamespace(problem=problem)), SimpleNamespace(problem=problem), problem.rest(2), 2)
    fitted = freedom.free_joints(rigid, refine_in_part, lambda: False)
    assert went_on == [refined]
    assert len(freedom.freed_joints(fitted.solver.problem)) == freed_count


@pytest.mark.parametrize(
    ("promises", "errors", "chosen", "fitted"),
    [
        ((0.2, 0.1, 0.05), (0.8, 0.7, 0.1), 1, [None, 0, 1]),  # the most wanted is not the best, the third is not tried
        ((0.2, 0.1, 0.05), (0.95, 0.9, 0.1), None, [None, 0, 1]),  # neither saves enough
        ((0.2, 0.1, 0.05), (1.2, 1.1, 0.1), None, [None, 0, 1]),  # both make it worse
        ((0.04, 0.02, 0.01), (0.8, 0.1, 0.1), 0, [None, 0]),
        ((0.02, 0.01, 0.01), (0.1, 0.1, 0.1), None, []),  # who demands nothing pays nothing
    ],
)
def test_what_a_freedom_is_worth_is_tried_on_a_few_frames(problem, monkeypatch, promises, errors, chosen, fitted):
    freedoms = [Freedom(1, False), Freedom(1, True), Freedom(2, True)]
    asked = []

    def error_of_few(solver, poses):
        which = next((index for index, one in enumerate(freedoms) if solver.freed == (one,)), None)
        asked.append(which)
        return 1.0 if which is None else errors[which]

    monkeypatch.setattr(freedom, "most_wanted", lambda solver, poses: list(zip(freedoms, promises, strict=True)))
    monkeypatch.setattr(freedom, "_error_of_few", error_of_few)
    monkeypatch.setattr(freedom, "_opened", lambda solver, one: SimpleNamespace(freed=(one,)))
    found = freedom.worth_refining(SimpleNamespace(freed=(), problem=problem), problem.rest(2))
    assert (found, asked) == (None if chosen is None else freedoms[chosen], fitted)


@pytest.mark.parametrize(("errors", "joint"), [((0.7, 0.72), 2), ((0.7, 0.74), 1), ((0.72, 0.7), 2)])
def test_of_freedoms_that_save_as_much_the_one_that_moves_less_is_taken(problem, monkeypatch, errors, joint):
    """Joint 2 hangs on joint 1. Nine tenths of 0.3 are 0.27."""
    error_with = dict(zip((Freedom(1, False), Freedom(2, False)), errors, strict=True))
    monkeypatch.setattr(freedom, "most_wanted", lambda solver, poses: [(one, 0.1) for one in error_with])
    monkeypatch.setattr(freedom, "_error_of_few", lambda solver, poses: error_with.get(solver.freed, 1.0))
    monkeypatch.setattr(freedom, "_opened", lambda solver, one: SimpleNamespace(freed=one))
    assert freedom.worth_refining(SimpleNamespace(freed=None, problem=problem), problem.rest(2)) == Freedom(joint, False)
