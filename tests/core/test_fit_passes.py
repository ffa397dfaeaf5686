"""The kernels that do to pictures in one pass what numpy does in several, against numpy; and what is quick by other means, against the plain way."""

import numpy as np
import pytest
import torch
from animamimic.core.fit.compare import error_map
from animamimic.core.fit.evidence import blur
from animamimic.core.fit.kinematics import exponential
from animamimic.core.fit.light import _median, light_on
from animamimic.core.fit.look import DEPTH_SLACK
from animamimic.core.fit.motion import prepare
from animamimic.core.fit.observe import Sampled, _nearest, _scattered, blurred_at
from animamimic.core.fit.painting import Paint
from animamimic.core.fit.poses import Poses
from animamimic.core.render.backends import VARIABLE, available
from animamimic.core.render.passes import passes
from animamimic.core.settings import FitSettings
from animamimic.core.types import Clip, Mesh, Rig, View

SIDE = 96
CELLS = 6

pytestmark = pytest.mark.skipif(not available("warp"), reason="needs Warp")


def tube(first, last, radius):
    """A square tube along x, open at its ends: its inside is seen from there."""
    x, corner = np.meshgrid(np.linspace(first, last, CELLS + 1), np.arange(4), indexing="ij")
    angle = np.pi / 4 + np.pi / 2 * corner
    vertices = np.stack([x, radius * np.cos(angle), radius * np.sin(angle)], -1).reshape(-1, 3)
    here = 4 * np.arange(CELLS)[:, None] + np.arange(4)
    beside = 4 * np.arange(CELLS)[:, None] + (np.arange(4) + 1) % 4
    faces = np.concatenate([np.stack([here, beside, here + 4], -1), np.stack([beside, beside + 4, here + 4], -1)])
    return vertices, faces.reshape(-1, 3)


