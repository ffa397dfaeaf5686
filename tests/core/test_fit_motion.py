"""The whole fit on an arm of two flat bars, drawn by OpenCV's polygons and not by our own renderer."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from animamimic.core.bone_scale import bone_axes
from animamimic.core.bounds import begin_process, bound_opencv
from animamimic.core.errors import InputError
from animamimic.core.fit import AUTOMATIC_RIG, OWN_RIG, Priors, fit_motion, motion, preview, skin
from animamimic.core.fit.kinematics import exponential, logarithm
from animamimic.core.fit.motion import prepare
from animamimic.core.fit.observe import BY_DIS
from animamimic.core.fit.poses import Poses
from animamimic.core.fit.refine import ROUNDS
from animamimic.core.fit.solver import System
from animamimic.core.settings import FitSettings
from animamimic.core.types import Clip, Mesh, Rig, View
from animamimic.core.video.film import write_film
from animamimic.core.video.flow import DIS
from animamimic.core.video.load import load_clip
from animamimic.core.workers import processes, use_workers
from process_work import until_ready

SIDE = 128
COLOURS = ((200, 60, 40), (40, 70, 190))


def bar(first, last, half=0.16, cells=8):
    """Vertices and triangles of a flat bar along X in the plane z = 0."""
    x, y = np.meshgrid(np.linspace(first, last, cells + 1), [-half, half], indexing="ij")
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], 1)
    corner = 2 * np.arange(cells)[:, None]
    return vertices, np.concatenate([np.add(corner, [0, 2, 1]), np.add(corner, [1, 2, 3])])


def arm(scale=1.0, extra_bone=False):
    """Upper arm from x = -1 to 0, forearm from 0 to 1; orthographic view of [-1.5, 1.5] along -Z."""
    (upper, faces), (fore, _) = bar(-1, 0), bar(0, 1)
    vertices = (np.concatenate([upper, fore]) * scale).astype(np.float32)
    mesh = Mesh(vertices, np.concatenate([faces, faces + len(upper)]).astype(np.int32))
    bones = 3 if extra_bone else 2
    heads = np.array([[-1.0, 0, 0], [0, 0, 0], [1, 0, 0]])[:bones] * scale
    rig = Rig(
        names=("upper", "fore", "idle")[:bones],
        parents=np.array([-1, 0, 1], np.int32)[:bones],
        heads=heads,
        tails=np.add(heads, [scale, 0, 0]),
        z_axes=np.tile([0.0, 0, 1], (bones, 1)),
        influences=np.repeat([0, 1], len(upper)).astype(np.int32)[:, None],
        weights=np.ones((len(vertices), 1), np.float32),
        rest=vertices,
        bind=np.tile(np.eye(3, 4), (bones, 1, 1)),
    )
    camera = np.eye(4)
    camera[2, 3] = 5 * scale
    projection = np.diag([1 / (1.5 * scale), 1 / (1.5 * scale), -2 / (9.8 * scale), 1.0])
    projection[2, 3] = -(10.0 + 0.2) / 9.8
    return mesh, rig, View(SIDE, SIDE, camera, projection)


def drawn(shoulder, elbow, shift=(0.0, 0.0), slide=0.0, longer=1.0):
    """One frame and its mask: bars turned by the angles in degrees, smooth at the edges (drawn four times as large).

    slide: how far the forearm has left the elbow, square to itself. longer: its length, at the same area.
    """
    big = 4 * SIDE
    image, mask = np.full((big, big, 3), 255, np.uint8), np.zeros((big, big), np.uint8)
    joint = np.array([-1.0, 0.0]) + shift
    for angle, colour, aside, size in ((shoulder, COLOURS[0], 0.0, 1.0), (shoulder + elbow, COLOURS[1], slide, longer)):
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        outline = np.array([[0, -0.16], [1, -0.16], [1, 0.16], [0, 0.16]]) * [size, size**-0.5] + [0, aside]
        corners = outline @ np.array([[c, s], [-s, c]]) + joint
        pixels = np.stack([(corners[:, 0] / 1.5 + 1) * big / 2, (1 - corners[:, 1] / 1.5) * big / 2], 1)
        polygon = np.round(pixels * 16).astype(np.int32)
        cv2.fillConvexPoly(image, polygon, colour, cv2.LINE_8, 4)
        cv2.fillConvexPoly(mask, polygon, 255, cv2.LINE_8, 4)
        joint = np.add(joint, [c, s])
    return (cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for picture in (image, mask))


def clip(poses):
    frames, masks = zip(*(drawn(*pose) for pose in poses), strict=True)
    return Clip(np.stack(frames), np.stack(masks), 24.0)


SETTINGS = FitSettings(fit_resolution=SIDE)
BEND = [(4.0 * k, 7.0 * k) for k in range(6)]


def turn_about_z(quaternions):
    return np.degrees(2 * np.arctan2(quaternions[:, 3], quaternions[:, 0]))


@pytest.fixture(scope="module")
def bent():
    mesh, rig, view = arm()
    return rig, *fit_motion(mesh, rig, view, clip(BEND), SETTINGS)


def test_any_number_of_threads_and_processes_finds_the_same_motion_bit_for_bit():
    found = []
    bound_opencv()
    for threads, helping in ((1, 0), (3, 0), (3, 2)):
        use_workers(threads, bound_opencv)
        with processes(helping, begin_process):
            until_ready(helping)
            motion, report = fit_motion(*arm(), clip(BEND), SETTINGS)
        found.append((motion.rotations.tobytes(), motion.translations.tobytes(), motion.certainty.tobytes(), report.image_error))
    use_workers(1)
    assert found[0] == found[1] == found[2]


def test_angles_of_a_bending_arm(bent):
    """The shoulder turns to 20 degrees, the elbow to 35."""
    _, motion, _ = bent
    np.testing.assert_allclose(turn_about_z(motion.rotations[:, 0]), [4 * k for k in range(6)], atol=2.5)
    np.testing.assert_allclose(turn_about_z(motion.rotations[:, 1]), [7 * k for k in range(6)], atol=2.5)


def test_hand_arrives_where_the_video_shows_it(bent):
    """The hand's middle: (-1, 0) + (cos 20, sin 20) + (cos 55, sin 55), to 1.5 % of the arm's length."""
    rig, motion, _ = bent
    hand = skin(rig, motion, [5])[0, -2:].mean(0)
    expected = [-1 + math.cos(math.radians(20)) + math.cos(math.radians(55)), math.sin(math.radians(20)) + math.sin(math.radians(55))]
    np.testing.assert_allclose(hand[:2], expected, atol=0.03)


def test_a_rigid_subject_keeps_its_joints_and_lengths_exactly(bent):
    """Automatic is the default: no bone was freed, and what was not freed is zero and one, not nearly so."""
    _, motion, report = bent
    assert SETTINGS.stretch == "AUTO" and report.freed == []
    np.testing.assert_array_equal(motion.translations[:, 1], 0.0)
    np.testing.assert_array_equal(motion.scales, 1.0)


def changing(aside, longer):
    """Poses of an arm that turns, while its forearm leaves the elbow sideways and becomes longer, by so much a frame."""
    return [(3 * k, 5 * k, (0.0, 0.0), aside * k, 1 + longer * k) for k in range(6)]


@pytest.mark.parametrize("kind", ["slide", "longer"])
def test_a_bone_is_freed_where_the_picture_demands_it(kind):
    """The forearm leaves the elbow sideways by a quarter of its length, or becomes 1.5 times as long: it alone is freed, in that way, and the hand arrives."""
    aside, longer = (0.05, 0.0) if kind == "slide" else (0.0, 0.1)
    mesh, rig, view = arm()
    told = []
    motion, report = fit_motion(mesh, rig, view, clip(changing(aside, longer)), SETTINGS, lambda fraction, text: told.append(fraction))
    assert told == sorted(told)  # the second fit does not take the bar back
    along, across = (np.array([math.cos(math.radians(angle)), math.sin(math.radians(angle))]) for angle in (40, 130))
    elbow = np.array([math.cos(math.radians(15)) - 1, math.sin(math.radians(15))])
    assert report.freed == ["fore"]
    np.testing.assert_allclose(skin(rig, motion, [5])[0, -2:, :2].mean(0), elbow + 5 * aside * across + (1 + 5 * longer) * along, atol=0.04)
    assert ((motion.scales == 1).all(), (motion.translations[:, 1] == 0).all()) == (kind == "slide", kind == "longer")


def test_a_rig_that_nobody_made_stays_rigid():
    """The same video, in which a rig of the subject's own is freed."""
    mesh, rig, view = arm()
    motion, report = fit_motion(mesh, rig, view, clip(changing(0.05, 0.0)), SETTINGS, base=AUTOMATIC_RIG)
    assert report.freed == []
    np.testing.assert_array_equal(motion.translations[:, 1], 0.0)


