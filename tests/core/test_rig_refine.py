"""The skeleton after a first fit: a joint more where a bar bends inside its bone, bones less where nothing turns."""

import caped
import made_jobs
import numpy as np
import pytest
from animamimic.core import job, pipeline
from animamimic.core.fit import AUTOMATIC_RIG, fit_motion, skin
from animamimic.core.residual import fit_residual
from animamimic.core.rig.naming import renumbered
from animamimic.core.rig.refine import refine_rig
from animamimic.core.settings import FitSettings, ResidualSettings
from animamimic.core.types import Mesh, Motion, Rig, Tissue

HINGE = 0.7
"""Height of the hinge in the bar, which is 1.2 m high."""


def bar_mesh():
    points, triangles = caped._tube(sides=16, rings=40, radius=0.12, height=1.2)
    return Mesh(points.astype(np.float32), triangles.astype(np.int32))


def chain(mesh, names, joints):
    """A chain of bones up the bar with its joints at these heights; weights pass over a tenth of a metre."""
    heights = np.array(joints)
    above = np.clip((mesh.vertices[:, 2, None] - heights[1:-1]) / 0.1 + 0.5, 0, 1)
    dense = -np.diff(np.concatenate([np.ones((len(above), 1)), above, np.zeros((len(above), 1))], axis=1), axis=1)
    bones = len(names)
    place = np.stack([0 * heights, 0 * heights, heights], 1)
    bare = Rig.bare(mesh, names, np.arange(-1, bones - 1, dtype=np.int32), place[:-1], place[1:], np.tile([0.0, 1, 0], (bones, 1)))
    influences = np.tile(np.arange(bones, dtype=np.int32), (len(dense), 1))
    return Rig(**{**vars(bare), "influences": influences, "weights": dense.astype(np.float32)})


def turned(rig, bone, angles):
    """The motion in which one bone turns about Y by these angles, radians."""
    rotations = np.tile([1.0, 0, 0, 0], (len(angles), len(rig.names), 1))
    rotations[:, bone, 0], rotations[:, bone, 2] = np.cos(angles / 2), np.sin(angles / 2)
    return Motion(rotations, np.zeros((len(angles), len(rig.names), 3)), np.ones(len(rig.names), np.float32))


def left_by(rig, motion, truth):
    """What the surface does beyond bones that never move, one key a frame."""
    return Tissue(tuple(map(str, range(len(truth)))), (truth - skin(rig, motion)).astype(np.float32), np.eye(len(truth), dtype=np.float32))


ANGLES = 0.6 * np.sin(np.linspace(0, 2 * np.pi, 9))
NOTHING = Tissue((), np.zeros((0, 0, 3), np.float32), np.zeros((9, 0), np.float32))


def test_a_bar_that_bends_inside_its_bone_gets_a_joint_there():
    mesh = bar_mesh()
    hinged, stiff = chain(mesh, ("root", "top"), (0, HINGE, 1.2)), chain(mesh, ("root",), (0, 1.2))
    truth = skin(hinged, turned(hinged, 1, ANGLES))
    refined = refine_rig(stiff, turned(stiff, 0, 0 * ANGLES), left_by(stiff, turned(stiff, 0, 0 * ANGLES), truth), 4)
    assert (refined.rig.names, refined.added, refined.merged) == (("root", "spine"), ("root",), ())
    np.testing.assert_array_equal(refined.rig.parents, [-1, 0])
    assert refined.rig.heads[1, 2] == pytest.approx(HINGE, abs=0.08)
    np.testing.assert_allclose(refined.rig.tails[[0, 1], 2], [refined.rig.heads[1, 2], 1.2])
    np.testing.assert_allclose(refined.rig.weights.sum(1), 1, atol=1e-6)
    error = np.linalg.norm(skin(refined.rig, turned(refined.rig, 1, ANGLES)) - truth, axis=2).mean()
    assert error < 0.15 * np.linalg.norm(truth - truth[:1], axis=2).mean()


def test_a_bar_that_leans_as_a_whole_gets_no_joint():
    """A bone that is only misplaced is not missing one."""
    mesh = bar_mesh()
    stiff = chain(mesh, ("root",), (0, 1.2))
    truth = skin(stiff, turned(stiff, 0, ANGLES / 3))
    still = turned(stiff, 0, 0 * ANGLES)
    assert refine_rig(stiff, still, left_by(stiff, still, truth), 4).rig.names == ("root",)