def blocks(seed):
    """uint8[H, W, 3]: blocks of many colours."""
    return np.random.default_rng(seed).integers(30, 220, (SIDE // 4, SIDE // 4, 3), np.uint8).repeat(4, 0).repeat(4, 1)


@pytest.fixture(scope="module")
def observer():
    """Of two tubes in a row, seen by a perspective camera from aside, and a film of two frames, of which the second is another picture."""
    (upper, faces), (fore, _) = tube(-1, 0, 0.3), tube(0, 1, 0.2)
    vertices = np.concatenate([upper, fore]).astype(np.float32)
    rig = Rig(
        names=("upper", "fore"),
        parents=np.array([-1, 0], np.int32),
        heads=np.array([[-1.0, 0, 0], [0, 0, 0]]),
        tails=np.array([[0.0, 0, 0], [1, 0, 0]]),
        z_axes=np.tile([0.0, 0, 1], (2, 1)),
        influences=np.repeat([0, 1], len(upper)).astype(np.int32)[:, None],
        weights=np.ones((len(vertices), 1), np.float32),
        rest=vertices,
        bind=np.tile(np.eye(3, 4), (2, 1, 1)),
    )
    camera = np.eye(4)
    camera[:3, :3] = exponential(torch.tensor([[-0.3, 0.5, 0.1]], dtype=torch.float64))[0].numpy()
    camera[:3, 3] = camera[:3, 2] * 3
    projection = np.array([[1.6, 0, 0, 0], [0, 1.6, 0, 0], [0, 0, -1.02, -0.2], [0, 0, -1, 0]])
    masks = np.zeros((2, SIDE, SIDE), np.uint8)
    masks[:, 25:70, 10:85] = 255
    masks[1, 25:70, 60:85] = 120
    film = Clip(np.stack([blocks(0), (0.3 * blocks(0) + 0.4 * blocks(1)).astype(np.uint8)]), masks, 24.0)
    mesh = Mesh(vertices, np.concatenate([faces, faces + len(upper)]).astype(np.int32))
    return prepare(mesh, rig, View(SIDE, SIDE, camera, projection), film, FitSettings(fit_resolution=SIDE))[0].observer


def pose(upper=(0.1, 0.3, 0.2), fore=(0.4, -0.9, 0.5)):
    return Poses(exponential(torch.tensor([[upper, fore]], dtype=torch.float64)), torch.zeros(1, 2, 3, dtype=torch.float64))


def draw(observer, one):
    return observer.look.draw(*observer.problem.transforms(one))[0]


@pytest.fixture
def both(monkeypatch):
    """What a function gives by the kernels and by numpy."""

    def by_both(work):
        found = []
        for drawn_by in ("warp", "numpy"):
            monkeypatch.setenv(VARIABLE, drawn_by)
            assert (passes() is None) == (drawn_by == "numpy")
            found.append(work())
        return found

    return by_both


@pytest.mark.parametrize("upper", [(0, 0, 0), (0.1, 0.3, 0.2), (2.6, 0, 0)])
def test_a_drawing_wears_the_same(observer, both, upper):
    """In the third pose the subject shows its back: half of it was hidden in frame 0."""
    one, other = both(lambda: draw(observer, pose(upper)))
    differ = one.known != other.known
    assert differ.sum() <= 3  # where the depth is just at the limit
    assert np.abs(one.colours - other.colours)[~differ].max() < 0.03  # places are rounded to 1/32 of a pixel
    assert np.abs(one.colours - other.colours).mean() < 1e-4
    assert one.known.sum() > 20
    assert (one.covered & ~one.known).sum() > (0 if upper == (0, 0, 0) else 70)


def test_a_frame_s_light_is_the_same(observer, both):
    drawing, ready = draw(observer, pose()), observer.evidence[1]
    one, other = both(lambda: light_on(ready, drawing.colours, drawing.known))
    np.testing.assert_allclose(one.numbers, other.numbers, atol=2e-4)
    assert np.abs(one.slope).max() > 0.005
    assert np.abs(one.offset).max() > 0.05


def test_a_drawing_is_shown_and_judged_the_same(observer, both):
    drawing = draw(observer, pose())
    for work in (lambda: observer.shown(1, drawing), lambda: error_map(observer.evidence[1], drawing)):
        one, other = both(work)
        assert one.shape[:2] == (SIDE, SIDE)
        np.testing.assert_allclose(one, other, atol=1e-3)
    assert np.ptp(one) > 0.1
    np.testing.assert_array_equal(observer.shown(1, drawing)[~drawing.covered], observer.evidence[1].background[~drawing.covered])


def test_a_limb_is_worth_the_same(observer, both):
    """Also where the rest of the subject hides a part of it, and where some of its points lie beside the picture."""
    paint, one = Paint.of(observer, 1), pose()
    vectors = torch.tensor([(0.4, -0.9, 0.5), (0, 0, 0), (0.2, 2.4, 0.3), (0, 0.5, -1.5), (0, -1.4, 0.2)], dtype=torch.float64)
    transforms = observer.problem.with_limb(one, [1], exponential(vectors)[:, None])
    worth = both(lambda: paint.worth(paint.backdrop(1, one), *transforms))
    guess = both(lambda: paint.guessed_worth(paint.backdrop(1, one), *transforms))
    np.testing.assert_allclose(worth[0], worth[1], atol=0.3)
    np.testing.assert_allclose(guess[0], guess[1], atol=0.3)
    assert np.ptp(worth[0]) > 20
    assert np.ptp(guess[0]) > 20


def test_a_pixel_s_place_in_its_triangle_is_the_rasterizer_s(observer):
    drawing = draw(observer, pose())
    rows, columns = np.nonzero(drawing.covered)
    np.testing.assert_allclose(drawing.mix(rows, columns)[:, :2], drawing.raster.barycentric[0].numpy()[rows, columns], atol=2e-4)
    across = drawing.interpolated(drawing.points[:, 0])  # what vertices have, at the pixels: here their x
    corners = drawing.points[observer.problem.triangles[drawing.triangle_ids[rows, columns]], 0]
    np.testing.assert_allclose(across[rows, columns], (corners * drawing.mix(rows, columns)).sum(1), atol=2e-4)


def test_surface_points_are_spread_over_the_joints(observer):
    """Each joint gets its share of points, all of them on known surface and none twice; their weights make up for what each stands for."""
    drawing = draw(observer, pose())
    found = observer._surface(drawing)
    rows, columns = found.pixels.T
    assert drawing.known[rows, columns].all()
    assert len(np.unique(rows * SIDE + columns)) == len(rows) <= observer.surface_points
    joints = observer.problem.joint_of_triangle[drawing.triangle_ids]
    area = np.bincount(joints[drawing.known])
    np.testing.assert_allclose(np.bincount(joints[rows, columns], found.weights), area / area.sum(), atol=1e-12)


def test_the_first_few_pixels_in_order_are_spread():
    first = _scattered(64, 32)[: 64 * 32 // 16]
    assert sorted(_scattered(64, 32)) == list(range(64 * 32))
    counts = np.bincount(first // (32 * 16) * 2 + first % 32 // 16)  # eight squares of 16 x 16
    assert counts.min() >= 14 and counts.max() <= 19


@pytest.mark.parametrize("sigma", [1.0, 3.0, 8.0])
def test_blurring_what_pixels_see_is_blurring_all(sigma):
    image = blocks(2).astype(np.float32) / 255
    for pixels in (np.array([[40, 50], [47, 44]]), np.array([[0, 95], [3, 90]])):
        np.testing.assert_allclose(blurred_at(image, pixels, sigma), blur(image, sigma)[pixels[:, 0], pixels[:, 1]], atol=1e-6)


def test_the_nearest_point():
    points = Sampled(np.array([[10, 10], [10, 20], [30, 10]]), np.ones(3)).positions  # (row, column)
    assert _nearest(points, np.array([[12.0, 11], [19, 3], [11, 26]], np.float32)).tolist() == [0, 1, 2]
    assert _nearest(points[:0], points[:0]).shape == (0,)


def test_normals_point_outwards(observer):
    ready = observer.evidence[0]
    right, top = ready.outline[:, 0] > 84.4, (ready.outline[:, 1] < 27) | (ready.outline[:, 1] > 68)
    np.testing.assert_allclose(ready.normals[right & ~top], np.tile([1, 0], ((right & ~top).sum(), 1)), atol=1e-5)
    assert (right & ~top).sum() > 30
    np.testing.assert_allclose(np.linalg.norm(ready.normals, axis=1), 1, atol=1e-5)


def test_a_limb_is_seen_before_the_rest_of_the_subject_alone(observer):
    """The depth of a backdrop is the subject's and a little more where the subject without the limb is, and nowhere else is there any."""
    one = pose()
    drawing, backdrop = draw(observer, one), Paint.of(observer, 1).backdrop(1, one)
    rows, columns = np.nonzero(drawing.covered & (observer.problem.joint_of_triangle[drawing.triangle_ids] == 0))
    corners = (drawing.points @ observer.problem.camera_axis)[observer.problem.triangles[drawing.triangle_ids[rows, columns]]]
    np.testing.assert_allclose(backdrop.depth[rows, columns], (corners * drawing.mix(rows, columns)).sum(1) + DEPTH_SLACK, atol=1e-4)
    assert np.isinf(backdrop.depth[~drawing.covered]).all()


@pytest.mark.parametrize("count", [7, 8])
def test_medians(count):
    values = np.random.default_rng(0).normal(size=(3, count)).astype(np.float32)
    np.testing.assert_array_equal(_median(values), np.median(values, axis=1))