def test_first_frame_is_the_mesh_and_the_report_is_honest(bent):
    _, motion, report = bent
    np.testing.assert_array_equal(motion.rotations[0], [[1, 0, 0, 0], [1, 0, 0, 0]])
    np.testing.assert_array_equal(motion.translations[0], 0)
    np.testing.assert_allclose(np.linalg.norm(motion.rotations, axis=-1), 1)
    assert len(report.iou) == 6
    assert report.worst_iou == min(report.iou) > 0.9
    assert (motion.certainty > 0).all() and (motion.certainty <= 1).all()


def test_a_film_that_darkens_is_noisy_and_compressed_does_not_pull_the_pose(tmp_path):
    # As generators leave theirs: a quarter darker at the end, grain of five levels, blocks of H.264 at a rate factor of 30.
    mesh, rig, view = arm()
    frames, grain = clip(BEND).frames, np.random.default_rng(0)
    darker = [frame * (1 - 0.25 * index / (len(frames) - 1)) + grain.normal(0, 5, frame.shape) for index, frame in enumerate(frames)]
    write_film(tmp_path / "film.mp4", [np.clip(frame, 0, 255).astype(np.uint8) for frame in darker], 24.0, quality=30)
    seen = load_clip(tmp_path / "film.mp4", view, fps=24.0, timing="EVERY_FRAME", frame_count=0, mask_path=None, still=None)
    found, _ = fit_motion(mesh, rig, view, seen, SETTINGS)
    for bone, wanted in enumerate(np.transpose(BEND)):
        np.testing.assert_allclose(turn_about_z(found.rotations[:, bone]), wanted, atol=1.0)
    assert np.abs(found.rotations[..., 1:3]).max() < 0.02  # no turn out of the picture
    assert np.abs(found.translations).max() < 0.02