def test_bones_that_never_turn_join_their_parents():
    mesh = bar_mesh()
    rig = chain(mesh, ("root", "spine.001", "spine.002", "spine.003", "spine.004"), (0, 0.2, 0.4, HINGE, 0.9, 1.2))
    refined = refine_rig(rig, turned(rig, 3, ANGLES), NOTHING, 4)
    assert refined.merged == ("spine.001", "spine.002", "spine.004")
    assert refined.rig.names == ("root", "spine")
    np.testing.assert_allclose(refined.rig.heads[:, 2], [0, HINGE])
    np.testing.assert_allclose(refined.rig.tails[:, 2], [HINGE, 1.2])
    # Nothing is lost: the motion of the bone that is left moves the surface as the whole chain did.
    np.testing.assert_allclose(skin(refined.rig, turned(refined.rig, 1, ANGLES)), skin(rig, turned(rig, 3, ANGLES)), atol=1e-5)


def test_a_still_bone_stays_where_its_mirror_image_moves_and_where_nobody_saw_it():
    mesh = bar_mesh()
    rig = chain(mesh, ("root", "arm.L", "arm.R"), (0, 0.4, 0.8, 1.2))
    assert refine_rig(rig, turned(rig, 1, ANGLES), NOTHING, 4).rig.names == rig.names
    unseen = turned(rig, 0, ANGLES)
    unseen.certainty[:] = 0.0
    assert refine_rig(rig, unseen, NOTHING, 4).rig.names == rig.names


def test_names_count_from_one_again():
    assert renumbered(("root", "spine.002", "spine.004", "leg.front.001.L", "leg.front.001.L", "arm.002.R")) == (
        "root", "spine.001", "spine.002", "leg.front.001.L", "leg.front.002.L", "arm.R",
    )


def test_the_joint_is_found_in_a_video():
    """Shape alone cannot know where a smooth bar bends: one bone is fitted to a film of it, and what that leaves shows the hinge."""
    mesh = bar_mesh()
    hinged, stiff = chain(mesh, ("root", "top"), (0, HINGE, 1.2)), chain(mesh, ("root",), (0, 1.2))
    angles = 0.4 * np.sin(np.linspace(0, np.pi, 7))
    truth = skin(hinged, turned(hinged, 1, angles)).astype(np.float64)
    subject = caped.Caped(mesh, hinged, turned(hinged, 1, angles), truth, np.zeros(len(mesh.vertices), bool), caped._patches(mesh.vertices))
    view = caped.camera(96, degrees=0.0)
    clip = caped.film(subject, view)
    motion, first = fit_motion(mesh, stiff, view, clip, FitSettings(fit_resolution=96), base=AUTOMATIC_RIG)
    left, _ = fit_residual(mesh, stiff, motion, view, clip, resolution=96, settings=ResidualSettings(), max_keys=8)
    refined = refine_rig(stiff, motion, left, 4)
    assert refined.added == ("root",)
    assert refined.rig.heads[1, 2] == pytest.approx(HINGE, abs=0.15)
    again, second = fit_motion(mesh, refined.rig, view, clip, FitSettings(fit_resolution=96), base=AUTOMATIC_RIG)
    assert np.mean(second.image_error) < 0.7 * np.mean(first.image_error)
    wrong = [np.linalg.norm(skin(rig, one) - truth, axis=2).mean() for rig, one in ((stiff, motion), (refined.rig, again))]
    assert wrong[1] < 0.6 * wrong[0]


def test_a_job_refines_its_rig_when_asked_and_goes_on_where_it_stopped(tmp_path):
    """A whole run: the figures tell what the video changed, and the same job again computes nothing."""
    folder = made_jobs.write_job(tmp_path / "job", frames=5, fit_resolution=64, rig_from_video=True)
    assert pipeline.run(folder) == 0
    first = job.read_result(folder)
    assert {"fit", "joints"} <= set(first.report["seconds_by_stage"])
    refined = first.report["rig_refined"]
    assert set(refined) == {"added", "merged", "kept"}
    assert ("refit" in first.report["seconds_by_stage"]) == bool(refined["added"] or refined["merged"])
    assert first.report["bones"] == len(first.rig.names) == first.motion.rotations.shape[1]
    assert pipeline.run(folder) == 0
    again = job.read_result(folder).report
    assert set(again["reused_stages"]) == set(again["seconds_by_stage"]) and again["rig_refined"] == refined
