"""The tree that is solved for: feet that the author hung on the root for inverse kinematics follow their limbs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from animamimic.core.fit.kinematics import exponential, skin
from animamimic.core.fit.poses import Poses
from animamimic.core.fit.problem import Problem
from animamimic.core.fit.tree import solved_tree
from animamimic.core.types import Mesh, Rig, View

NAMES = ("root", "body", "foot.L", "foot.R", "thigh.L", "thigh.R", "shin.L", "shin.R")
PARENTS = (-1, 0, 0, 0, 1, 1, 4, 5)
HEADS = {"root": (0, 0, 0), "body": (0, 0, 4), "thigh": (1, 0, 3), "shin": (1, 0, 2), "foot": (1, 0, 1)}


def strip(x, top, bottom):
    """Four corners of a strip of skin that hangs down at x."""
    return [(x - 0.1, 0, top), (x + 0.1, 0, top), (x + 0.1, 0, bottom), (x - 0.1, 0, bottom)]


def walker(gap=0.0):
    """A body with two legs of stiff strips, whose feet are children of the root. gap: between shins and feet, metres."""
    strips = {"body": [(-1.1, 0, 4), (1.1, 0, 4), (1.1, 0, 3), (-1.1, 0, 3)]}
    for side, x in (("L", 1.0), ("R", -1.0)):
        strips |= {f"thigh.{side}": strip(x, 3, 2), f"shin.{side}": strip(x, 2, 1), f"foot.{side}": strip(x, 1 - gap, 0.5)}
    vertices = np.array([corner for one in strips.values() for corner in one], np.float32)
    triangles = np.concatenate([4 * number + np.array([[0, 1, 2], [0, 2, 3]]) for number in range(len(strips))]).astype(np.int32)
    influences = np.repeat([NAMES.index(name) for name in strips], 4)[:, None].astype(np.int32)
    heads = np.array([np.array(HEADS[name.split(".")[0]], float) * (-1 if name.endswith("R") else 1, 1, 1) for name in NAMES])
    rig = Rig(
        names=NAMES,
        parents=np.array(PARENTS, np.int32),
        heads=heads,
        tails=heads - (0, 0, 0.1),
        z_axes=np.tile([0.0, 1, 0], (len(NAMES), 1)),
        influences=influences,
        weights=np.ones((len(vertices), 1), np.float32),
        rest=vertices,
        bind=np.tile(np.eye(3, 4), (len(NAMES), 1, 1)),
    )
    return Mesh(vertices, triangles), rig


def named_parents(mesh, rig):
    """Bone -> parent in the solved tree, by name."""
    parents, _, bones = solved_tree(mesh, rig)
    names = [rig.names[bone] for bone in bones]
    return {name: names[parent] if parent >= 0 else None for name, parent in zip(names, parents, strict=True)}


@pytest.mark.parametrize("gap", [0.0, 0.02])
def test_feet_under_the_root_hang_on_the_shins_that_they_touch(gap):
    assert named_parents(*walker(gap)) == {
        "body": None, "thigh.L": "body", "thigh.R": "body", "shin.L": "thigh.L", "shin.R": "thigh.R", "foot.L": "shin.L", "foot.R": "shin.R",
    }


def test_a_foot_that_is_tied_to_the_root_stays_there():
    """A connected bone of Blender's cannot be keyed away from its parent."""
    mesh, rig = walker()
    tied = np.array([not name.startswith("foot") for name in NAMES])
    assert named_parents(mesh, replace(rig, loose=tied))["foot.L"] == "root"


def test_a_part_that_touches_no_limb_stays_where_it_is():
    assert named_parents(*walker(gap=0.4))["foot.L"] == "root"


def test_skin_that_a_triangle_joins_touches_however_far_its_corners_are():
    mesh, rig = walker(gap=0.4)
    shin, foot = (np.flatnonzero(rig.influences[:, 0] == NAMES.index(name)) for name in ("shin.L", "foot.L"))
    between = np.array([[shin[3], shin[2], foot[0]]], np.int32)
    assert named_parents(Mesh(mesh.vertices, np.concatenate([mesh.triangles, between])), rig)["foot.L"] == "shin.L"


def test_a_limb_is_not_hung_on_the_end_of_another_that_it_touches():
    """The body here is without skin, so that the thighs are apart from all above them, and the right foot is held against the left thigh."""
    mesh, rig = walker()
    of = rig.influences[:, 0]
    right = np.isin(of, [number for number, name in enumerate(NAMES) if name.endswith(".R")])
    mesh.vertices[right] += np.array([2.0, 0, 2.0], np.float32)
    rig.influences[of == NAMES.index("body")] = NAMES.index("thigh.L")
    found = named_parents(mesh, rig)
    assert found["thigh.L"] == found["thigh.R"] == "body"


def test_the_root_follows_the_body_and_not_a_foot():
    """The root, which is not solved, takes the body's translation; a swinging leg takes its foot along and leaves the root."""
    mesh, rig = walker()
    problem = Problem.of(mesh, rig, View(64, 64, np.array([[1.0, 0, 0, 0], [0, 0, -1, -10], [0, 1, 0, 2], [0, 0, 0, 1]]), np.diag([1.0, 1, -1.02, 0])))
    joint = {rig.names[bone]: number for number, bone in enumerate(problem.bone_of_joint)}
    turns = torch.zeros(2, problem.joints, 3, dtype=torch.float64)
    turns[1, joint["thigh.L"], 0] = 0.5
    poses = Poses(exponential(turns), torch.zeros(2, problem.joints, 3, dtype=torch.float64))
    poses.translations[1, joint["body"], 2] = 1 / problem.scale
    motion = problem.motion(poses, np.ones(problem.joints, np.float32))
    np.testing.assert_allclose(motion.translations[1, NAMES.index("root")], (0, 0, 1), atol=1e-9)
    np.testing.assert_allclose(motion.translations[1, NAMES.index("foot.R")], 0, atol=1e-9)
    shown = skin(rig, motion)[1]
    ankle, foot = (shown[rig.influences[:, 0] == NAMES.index(name)] for name in ("shin.L", "foot.L"))
    np.testing.assert_allclose(ankle[[3, 2]], foot[[0, 1]], atol=1e-6)
    assert np.abs(foot - mesh.vertices[rig.influences[:, 0] == NAMES.index("foot.L")]).max() > 1  # it moved, by more than the body
