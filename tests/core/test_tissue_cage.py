"""The cage: what is filled, and how the surface hangs in it."""

import numpy as np
import pytest
import scipy.sparse as sparse
from animamimic.core.errors import InputError
from animamimic.core.tissue import cage as cage_module
from animamimic.core.tissue.cage import build_cage, embed
from animamimic.core.tissue.surface import sample_surface, signed_distance
from animamimic.core.types import Mesh

BOX_QUADS = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]


def box(low, high):
    """Eight vertices, twelve triangles."""
    corners = np.array([low, high], np.float32)
    vertices = np.array([[corners[i >> k & 1, k] for k in range(3)] for i in range(8)], np.float32)
    triangles = [(a, b, c) for a, b, c, _ in BOX_QUADS] + [(a, c, d) for a, _, c, d in BOX_QUADS]
    return Mesh(vertices, np.array(triangles, np.int32))


def joined(*meshes):
    """Several meshes in one."""
    starts = np.cumsum([0] + [len(one.vertices) for one in meshes])
    triangles = [one.triangles + start for one, start in zip(meshes, starts, strict=False)]
    return Mesh(np.concatenate([one.vertices for one in meshes]), np.concatenate(triangles).astype(np.int32))


def unwelded(mesh):
    """Every triangle with vertices of its own."""
    return Mesh(mesh.vertices[mesh.triangles].reshape(-1, 3), np.arange(mesh.triangles.size, dtype=np.int32).reshape(-1, 3))


def cage_volume(cage):
    edges = cage.nodes[cage.tetrahedra[:, 1:]] - cage.nodes[cage.tetrahedra[:, :1]]
    volumes = np.linalg.det(edges) / 6
    assert volumes.min() > 0
    return volumes.sum()


def embedded(cage):
    return cage.at_vertices(cage.nodes)


def test_a_point_knows_its_tetrahedron():
    # Largest fraction first: from the corner along y (0.75), then x (0.5), then z (0.25).
    cells, corners, barycentric = embed(np.array([[2.5, 0.75, 4.25]]), np.zeros(3), 1.0)
    assert cells.tolist() == [[2, 0, 4]]
    assert corners.tolist() == [[[2, 0, 4], [2, 1, 4], [3, 1, 4], [3, 1, 5]]]
    np.testing.assert_allclose(barycentric, [[0.25, 0.25, 0.25, 0.25]])


@pytest.mark.parametrize("change", [lambda mesh: mesh, unwelded, lambda mesh: Mesh(mesh.vertices, mesh.triangles[:, ::-1])])
def test_a_box_is_filled_with_whole_cells_and_carries_its_vertices(change):
    mesh = change(box((0, 0, 0), (3, 1, 1)))
    cage = build_cage(mesh, 0.2 / mesh.diagonal)
    # 3 m and 1 m are 15 and 5 cells; one more along each axis keeps the sides clear of the lattice's own.
    assert cage.cell_size == pytest.approx(0.2)
    assert cage_volume(cage) == pytest.approx(16 * 6 * 6 * 0.2**3, rel=1e-6)
    np.testing.assert_allclose(embedded(cage), mesh.vertices, atol=1e-6)
    assert cage.vertex_barycentric.min() > -1e-9
    assert cage.signed_distance.min() == pytest.approx(-0.5, abs=0.11)


def test_a_box_without_a_lid_is_filled_all_the_same():
    whole = box((0, 0, 0), (1, 1, 1))
    lid = [1, 7]
    opened = Mesh(whole.vertices, np.delete(whole.triangles, lid, axis=0))
    assert cage_volume(build_cage(opened, 0.06)) == pytest.approx(cage_volume(build_cage(whole, 0.06)), rel=0.12)


def test_loose_shells_are_pieces_and_a_flat_sheet_is_one_layer():
    apart = build_cage(joined(box((0, 0, 0), (1, 1, 1)), box((3, 0, 0), (4, 1, 1))), 0.05)
    assert apart.components().max() == 1
    sheet = Mesh(np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    flat = build_cage(sheet, 0.1)
    assert len(np.unique(np.round(flat.nodes[:, 2], 6))) == 2
    np.testing.assert_allclose(embedded(flat), sheet.vertices, atol=1e-6)


def test_the_number_of_cells_is_bounded(monkeypatch):
    monkeypatch.setattr(cage_module, "MAX_CELLS", 200)
    cage = build_cage(box((0, 0, 0), (1, 1, 1)), 0.02)
    assert 100 <= len(cage.tetrahedra) / 6 <= 200


def test_distance_to_a_box():
    points = np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.9], [0.5, 0.5, 3.0], [-3.0, 0.5, -4.0 + 0.0]])
    found = signed_distance(box((0, 0, 0), (1, 1, 1)), points)
    np.testing.assert_allclose(found, [-0.5, -0.1, 2.0, 5.0], atol=1e-5)


