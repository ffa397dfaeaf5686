"""The automatic rig on bodies whose skeleton a person can draw: capsules, a four-legged animal, and shapes that break riggers."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from animamimic.core.bone_scale import bone_axes
from animamimic.core.errors import InputError
from animamimic.core.rig import build_rig
from animamimic.core.rig import solid as solids
from animamimic.core.rig.contacts import part_grazing
from animamimic.core.rig.frame import find_frame
from animamimic.core.rig.solid import voxelise
from animamimic.core.settings import RigSettings
from animamimic.core.types import Mesh
from scipy.sparse.csgraph import connected_components, dijkstra

SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture(autouse=True)
def coarse(request, monkeypatch):
    """Fewer voxels than a user gets, for speed; the real assets get them all."""
    if "shared" not in request.keywords:
        monkeypatch.setattr(solids, "MOST_VOXELS", 12_000)


def capsule(start, end, radius, rings=14, sides=14):
    """A closed tube with rounded ends from `start` to `end`."""
    start, end = np.array(start, float), np.array(end, float)
    along = end - start
    along /= np.linalg.norm(along)
    aside = np.cross(along, [0, 0, 1] if abs(along[2]) < 0.9 else [1, 0, 0])
    aside /= np.linalg.norm(aside)
    other = np.cross(along, aside)
    points = [start - along * radius]
    for angle in np.linspace(-np.pi / 2, np.pi / 2, rings)[1:-1]:
        centre = (start if angle < 0 else end) + along * radius * np.sin(angle)
        turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)[:, None]
        points.extend(centre + radius * np.cos(angle) * (np.cos(turn) * aside + np.sin(turn) * other))
    points.append(end + along * radius)
    faces = []
    for ring in range(rings - 3):
        for k in range(sides):
            a, b = 1 + ring * sides + k, 1 + ring * sides + (k + 1) % sides
            faces += [[a, b, b + sides], [a, b + sides, a + sides]]
    last = len(points) - 1
    for k in range(sides):
        faces += [[0, 1 + (k + 1) % sides, 1 + k], [last, last - sides + k, last - sides + (k + 1) % sides]]
    return np.array(points), np.array(faces)


def joined(parts):
    vertices, triangles, count = [], [], 0
    for points, faces in parts:
        vertices.append(points)
        triangles.append(faces + count)
        count += len(points)
    return Mesh(np.concatenate(vertices).astype(np.float32), np.concatenate(triangles).astype(np.int32))


def quadruped(turn=0.0):
    """A body along Y that looks along -Y, with a head, a tail and four straight legs."""
    parts = [capsule((0, -0.8, 1), (0, 0.8, 1), 0.25), capsule((0, -0.8, 1.1), (0, -1.3, 1.5), 0.14), capsule((0, 0.9, 1.1), (0, 1.7, 1.2), 0.06)]
    parts += [capsule((x, y, 0.95), (x, y, 0.07), 0.07) for x in (-0.2, 0.2) for y in (-0.75, 0.75)]
    mesh = joined(parts)
    c, s = np.cos(turn), np.sin(turn)
    return Mesh((mesh.vertices @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])).astype(np.float32), mesh.triangles)


def unwelded(mesh):
    return Mesh(mesh.vertices[mesh.triangles].reshape(-1, 3), np.arange(mesh.triangles.size, dtype=np.int32).reshape(-1, 3))


def ring():
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    around = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    a, b = (grid.ravel() for grid in np.meshgrid(turn, around, indexing="ij"))
    points = np.stack([(1 + 0.12 * np.cos(b)) * np.cos(a), 0.12 * np.sin(b), (1 + 0.12 * np.cos(b)) * np.sin(a)], 1)
    i, j = (grid.ravel() for grid in np.meshgrid(np.arange(48), np.arange(10), indexing="ij"))
    corner = [((i + p) % 48) * 10 + (j + q) % 10 for p, q in ((0, 0), (1, 0), (1, 1), (0, 1))]
    faces = np.concatenate([np.stack([corner[0], corner[1], corner[2]], 1), np.stack([corner[0], corner[2], corner[3]], 1)])
    return Mesh(points.astype(np.float32), faces.astype(np.int32))


def plane():
    x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-2, 2, 17), indexing="ij"))
    i, j = (grid.ravel() for grid in np.meshgrid(np.arange(8), np.arange(16), indexing="ij"))
    a = i * 17 + j
    faces = np.concatenate([np.stack([a, a + 17, a + 18], 1), np.stack([a, a + 18, a + 1], 1)])
    return Mesh(np.stack([x, y, 0 * x], 1).astype(np.float32), faces.astype(np.int32))


def cloud():
    generator = np.random.default_rng(1)
    return joined([capsule(p, p + np.array([0, 0, 0.02]), 0.02, rings=6, sides=6) for p in generator.uniform(-1, 1, (200, 3))])


def without_some_faces(mesh):
    return Mesh(mesh.vertices, mesh.triangles[np.random.default_rng(0).random(len(mesh.triangles)) > 0.04])


@cache
def standing_rig():
    return build_rig(quadruped(), RigSettings())


def assert_usable(rig, mesh, most=4):
    """What every rig must be, on any mesh."""
    bones = len(rig.names)
    assert len(set(rig.names)) == bones and 1 <= bones <= 60
    assert (rig.parents < np.arange(bones)).all() and (rig.parents == -1).sum() == 1 and rig.names[0] == "root"
    assert rig.weights.dtype == np.float32 and rig.weights.shape[1] <= most and (rig.weights >= 0).all()
    assert np.abs(rig.weights.sum(1) - 1).max() < 1e-5
    assert rig.influences.min() >= 0 and rig.influences.max() < bones
    lengths = np.linalg.norm(rig.tails - rig.heads, axis=1)
    assert np.isfinite(rig.heads).all() and lengths.min() > 1e-3 * mesh.diagonal
    assert np.abs(np.linalg.norm(rig.z_axes, axis=1) - 1).max() < 1e-6
    assert np.abs(((rig.tails - rig.heads) / lengths[:, None] * rig.z_axes).sum(1)).max() < 1e-6
    np.testing.assert_array_equal(rig.rest, mesh.vertices)
    np.testing.assert_array_equal(rig.bind, np.tile(np.eye(3, 4), (bones, 1, 1)))


def test_a_long_capsule_gets_one_chain_along_its_axis():
    mesh = joined([capsule((0, -1, 0), (0, 1, 0), 0.1, rings=30)])
    rig = build_rig(mesh, RigSettings())
    assert_usable(rig, mesh)
    joints = np.concatenate([rig.heads, rig.tails])
    assert np.abs(joints[:, [0, 2]]).max() < 0.04
    assert joints[:, 1].min() < -0.9 and joints[:, 1].max() > 0.9
    assert not any(name.endswith((".L", ".R")) for name in rig.names)


def test_a_bent_arm_has_a_joint_at_its_elbow():
    mesh = joined([capsule((0, 0, 0), (0, 1, 0), 0.08), capsule((0, 1, 0), (0, 1, 1), 0.08)])
    rig = build_rig(mesh, RigSettings())
    assert np.linalg.norm(rig.heads - [0, 1, 0], axis=1).min() < 0.1


def test_a_quadruped_gets_four_legs_that_mirror():
    mesh, rig = quadruped(), standing_rig()
    assert_usable(rig, mesh)
    legs = {re.sub(r"\.\d+", "", name) for name in rig.names if name.startswith("leg")}
    assert legs == {"leg.front.L", "leg.front.R", "leg.back.L", "leg.back.R"}
    for index, name in enumerate(rig.names):
        if name.endswith(".L"):
            other = rig.names.index(name[:-2] + ".R")
            np.testing.assert_allclose(rig.heads[index] * [-1, 1, 1], rig.heads[other], atol=1e-6)
            np.testing.assert_allclose(rig.tails[index] * [-1, 1, 1], rig.tails[other], atol=1e-6)
            np.testing.assert_allclose(rig.z_axes[index] * [-1, 1, 1], rig.z_axes[other], atol=1e-6)
            assert rig.heads[index][0] > 0, "left is +X for a subject that looks along -Y"
        elif not name.endswith(".R"):
            assert abs(rig.heads[index][0]) < 1e-6
    front = [index for index, name in enumerate(rig.names) if name.startswith("leg.front") and name.endswith(".L")]
    np.testing.assert_allclose(rig.tails[front[-1]], [0.2, -0.75, 0.0], atol=0.12)
    assert rig.heads[rig.names.index("head")][1] < -0.8
    assert max(tail[1] for name, tail in zip(rig.names, rig.tails, strict=True) if name.startswith("tail")) > 1.4


def test_legs_that_sprawl_are_legs_and_a_pair_of_wings_is_not():
    body = capsule((0, -0.6, 0.4), (0, 0.6, 0.4), 0.2)
    limbs = [(capsule((0.15 * side, y, 0.4), (0.7 * side, y, 0.6), 0.05), capsule((0.7 * side, y, 0.6), (1.0 * side, y, 0.05), 0.05)) for side in (-1, 1) for y in (-0.5, 0, 0.5)]
    spider = build_rig(joined([body, *sum(limbs, ())]), RigSettings())
    assert {re.sub(r"\.\d+", "", name) for name in spider.names if name.endswith(".L")} == {"leg.front.L", "leg.middle.L", "leg.back.L"}
    assert not spider.hinged.any()
    manta = build_rig(joined([body, *limbs[1], *limbs[4]]), RigSettings())
    assert {re.sub(r"\.\d+", "", name) for name in manta.names if name.endswith(".L")} == {"wing.L"}


def test_legs_are_hinges_about_the_axis_across_the_body():
    rig = standing_rig()
    for name, hinged, axis in zip(rig.names, rig.hinged, bone_axes(rig)[:, :, 0], strict=True):
        assert hinged == name.startswith("leg")
        assert not hinged or abs(axis[0]) > 0.9


def test_a_leg_does_not_move_the_other_legs():
    mesh, rig = quadruped(), standing_rig()
    foot = (np.abs(mesh.vertices - [0.2, -0.75, 0.1]) < [0.1, 0.1, 0.3]).all(1)
    on_left = np.array([name.startswith("leg.front") and name.endswith(".L") for name in rig.names])
    assert (rig.weights[foot] * on_left[rig.influences[foot]]).sum(1).min() > 0.95


def test_heading_does_not_matter():
    turned = build_rig(quadruped(np.radians(37)), RigSettings())
    c, s = np.cos(np.radians(37)), np.sin(np.radians(37))
    to_straight = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]).T
    for name in ("leg.front.001.L", "leg.back.001.R", "head", "root"):
        there = standing_rig().heads[standing_rig().names.index(name)]
        assert np.linalg.norm(turned.heads[turned.names.index(name)] @ to_straight - there) < 0.15


def test_unwelded_triangles_give_the_rig_of_the_welded():
    mesh = quadruped()
    welded, loose = standing_rig(), build_rig(unwelded(mesh), RigSettings())
    assert welded.names == loose.names
    np.testing.assert_allclose(welded.heads, loose.heads, atol=1e-6)
    dense = np.zeros((2, len(loose.rest), len(loose.names)))
    rows = np.arange(len(loose.rest))[:, None]
    corner = mesh.triangles.reshape(-1)
    np.add.at(dense[0], (rows, welded.influences[corner]), welded.weights[corner])
    np.add.at(dense[1], (rows, loose.influences), loose.weights)
    np.testing.assert_allclose(dense[0], dense[1], atol=1e-4)


@pytest.mark.parametrize("factor", [0.0003, 300.0])
def test_size_does_not_matter(factor):
    mesh = quadruped()
    small = Mesh((mesh.vertices * factor).astype(np.float32), mesh.triangles)
    rig, scaled = standing_rig(), build_rig(small, RigSettings())
    assert rig.names == scaled.names
    assert np.abs(scaled.heads / factor - rig.heads).max() < 0.02 * mesh.diagonal


def test_holes_leave_the_legs():
    mesh = without_some_faces(quadruped())
    rig = build_rig(mesh, RigSettings())
    assert_usable(rig, mesh)
    assert len({re.sub(r"\.\d+", "", name) for name in rig.names if name.startswith("leg")}) == 4


@pytest.mark.parametrize("shape", [ring, plane, lambda: joined([capsule((0, 0, 0), (0, 0, 1e-6), 1)])], ids=["ring", "plane", "sphere"])
def test_odd_shapes_get_a_usable_rig(shape):
    mesh = shape()
    assert_usable(build_rig(mesh, RigSettings()), mesh)


def test_two_bodies_that_overlap_get_one_rig():
    mesh = joined([capsule((0, -1, 0), (0, 1, 0), 0.3), capsule((-1, 0, 0.1), (1, 0, 0.1), 0.3)])
    assert_usable(build_rig(mesh, RigSettings()), mesh)


def test_open_cloth_gets_a_usable_rig():
    flat = plane()
    waved = flat.vertices + 0.2 * np.sin(4 * flat.vertices[:, [0]]) * np.array([0, 0, 1], np.float32)
    mesh = Mesh(waved.astype(np.float32), flat.triangles)
    assert_usable(build_rig(mesh, RigSettings()), mesh)


def test_every_rigid_part_moves_by_a_bone_of_its_own_that_turns_at_the_contact():
    mesh = joined([capsule((0, 0, 0), (0, 0, 1), 0.3), capsule((0.35, 0, 0.9), (0.9, 0, 0.9), 0.1), capsule((1.05, 0, 0.9), (1.6, 0, 0.9), 0.1)])
    rig = build_rig(mesh, RigSettings())
    assert_usable(rig, mesh)
    count = len(mesh.vertices) // 3
    bones = [set(rig.influences[part * count : (part + 1) * count][rig.weights[part * count : (part + 1) * count] > 0].tolist()) for part in range(3)]
    assert not bones[0] & bones[1] and not bones[1] & bones[2] and not bones[0] & bones[2]
    assert np.linalg.norm(rig.heads[sorted(bones[2])] - [0.97, 0, 0.9], axis=1).min() < 0.12


def puppet():
    """A figure of parts that looks along -Y: a body, a head that is larger than it, two arms of which the right holds a blade, two legs."""
    parts = [capsule((0, 0, 0.55), (0, 0, 0.85), 0.22), capsule((0, -0.1, 1.45), (0, -0.25, 1.6), 0.42)]
    parts += [capsule((0.22, 0, 0.8), (0.55, -0.2, 0.65), 0.07), capsule((-0.22, 0, 0.8), (-0.5, -0.2, 0.7), 0.07)]
    blade = capsule((0, 0, -0.1), (0, 0, 0.9), 0.06)
    parts.append((blade[0] * [0.3, 2, 1] + [-0.57, -0.28, 0.75], blade[1]))
    parts += [capsule((x, 0, 0.4), (x, -0.2, 0.07), 0.08) for x in (-0.12, 0.12)]
    return joined(parts)


def test_a_figure_of_parts_stands_upright_and_has_arms_and_legs():
    mesh = puppet()
    rig = build_rig(mesh, RigSettings())
    assert_usable(rig, mesh)
    stems = {re.sub(r"\.\d+", "", name) for name in rig.names}
    assert stems == {"root", "spine", "head", "arm.L", "arm.R", "leg.L", "leg.R"}
    first = {stem: next(k for k, name in enumerate(rig.names) if re.sub(r"\.\d+", "", name) == stem) for stem in stems}
    assert rig.heads[first["head"], 2] == pytest.approx(1.05, abs=0.15)  # about where head and body touch
    assert rig.tails[first["head"], 2] > 1.85
    np.testing.assert_allclose(rig.heads[first["leg.L"]], [0.12, 0, 0.43], atol=0.12)
    np.testing.assert_allclose(rig.heads[first["arm.L"]], [0.2, 0, 0.8], atol=0.12)
    blade = (np.abs(mesh.vertices - [-0.57, -0.28, 1.5]) < [0.1, 0.1, 0.2]).all(1)
    holders = {rig.names[bone] for bone in np.unique(rig.influences[blade][rig.weights[blade] > 0.01])}
    assert len(holders) == 1 and holders.pop().startswith("arm") and rig.names[first["arm.R"]].endswith(".R")


def test_a_body_with_legs_of_its_own_is_not_one_part():
    """Where one part is itself a body with limbs, its limbs are found in its shape: only the hat and the shoes are parts here."""
    mesh = joined([(quadruped().vertices, quadruped().triangles)])
    hats = [capsule((0, -1.3, 1.6), (0, -1.3, 1.7), 0.13), capsule((0, 1.75, 1.2), (0, 2.0, 1.2), 0.13)]
    rig = build_rig(joined([(mesh.vertices, mesh.triangles), *hats]), RigSettings())
    assert len({re.sub(r"\.\d+", "", name) for name in rig.names if name.startswith("leg")}) == 4


def test_loose_pieces_move_without_tearing(monkeypatch):
    monkeypatch.setattr(solids, "FINEST", 100)
    mesh = cloud()
    rig = build_rig(mesh, RigSettings())
    assert_usable(rig, mesh)
    for piece in range(0, 200, 10):
        rows = slice(piece * len(mesh.vertices) // 200, (piece + 1) * len(mesh.vertices) // 200)
        assert (rig.influences[rows] == rig.influences[rows][0]).all()
        assert np.ptp(rig.weights[rows], axis=0).max() < 1e-6


def test_a_sword_hangs_on_the_arm_that_holds_it_and_not_on_the_post_that_it_grazes():
    parts = [capsule((0, 0, 0), (0, 0, 2), 0.3), capsule((0, -0.1, 0.3), (0, -1, 0.3), 0.2), capsule((0, -1, 0), (0, -0.37, 1.7), 0.08, rings=30)]
    mesh = joined(parts)
    vertices = mesh.vertices.astype(float)
    solid = voxelise(vertices, mesh.triangles, False)
    parted = part_grazing(solid, vertices, mesh.triangles)
    tip, post = (np.linalg.norm(solid.centres - place, axis=1).argmin() for place in ([0, -0.37, 1.7], [0, 0.1, 1.7]))
    before, after = (one.size * dijkstra(one.graph(one.links[2]), indices=tip)[post] for one in (solid, parted))
    assert before < 0.6
    assert 2.5 < after < 4.0, "1.5 down along the blade, 0.6 in along the arm and 1.4 up the post"
    assert connected_components(parted.graph(parted.links[2]), directed=False)[0] == 1


def test_a_fin_in_the_mirror_plane_is_one_limb_and_not_two():
    parts = [capsule((0, -1, 0), (0, 1, 0), 0.25, rings=30), capsule((0, 0.1, 0.15), (0, 0.35, 0.9), 0.05)]
    parts += [capsule((x, -0.3, 0), (4.0 * x, -0.1, -0.1), 0.05) for x in (-0.2, 0.2)]
    mesh = joined(parts)
    rig = build_rig(mesh, RigSettings())
    assert_usable(rig, mesh)
    high = rig.tails[:, 2] > 0.5
    assert high.any() and np.abs(rig.tails[high, 0]).max() < 1e-3
    assert not any(name.endswith((".L", ".R")) for name, is_high in zip(rig.names, high, strict=True) if is_high)
    sides = [name[-2:] for name in rig.names if name.endswith((".L", ".R"))]
    assert sides.count(".L") == sides.count(".R") > 0


@pytest.mark.parametrize("most", [1, 8])
def test_influences_are_limited(most):
    mesh = quadruped()
    assert_usable(build_rig(mesh, RigSettings(max_influences=most)), mesh, most)


def test_detail_changes_the_number_of_bones():
    mesh = quadruped()
    few, many = (len(build_rig(mesh, RigSettings(rig_detail=detail)).names) for detail in (0.4, 2.0))
    assert few < len(standing_rig().names) < many <= 60


@pytest.mark.parametrize(
    ("mesh", "sentence"),
    [
        (Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)), "no faces"),
        (Mesh(np.full((3, 3), np.nan, np.float32), np.array([[0, 1, 2]], np.int32)), "not numbers"),
        (Mesh(np.ones((3, 3), np.float32), np.array([[0, 1, 2]], np.int32)), "no size"),
    ],
)
def test_unusable_meshes_are_told(mesh, sentence):
    with pytest.raises(InputError, match=sentence):
        build_rig(mesh, RigSettings())


def test_mirror_plane_of_a_turned_animal():
    frame = find_frame(quadruped(np.radians(20)))
    assert frame.symmetric
    assert abs(frame.axes[0] @ [np.cos(np.radians(20)), np.sin(np.radians(20)), 0]) > 0.999


def test_solid_of_a_sphere_has_its_volume():
    mesh = joined([capsule((0, 0, 0), (0, 0, 1e-6), 1, rings=40, sides=40)])
    solid = voxelise(mesh.vertices.astype(float), mesh.triangles, False)
    assert len(solid.cells) * solid.size**3 == pytest.approx(4 / 3 * np.pi, rel=0.05)
    assert solid.radius.max() * solid.size == pytest.approx(1, rel=0.05)


def test_solid_of_a_sphere_without_a_tenth_of_its_faces_is_still_full():
    mesh = joined([capsule((0, 0, 0), (0, 0, 1e-6), 1, rings=40, sides=40)])
    kept = np.random.default_rng(0).random(len(mesh.triangles)) > 0.1
    solid = voxelise(mesh.vertices.astype(float), mesh.triangles[kept], False)
    assert len(solid.cells) * solid.size**3 == pytest.approx(4 / 3 * np.pi, rel=0.1)


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "cases").is_dir(), reason="the measuring clips are not here")
@pytest.mark.parametrize("case", ["horse_gallop"])
def test_real_assets_get_a_usable_rig(case):
    truth = np.load(SHARED / "cases" / case / "truth.npz")
    mesh = Mesh(truth["vertices"][0].astype(np.float32), truth["triangles"].astype(np.int32))
    rig = build_rig(mesh, RigSettings())
    assert_usable(rig, mesh)
    assert len(rig.names) >= 10
    assert {name[-2:] for name in rig.names} >= {".L", ".R"}