def test_a_fly_moves_like_a_person(bent):
    """The same clip with a subject a ten-thousandth as large gives the same angles."""
    for scale in (1e-4,):
        mesh, rig, view = arm(scale)
        motion, _ = fit_motion(mesh, rig, view, clip(BEND), SETTINGS)
        np.testing.assert_allclose(turn_about_z(motion.rotations[:, 1]), turn_about_z(bent[1].rotations[:, 1]), atol=0.5)
        np.testing.assert_allclose(motion.translations / scale, bent[1].translations, atol=0.01)


def test_surface_is_followed_by_whom_the_settings_name_and_not_where_it_is_hidden(monkeypatch):
    asked, hidden = [], [False]

    class Named:
        def follow(self, one, other, points):
            found = DIS.follow(one, other, points)
            return replace(found, shown=np.zeros_like(found.shown)) if hidden[0] else found

    monkeypatch.setattr(motion, "follower", lambda name, weights: asked.append((name, weights)) or Named())
    mesh, rig, view = arm()
    solver, _ = prepare(mesh, rig, view, clip(BEND[:2]), replace(SETTINGS, flow="RAFT", flow_weights="raft.pth"))
    assert asked == [("RAFT", "raft.pth")]
    drawings = solver.observer.look.draw(*solver.problem.transforms(Poses.rest(1, solver.problem.joints)))
    pulls = []
    for hidden[0] in (False, True):
        pulls.append(solver.observer.observe([1], drawings, 3, flow=True).surface_objectives[1].weights)
    assert pulls[0].sum() > 0
    assert pulls[1].sum() == 0


def test_every_level_of_the_blur_pyramid_has_a_follower_of_its_own():
    mesh, rig, view = arm()
    solver, _ = prepare(mesh, rig, view, clip(BEND[:2]), SETTINGS)
    observer, asked = solver.observer, []
    assert observer.followers == BY_DIS

    class Named:
        def __init__(self, level):
            self.level = level

        def follow(self, one, other, points):
            asked.append(self.level)
            return DIS.follow(one, other, points)

    observer = replace(observer, followers=tuple(map(Named, range(4))))
    drawings = observer.look.draw(*solver.problem.transforms(Poses.rest(1, solver.problem.joints)))
    for level in range(4):
        observer.observe([1], drawings, level, flow=True)
    assert asked == [0, 1, 2, 3]