def test_samples_lie_on_the_surface_and_leave_no_gap():
    triangle = Mesh(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 2]], np.int32))
    samples = sample_surface(triangle, 0.1).mixtures @ triangle.vertices
    assert (samples >= -1e-6).all() and (samples.sum(axis=1) <= 1 + 1e-6).all()
    distances = np.linalg.norm(samples[None] - np.array([[0.33, 0.41, 0], [0.05, 0.9, 0]])[:, None], axis=2).min(axis=1)
    assert distances.max() < 0.1


@pytest.mark.parametrize(
    ("vertices", "triangles", "sentence"),
    [
        (np.zeros((3, 3)), [[0, 1, 2]], "no extent"),
        (np.eye(3), np.zeros((0, 3)), "no faces"),
        (np.diag([1.0, np.nan, 1.0]), [[0, 1, 2]], "undefined places"),
    ],
)
def test_what_cannot_be_filled_is_told(vertices, triangles, sentence):
    with pytest.raises(InputError, match=sentence):
        build_cage(Mesh(np.array(vertices, np.float32), np.array(triangles, np.int32)), 0.05)


def two_legs(gap):
    """Two upright boxes `gap` apart along x, the weights of one bone each, and a motion that swings the second one away along x."""
    mesh = joined(box((0, 0, 0), (0.3, 0.3, 1)), box((0.3 + gap, 0, 0), (0.6 + gap, 0.3, 1)))
    weights = sparse.csr_matrix(np.repeat(np.eye(2), 8, axis=0))
    away = np.tile(np.eye(3, 4), (2, 2, 1, 1))
    away[1, 1, 0, 3] = 0.5
    return mesh, weights, away


def test_legs_that_touch_come_apart_where_the_motion_parts_them():
    mesh, weights, away = two_legs(gap=0.01)
    together = build_cage(mesh, 0.05, weights, away[:1])
    assert together.components().max() == 0
    cage = build_cage(mesh, 0.05, weights, away)
    pieces = cage.components()
    assert pieces.max() == 1
    # Every sample hangs on nodes of its own leg, and still lies where it was.
    leg = pieces[cage.vertex_nodes]
    assert (leg[:8] == leg[0, 0]).all() and (leg[8:] == 1 - leg[0, 0]).all()
    np.testing.assert_allclose(embedded(cage), mesh.vertices, atol=1e-6)
    assert cage_volume(cage) > cage_volume(together)


def test_parts_that_move_alike_and_parts_of_one_surface_hang_together():
    mesh, weights, away = two_legs(gap=0.01)
    alike = away.copy()
    alike[1, 0] = alike[1, 1]
    assert build_cage(mesh, 0.05, weights, alike).components().max() == 0
    # A single box, unwelded, whose upper corners move away: the surface runs on between them.
    one = box((0, 0, 0), (0.3, 0.3, 1))
    upper = (one.vertices[:, 2] > 0.5).astype(float)
    for mesh, share in ((one, upper), (unwelded(one), upper[one.triangles.ravel()])):
        cage = build_cage(mesh, 0.05, sparse.csr_matrix(np.stack([1 - share, share], axis=1)), away)
        assert cage.components().max() == 0


def test_a_slit_ends_where_the_flesh_is_whole():
    # Both legs hang from one bridge that holds their upper ends; the second one's lower end swings away.
    legs, _, away = two_legs(gap=0.01)
    mesh = joined(legs, box((0, 0, 0.8), (0.61, 0.3, 1.3)))
    swings = np.zeros(len(mesh.vertices))
    swings[8:16] = mesh.vertices[8:16, 2] < 0.5
    cage = build_cage(mesh, 0.05, sparse.csr_matrix(np.stack([1 - swings, swings], axis=1)), away)
    assert cage.components().max() == 0
    places, copies = np.unique(np.round(cage.nodes, 6), axis=0, return_counts=True)
    # At height z the leg moves (1 - z) / 2 away: more than half a cell of about 0.07 below z = 0.93.
    doubled = places[copies == 2]
    assert copies.max() == 2
    assert doubled[:, 2].min() < 0.05 and doubled[:, 2].max() < 1.0
    assert np.abs(doubled[:, 0] - 0.305).max() < 1.01 * cage.cell_size