def test_a_still_subject_stays_still():
    mesh, rig, view = arm()
    motion, _ = fit_motion(mesh, rig, view, clip([(0, 0)] * 3), SETTINGS)
    assert np.abs(turn_about_z(motion.rotations.reshape(-1, 4))).max() < 1.0
    assert np.abs(motion.translations).max() < 0.015


def test_who_waits_sees_the_estimate_over_the_video(monkeypatch):
    monkeypatch.setattr(preview, "INTERVAL", 0.0)
    mesh, rig, view = arm()
    pictures, film = [], clip(BEND[:3])
    fit_motion(mesh, rig, view, film, SETTINGS, show=pictures.append)
    assert len(pictures) == 2 + len(ROUNDS)  # frames 1 and 2, and one for every round of the refinement
    tinted = (pictures[1] != film.frames[2]).any(-1)
    subject = film.masks[2] > 127
    assert (tinted & subject).sum() > 0.9 * subject.sum()
    assert (tinted & ~subject).sum() < 0.3 * subject.sum()  # the outline alone


def test_sideways_motion_is_the_roots_translation():
    mesh, rig, view = arm()
    motion, _ = fit_motion(mesh, rig, view, clip([(0, 0, (0.04 * k, 0.02 * k)) for k in range(3)]), SETTINGS)
    np.testing.assert_allclose(motion.translations[2, 0, :2], [0.08, 0.04], atol=0.02)
    np.testing.assert_array_equal(motion.translations[:, 1], 0)


def test_a_limb_lost_between_two_frames_is_found_again():
    """The forearm jumps by 75 degrees at once: farther than it is wide."""
    mesh, rig, view = arm()
    motion, _ = fit_motion(mesh, rig, view, clip([(0, 0), (0, 3), (0, 78), (0, 80)]), SETTINGS)
    assert turn_about_z(motion.rotations[3:, 1])[0] == pytest.approx(80, abs=5)


def test_bones_that_move_nothing_stay_at_rest():
    mesh, rig, view = arm(extra_bone=True)
    motion, _ = fit_motion(mesh, rig, view, clip(BEND[:3]), SETTINGS)
    np.testing.assert_array_equal(motion.rotations[:, 2], [[1, 0, 0, 0]] * 3)
    assert motion.certainty[2] == 0


def test_a_bone_out_of_sight_is_a_guess():
    """A forearm so thin that no pixel shows it: its motion stays near rest, and its certainty says so."""
    mesh, rig, view = arm()
    thin = mesh.vertices.copy()
    thin[len(thin) // 2 :, 1] *= 1e-6
    mesh, rig = Mesh(thin, mesh.triangles), Rig(**(vars(rig) | {"rest": thin}))
    frames, masks = [], []
    for angle in (0, 5, 10):
        image, mask = drawn(angle, 0)
        blue = image[..., 2] > image[..., 0].astype(int) + 20
        image[blue], mask[blue] = 255, 0
        frames.append(image)
        masks.append(mask)
    motion, _ = fit_motion(mesh, rig, view, Clip(np.stack(frames), np.stack(masks), 24.0), SETTINGS)
    assert motion.certainty[0] > 0.3 > 0.1 > motion.certainty[1]
    assert turn_about_z(motion.rotations[2:, 0])[0] == pytest.approx(10, abs=3)
    assert abs(turn_about_z(motion.rotations[2:, 1])[0]) < 3


def test_a_stopped_fit_keeps_what_it_has():
    """Stopped before the fourth frame: three are followed, the rest stays as the last of them."""
    mesh, rig, view = arm()
    asked = iter([False, False])
    motion, report = fit_motion(mesh, rig, view, clip(BEND), SETTINGS, stop=lambda: next(asked, True))
    assert report.followed == 3
    np.testing.assert_allclose(turn_about_z(motion.rotations[:3, 1]), [0, 7, 14], atol=2.5)
    np.testing.assert_array_equal(motion.rotations[3:], np.repeat(motion.rotations[2:3], 3, axis=0))


def test_what_cannot_be_fitted_is_told():
    mesh, rig, view = arm()
    still = clip([(0, 0)] * 2)
    with pytest.raises(InputError, match="no bone that moves"):
        fit_motion(mesh, Rig(**(vars(rig) | {"weights": np.zeros_like(rig.weights)})), view, still, SETTINGS)
    away = np.eye(4)
    away[:3, 3] = [50, 0, 5]
    with pytest.raises(InputError, match="not in the camera's view"):
        fit_motion(mesh, rig, View(SIDE, SIDE, away, view.projection), still, SETTINGS)


def test_lost_frames_are_won_back_on_a_rig_made_for_the_subject_alone(monkeypatch):
    """After limbs that were taken for each other are exchanged."""
    asked = []
    monkeypatch.setattr(motion, "exchange", lambda solver, poses, stop: (asked.append("exchange"), poses)[1])
    monkeypatch.setattr(motion, "won_back", lambda solver, poses, stop: (asked.append("won back"), poses)[1])
    for base in (OWN_RIG, AUTOMATIC_RIG):
        fit_motion(*arm(), clip(BEND[:3]), SETTINGS, base=base)
    assert asked == ["exchange", "won back"]


def test_two_frames_are_enough():
    mesh, rig, view = arm()
    motion, _ = fit_motion(mesh, rig, view, clip([(0, 0), (4, 7)]), SETTINGS)
    np.testing.assert_allclose(turn_about_z(motion.rotations[1]), [4, 7], atol=2.5)


def test_held_depth_pulls_the_whole_body_back_like_one_spring():
    """Every point a tenth of the diagonal away from the camera: the gradient along the axis is strength * 0.1."""
    mesh, rig, view = arm()
    solver, _ = prepare(mesh, rig, view, clip([(0, 0)] * 2), SETTINGS, Priors(bulk=300.0))
    axis = torch.from_numpy(solver.problem.camera_axis)
    pose = Poses.rest(1, solver.problem.joints)
    pose.translations[0, 0] = 0.1 * axis
    held = solver.held_depth(pose, *solver.problem.transforms(pose))
    np.testing.assert_allclose(held.gradient[0, -3:] @ axis, 30.0, rtol=1e-5)
    np.testing.assert_allclose(axis @ held.hessian[0, -3:, -3:] @ axis, 300.0, rtol=1e-5)
    np.testing.assert_allclose(held.cost, [1.5], rtol=1e-5)


def test_a_hinged_joint_is_pulled_back_less_about_its_axis_than_about_others():
    """A tenth of a radian about the bone's X: strength * swing * 0.1; about another axis: strength * aside * 0.1. The root is no hinge."""
    mesh, rig, view = arm()
    rig = replace(rig, hinged=np.array([False, True]))
    priors = Priors(rest=100.0, swing=0.05, aside=2.0)
    solver, _ = prepare(mesh, rig, view, clip([(0, 0)] * 2), SETTINGS, priors)
    size = solver.problem.unknowns
    nothing = System(torch.zeros(1, size, size, dtype=torch.float64), torch.zeros(1, size, dtype=torch.float64), torch.zeros(1, dtype=torch.float64))
    above = torch.tensor([0.0, 0.2, 0.5], dtype=torch.float64)
    for axis, pulled in zip(torch.from_numpy(bone_axes(rig)[1].T.copy()), (0.5, 20.0, 20.0), strict=True):
        pose = Poses.rest(1, 2)
        pose.rotations[0] = exponential(torch.stack([above, 0.1 * axis]))
        gradient = solver.with_priors(nothing, pose, None).gradient[0]
        np.testing.assert_allclose(gradient[:3], 100 * above, atol=1e-9)
        np.testing.assert_allclose(gradient[3:6], pulled * exponential(above) @ axis, atol=1e-9)


def test_steps_turn_joints_in_their_parents_frames():
    """The upper arm a quarter turn about X: what turns the elbow by a tenth about the world's Y turns it about -Z of its parent."""
    mesh, rig, view = arm()
    solver, _ = prepare(mesh, rig, view, clip([(0, 0)] * 2), SETTINGS)
    pose = Poses.rest(1, solver.problem.joints)
    pose.rotations[0] = exponential(torch.tensor([[np.pi / 2, 0, 0], [0, 0.3, 0]], dtype=torch.float64))
    size = solver.problem.unknowns
    gradient = torch.zeros(1, size, dtype=torch.float64)
    gradient[0, 4] = -0.1
    seen = solver.observer.observe([1], solver.observer.look.draw(*solver.problem.transforms(pose)), 3)
    for above in (None, solver.picture_system(pose, seen).above):
        moved = solver.step(pose, System(torch.eye(size, dtype=torch.float64)[None], gradient, torch.zeros(1, dtype=torch.float64), above))
        np.testing.assert_allclose(logarithm(moved.rotations[0, 1] @ pose.rotations[0, 1].T), [0, 0, -0.1], atol=1e-9)
