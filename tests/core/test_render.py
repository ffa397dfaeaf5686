"""The rasterizer: coverage, weights, depth and gradients against numbers worked out by hand and finite differences."""

import numpy as np
import pytest
import torch
from animamimic.core.errors import InputError
from animamimic.core.render import antialias, backend, draw, interpolate, rasterize, silhouette, texture, topology
from animamimic.core.render.backends import primitives

SQUARE = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
BACKENDS = ("warp", "numpy")


@pytest.fixture(params=BACKENDS)
def drawn_by(request):
    if request.param == "warp":
        pytest.importorskip("warp")
    return request.param


def square(left, right, top, bottom, size, z=0.0):
    """float32[1, 4, 4]: the corners of a rectangle given in pixels of a size x size picture, at w = 1."""
    corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
    return torch.tensor([[[2 * u / size - 1, 1 - 2 * v / size, z, 1.0] for u, v in corners]])


def dense_ball(count=40):
    """A closed bumpy surface of 4 * count**2 triangles: float32[V, 3], int32[F, 3]."""
    polar, around = np.meshgrid(np.linspace(0, np.pi, count + 1)[1:-1], np.arange(2 * count) * np.pi / count, indexing="ij")
    ball = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], -1).reshape(-1, 3)
    ball = np.concatenate([ball, [[0, 0, 1], [0, 0, -1]]])
    vertices = ball * (1 + 0.2 * np.sin(3 * ball[:, 0] + 1) * np.cos(4 * ball[:, 1]))[:, None]
    here, row = np.arange(2 * count), np.arange(count - 2)[:, None] * 2 * count
    after, last, poles = (here + 1) % (2 * count), (count - 2) * 2 * count, len(ball) - 2
    a, b = (row + here).ravel(), (row + after).ravel()
    top, bottom = np.full(2 * count, poles), np.full(2 * count, poles + 1)
    faces = [(a, a + 2 * count, b), (b, a + 2 * count, b + 2 * count), (here, after, top), (last + after, last + here, bottom)]
    return torch.from_numpy(vertices.astype(np.float32)), torch.from_numpy(np.concatenate([np.stack(f, 1) for f in faces]).astype(np.int32))


def seen(vertices, distance=4.0, focal=2.3):
    """float32[1, V, 4] from a camera on the z axis; near 0.1, far 100."""
    w = distance - vertices[:, 2]
    return torch.stack([focal * vertices[:, 0], focal * vertices[:, 1], (100.1 * w - 20) / 99.9, w], -1).float()[None]


def soup(clip):
    """Triangles of a list of corners, three by three."""
    return torch.arange(len(clip)).reshape(-1, 3).to(torch.int32)


def test_pixels_whose_centres_lie_inside_are_covered(drawn_by):
    raster = rasterize(square(1, 4, 2, 6, 8), SQUARE, 8, 8, drawn_by)
    expected = torch.zeros(8, 8, dtype=torch.bool)
    expected[2:6, 1:4] = True
    assert torch.equal(raster.covered[0], expected)


def test_the_nearer_of_two_squares_is_seen_whatever_their_order_and_winding(drawn_by):
    near, far = square(0, 8, 0, 8, 8, z=-0.5), square(0, 8, 0, 8, 8, z=0.5)
    flipped = SQUARE[:, [0, 2, 1]]
    for clip, seen_triangles in ((torch.cat([near, far], 1), (0, 1)), (torch.cat([far, near], 1), (2, 3))):
        raster = rasterize(clip, torch.cat([SQUARE, flipped + 4]).int(), 8, 8, drawn_by)
        assert set(raster.triangle_ids.unique().tolist()) == set(seen_triangles)
        assert raster.depth.unique().tolist() == pytest.approx([-0.5])


def test_shared_edges_leave_no_pinhole_and_belong_to_one_triangle(drawn_by):
    angles = torch.linspace(0, 2 * torch.pi, 38)[:-1]
    rim = torch.stack([1.8 * torch.cos(angles), 1.8 * torch.sin(angles)], -1)
    points = torch.cat([torch.tensor([[0.01, 0.02]]), rim])
    clip = torch.cat([points, torch.zeros(38, 1), torch.ones(38, 1)], 1)[None]
    ring = torch.arange(37)
    fan = torch.stack([torch.zeros(37).long(), ring + 1, (ring + 1) % 37 + 1], 1).int()
    assert rasterize(clip, fan, 97, 97, drawn_by).covered.all()


def test_weights_are_perspective_correct(drawn_by):
    # A ground strip from depth w = 1 to w = 3, its attribute is w itself. In the middle row of the picture (v = 0) the ray
    # meets it where its height h = -1 + 0.5 * (attribute) vanishes, that is at attribute 2; a screen-space mean would give 1.5.
    def corner(x, w):
        return [x * w, (w - 2) * 1.0, 0.0, w]

    clip = torch.tensor([[corner(-1, 1.0), corner(1, 1.0), corner(1, 3.0), corner(-1, 3.0)]])
    raster = rasterize(clip, SQUARE, 9, 9, drawn_by)
    attribute = interpolate(clip[0, :, 3:], raster, SQUARE)
    assert attribute[0, 4, 1:8, 0].tolist() == pytest.approx([2.0] * 7, abs=1e-5)


def test_depth_is_z_over_w(drawn_by):
    clip = square(0, 8, 0, 8, 8) * 2.0  # w = 2
    clip[..., 2] = 0.5
    assert rasterize(clip, SQUARE, 8, 8, drawn_by).depth.unique().tolist() == pytest.approx([0.25])


def test_area_of_a_moving_square_has_its_edges_length_as_derivative(drawn_by):
    # The right edge of a 10-pixel-high rectangle lies at u = 12.3 of 32; moving it right by one pixel adds 10 pixels of area.
    clip = square(5.2, 12.3, 8, 18, 32).requires_grad_()
    coverage = silhouette(clip, SQUARE, topology(SQUARE), 32, 32, drawn_by)
    coverage.sum().backward()
    assert coverage.sum().item() == pytest.approx((12.3 - 5.2) * 10, abs=1e-3)
    pixels_a_unit = 16
    right, left = clip.grad[0, [1, 2], 0].sum().item(), clip.grad[0, [0, 3], 0].sum().item()
    assert (right, left) == pytest.approx((10 * pixels_a_unit, -10 * pixels_a_unit), rel=1e-4)
    assert clip.grad[0, :, 2].abs().max().item() == 0.0  # its depth does not matter


def cosine(left, right):
    return float((left * right).sum() / (left.norm() * right.norm()))


def finite_differences(loss, clip, directions, step):
    """Central differences of `loss` along each direction."""
    with torch.no_grad():
        return torch.tensor([(loss(clip + step * one) - loss(clip - step * one)).item() / (2 * step) for one in directions])


def smooth_directions(vertices):
    """18 ways to move a mesh, each a wave through it along one axis."""
    waves = [torch.sin(vertices @ torch.tensor(k) + phase) for k in ([1.0, 2, 0], [0.0, -1, 3], [2.0, 1, 1]) for phase in (0.3, 1.9)]
    return [wave[:, None] * torch.eye(3)[axis] for wave in waves for axis in range(3)]


@pytest.mark.parametrize("kind", ["silhouette", "photometric"])
def test_gradients_agree_with_finite_differences_on_a_dense_mesh(kind):
    # 6400 triangles, most of them smaller than a pixel; eight frames shifted by parts of a pixel even out where the centres lie
    name, size, shifts = backend(), 64, torch.rand(8, 1, 2, generator=torch.Generator().manual_seed(0)) * 2 / 64
    vertices, triangles = dense_ball(40)
    surface = topology(triangles, vertices)
    colours = 0.5 + 0.5 * torch.sin(2 * vertices + torch.tensor([0.0, 1, 2]))
    row, column = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    weight = torch.sin(0.15 * row + 0.4) * torch.cos(0.11 * column)

    def loss(moved):
        clip = seen(moved)
        clip = torch.cat([clip[..., :2] + shifts * clip[..., 3:], clip[..., 2:].expand(8, -1, -1)], -1)
        if kind == "silhouette":
            return (silhouette(clip, triangles, surface, size, size, name) * weight).double().sum()
        raster = rasterize(clip, triangles, size, size, name)
        image = antialias(interpolate(colours, raster, triangles), raster, clip, triangles, surface)
        return ((image - 0.3 * weight[..., None]) ** 2).double().sum()

    at = vertices.clone().requires_grad_()
    loss(at).backward()
    directions = smooth_directions(vertices)
    expected = finite_differences(loss, vertices, directions, 0.02)
    found = torch.stack([(at.grad * one).sum() for one in directions])
    assert cosine(found, expected) > 0.999
    # Colours change fast where the surface turns away, and the blend takes the nearest centre's: a few per cent too little.
    assert float(found.norm() / expected.norm()) == pytest.approx(1.0, abs=0.02 if kind == "silhouette" else 0.1)


def test_a_single_frame_s_photometric_gradient_agrees_with_finite_differences():
    # What finite differences measure of one frame jumps whenever the surface turns away over a pixel's centre, by half of what the
    # colour changes in a pixel there. Many pixels, and colours smooth on the screen rather than on the surface, make that little
    # (the cosine is 0.996 to 0.998 at 64 pixels, 0.9991 to 0.9995 at 128, 0.9994 to 0.9997 at 256).
    size, name = 256, backend()
    vertices, triangles = dense_ball(40)
    surface = topology(triangles, vertices)
    start = seen(vertices)[0]
    on_screen = start[:, :2] / start[:, 3:]
    colours = 0.5 + 0.5 * torch.sin(torch.stack([2 * on_screen[:, 0], 2 * on_screen[:, 1] + 1, on_screen.sum(1) + 2], -1))
    row, column = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    target = (0.3 * torch.sin(0.0375 * row + 0.4) * torch.cos(0.0275 * column))[..., None]

    def loss(moved):
        clip = seen(moved)
        raster = rasterize(clip, triangles, size, size, name)
        image = antialias(interpolate(colours, raster, triangles), raster, clip, triangles, surface)
        return ((image - target) ** 2).double().sum()

    at = vertices.clone().requires_grad_()
    loss(at).backward()
    directions = smooth_directions(vertices)
    expected = finite_differences(loss, vertices, directions, 0.02)
    found = torch.stack([(at.grad * one).sum() for one in directions])
    assert cosine(found, expected) > 0.999
    assert float(found.norm() / expected.norm()) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(("channels", "count"), [(1, 20), (2, 3), (3, 20), (4, 20), (4, 3), (5, 20)])
def test_both_backends_draw_the_same_picture_and_gradient(channels, count):
    # The processor works eight runs of pixels of up to four channels at once; triangles of 36 faces are far wider than the eight pixels of such a run.
    pytest.importorskip("warp")
    vertices, triangles = dense_ball(count)
    surface = topology(triangles, vertices)
    clips = torch.cat([seen(vertices), seen(vertices * torch.tensor([0.8, 1.1, 1.0]))])
    colours = torch.rand(2, len(vertices), channels, generator=torch.Generator().manual_seed(1))
    images, gradients = [], []
    for name in BACKENDS:
        clip, attributes = clips.clone().requires_grad_(), colours.clone().requires_grad_()
        raster = rasterize(clip, triangles, 48, 56, name)
        image = antialias(interpolate(attributes, raster, triangles), raster, clip, triangles, surface)
        ((image - 0.2) ** 2).sum().add((raster.depth**2).sum()).backward()
        images.append(image.detach())
        gradients.append((clip.grad, attributes.grad))
    assert torch.equal(images[0], images[1])
    for one, two in zip(*gradients, strict=True):
        assert float((one - two).norm() / one.norm()) < 1e-5


@pytest.mark.parametrize("size", [0.002, 0.02, 0.2, 2.0, 50.0])
@pytest.mark.parametrize("kind", ["any", "slivers", "level edges", "corners on the grid"])
def test_both_backends_see_the_same_triangle_everywhere(kind, size):
    # The kernels look only at the columns between a triangle's edges; plain torch at all of its box.
    pytest.importorskip("warp")
    random = torch.Generator().manual_seed(7)
    count = 40 if size > 1 else 200
    corners = 0.7 * torch.randn(count, 1, 2, generator=random) + size * torch.randn(count, 3, 2, generator=random)
    if kind == "slivers":
        corners[:, 2] = corners[:, 0] + (corners[:, 1] - corners[:, 0]) * torch.rand(count, 1, generator=random)
        corners[:, 2] += 3e-3 * torch.randn(count, 2, generator=random)
    if kind == "level edges":
        corners[:, 1, 1] = corners[:, 0, 1]
    if kind == "corners on the grid":
        corners = (32 * corners).round() / 32
    w = 0.5 + 3 * torch.rand(count, 3, 1, generator=random)
    z = (1.8 * torch.rand(count, 3, 1, generator=random) - 0.9) * w
    clip = torch.cat([corners * w, z, w], -1).reshape(1, -1, 4)
    seen_by = [rasterize(clip, soup(clip[0]), 61, 96, name).triangle_ids for name in BACKENDS]
    assert torch.equal(*seen_by)
    assert (seen_by[0] >= 0).any() or size < 0.01


@pytest.mark.parametrize(("height", "width"), [(9, 1), (8, 7), (5, 8), (7, 9), (4, 31), (6, 33), (3, 70)])
def test_both_backends_agree_to_the_last_pixel_of_any_picture(height, width):
    # The processor works eight or more pixels at once, up to the border and in every frame: the surface fills the second and third frame.
    pytest.importorskip("warp")
    vertices, triangles = dense_ball(6)
    surface = topology(triangles, vertices)
    clips = torch.cat([seen(vertices, focal=focal) for focal in (2.0, 9.0, 7.0)])
    pictures = []
    for name in BACKENDS:
        raster = rasterize(clips, triangles, height, width, name)
        image = antialias(interpolate(vertices, raster, triangles), raster, clips, triangles, surface)
        pictures.append((raster.triangle_ids, raster.barycentric, raster.depth, image))
    assert all(torch.equal(one, two) for one, two in zip(*pictures, strict=True))
    assert pictures[0][0][1:].min() >= 0
    assert pictures[0][0].unique().numel() > 3


@pytest.mark.parametrize("seed", range(4))
def test_both_backends_find_the_same_silhouettes_on_a_crumpled_surface(seed):
    # Full of folds, where an edge that the surface goes on over lies beside one where it does not.
    pytest.importorskip("warp")
    vertices, triangles = dense_ball(8)
    vertices = vertices + 0.25 * torch.randn(vertices.shape, generator=torch.Generator().manual_seed(seed))
    surface, clip = topology(triangles, vertices), seen(vertices)
    rasters = [rasterize(clip, triangles, 150, 150, name) for name in BACKENDS]
    images = [antialias(interpolate(vertices, raster, triangles), raster, clip, triangles, surface) for raster in rasters]
    assert torch.equal(*images)


def test_silhouettes_lie_between_the_pixels_that_they_are_found_for(drawn_by):
    # Needles without area, all in one plane: a walk along them is thrown about by rounding, and must not come back with an edge far behind.
    size, random = 97, torch.Generator().manual_seed(5)
    vertices, triangles = dense_ball(16)
    flat = ((vertices * torch.tensor([1, 0.02, 1.0]) + 0.01 * torch.randn(vertices.shape, generator=random)) * 16).round() / 16
    clip = seen(flat, distance=1.3, focal=2.3)
    raster, ops = rasterize(clip, triangles, size, size, drawn_by), primitives(drawn_by)
    places, edges = ops.silhouette_crossings(raster.triangle_ids, raster.depth, clip, triangles, topology(triangles, flat).neighbours)
    pixel, axis, swapped = places // 4, places // 2 % 2, places % 2
    start = torch.stack([pixel % size, pixel // size], 1) + 0.5 + swapped[:, None] * torch.nn.functional.one_hot(axis, 2)
    on_screen = (size / 2 * (1 + clip[0, :, :2] / clip[0, :, 3:] * torch.tensor([1.0, -1.0]))).double()
    p, q = (on_screen[triangles[edges.long() // 3, (edges % 3 + end) % 3].long()] for end in (0, 1))
    across = 1 - axis[:, None]
    share = ((start - p).gather(1, across) / (q - p).gather(1, across)).squeeze(1)
    way = (p + share[:, None] * (q - p) - start).gather(1, axis[:, None]).squeeze(1)
    assert len(places) > 50
    assert way.abs().max() < 1.001


@pytest.mark.parametrize("shared", [True, False])
def test_drawing_in_one_gives_what_interpolation_and_antialiasing_give(drawn_by, shared):
    vertices, triangles = dense_ball(16)
    surface = topology(triangles, vertices)
    clips = torch.cat([seen(vertices), seen(vertices * torch.tensor([0.8, 1.1, 1.0]))])
    colours = torch.rand(2, len(vertices), 3, generator=torch.Generator().manual_seed(2))
    target = torch.rand(2, 40, 52, 3, generator=torch.Generator().manual_seed(3))
    results = []
    for in_one in (True, False):
        clip, attributes = clips.clone().requires_grad_(), (colours[0] if shared else colours).clone().requires_grad_()
        raster = rasterize(clip, triangles, 40, 52, drawn_by)
        if in_one:
            image = draw(attributes, raster, triangles, surface)
        else:
            image = antialias(interpolate(attributes, raster, triangles), raster, clip, triangles, surface)
        ((image - target) ** 2).sum().backward()
        results.append((image.detach(), clip.grad, attributes.grad))
    assert torch.equal(results[0][0], results[1][0])
    for one, two in zip(*results, strict=True):
        assert float((one - two).norm() / two.norm()) < 1e-6


def test_drawing_leaves_the_gradient_that_it_is_given_alone():
    vertices, triangles = dense_ball(8)
    clip = seen(vertices).requires_grad_()
    image = draw(vertices, rasterize(clip, triangles, 24, 24), triangles, topology(triangles, vertices))
    grad = torch.ones_like(image)
    image.backward(grad)
    assert torch.equal(grad, torch.ones_like(image))


def test_weights_first_asked_for_without_gradients_carry_them_later(drawn_by):
    raster = rasterize(square(0, 8, 0, 8, 8).requires_grad_(), SQUARE, 8, 8, drawn_by)
    with torch.no_grad():
        assert raster.barycentric.requires_grad
    with torch.no_grad():
        silent = rasterize(raster.clip, SQUARE, 8, 8, drawn_by)
    assert not silent.barycentric.requires_grad


@pytest.mark.parametrize("channels", [3, 4, 5])
def test_gradients_of_background_do_not_reach_the_surface(drawn_by, channels):
    # What a mask divided by zero there must not spread along a row.
    vertices, triangles = dense_ball(6)
    colours = torch.rand(len(vertices), channels, generator=torch.Generator().manual_seed(4))
    clip = seen(vertices).requires_grad_()
    raster = rasterize(clip, triangles, 40, 44, drawn_by)
    image = interpolate(colours, raster, triangles)
    grad = torch.where(raster.covered[..., None], torch.ones(()), torch.full((), torch.nan)).expand_as(image)
    image.backward(grad)
    assert torch.isfinite(clip.grad).all()


def test_two_runs_give_the_same_bits(drawn_by):
    vertices, triangles = dense_ball(20)
    surface = topology(triangles, vertices)
    runs = []
    for _ in range(2):
        clip, colours = seen(vertices).requires_grad_(), vertices.clone().requires_grad_()
        raster = rasterize(clip, triangles, 64, 64, drawn_by)
        image = antialias(interpolate(colours, raster, triangles), raster, clip, triangles, surface)
        (image**2).sum().backward()
        runs.append((image.detach(), clip.grad, colours.grad))
    assert all(torch.equal(one, two) for one, two in zip(*runs, strict=True))


def test_gradients_to_attributes_and_depth_agree_with_finite_differences(drawn_by):
    clip = torch.tensor([[[-0.7, -0.6, 0.1, 1.0], [0.9, -0.5, 0.3, 1.5], [0.1, 1.3, 0.9, 2.0]]])
    triangle = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    colours = torch.tensor([[0.1], [0.9], [0.4]])
    weight = torch.linspace(-1, 2, 256).reshape(16, 16)

    def loss(clip, colours):
        raster = rasterize(clip, triangle, 16, 16, drawn_by)
        return ((interpolate(colours, raster, triangle)[0, ..., 0] + raster.depth[0]) * weight).double().sum()

    at, colours_at = clip.clone().requires_grad_(), colours.clone().requires_grad_()
    loss(at, colours_at).backward()
    ones = [torch.eye(12)[k].reshape(1, 3, 4) for k in range(12)]
    expected = finite_differences(lambda moved: loss(moved, colours), clip, ones, 1e-3)
    assert torch.allclose(at.grad.reshape(-1), expected.float(), rtol=0.02, atol=0.02)
    linear = finite_differences(lambda moved: loss(clip, moved), colours, [torch.eye(3)[k].reshape(3, 1) for k in range(3)], 0.1)
    assert torch.allclose(colours_at.grad.reshape(-1), linear.float(), rtol=1e-3)


AWKWARD = {
    "a point": [[0.1, 0.1, 0, 1]] * 3,
    "a line": [[-0.5, 0, 0, 1], [0, 0, 0, 1], [0.5, 0, 0, 1]],
    "far below a pixel": [[0.124, 0.124, 0, 1], [0.126, 0.124, 0, 1], [0.125, 0.1265, 0, 1]],
    "off the screen": [[5, 5, 0, 1], [6, 5, 0, 1], [5, 6, 0, 1]],
    "partly behind the camera": [[-0.5, -0.5, 0, 1], [0.5, -0.5, 0, 1], [0, 0.5, 0, -1]],
    "behind the camera": [[-0.5, -0.5, 0, -1], [0.5, -0.5, 0, -1], [0, 0.5, 0, -1]],
    "in the camera": [[-0.5, -0.5, 0, 1], [0.5, -0.5, 0, 1], [0, 0, 0, 0]],
    "before the near plane": [[-0.5, -0.5, -1.5, 1], [0.5, -0.5, 0, 1], [0, 0.5, 0, 1]],
    "not a number": [[float("nan"), 0, 0, 1], [0.5, -0.5, 0, 1], [0, 0.5, 0, 1]],
    "beyond all measure": [[3e38, 0, 0, 1], [0.5, -0.5, 0, 1], [0, 0.5, 0, 1]],
    "facing away": [[-0.5, -0.5, 0, 1], [0, 0.5, 0, 1], [0.5, -0.5, 0, 1]],
}
DRAWN = {"far below a pixel", "facing away"}


@pytest.mark.parametrize("which", AWKWARD)
def test_awkward_triangles_give_finite_pictures_and_gradients(drawn_by, which):
    clip = torch.tensor([AWKWARD[which]], dtype=torch.float32).requires_grad_()
    triangle = soup(clip[0])
    raster = rasterize(clip, triangle, 8, 8, drawn_by)  # a pixel's centre lies at (0.125, 0.125)
    image = antialias(interpolate(torch.eye(3), raster, triangle), raster, clip, triangle, topology(triangle))
    ((image - 0.5) ** 2).sum().add(raster.depth.sum()).backward()
    assert bool(raster.covered.any()) == (which in DRAWN)
    assert torch.isfinite(image).all()
    assert torch.isfinite(clip.grad).all()


def test_unwelded_seam_is_no_silhouette(drawn_by):
    # Two rectangles side by side that share no vertex, red beside blue, meet at u = 8.3: welded, the seam stays hard; torn,
    # the red one's border, 0.8 pixels from its last centre, covers 0.3 of the next pixel.
    clip = torch.cat([square(2, 8.3, 2, 14, 16), square(8.3, 14, 2, 14, 16)], 1)
    triangles = torch.cat([SQUARE, SQUARE + 4]).int()
    raster = rasterize(clip, triangles, 16, 16, drawn_by)
    colours = torch.tensor([[1.0, 0, 0]] * 4 + [[0, 0, 1.0]] * 4)
    image = interpolate(colours, raster, triangles)
    welded = antialias(image, raster, clip, triangles, topology(triangles, clip[0, :, :3]))
    torn = antialias(image, raster, clip, triangles, topology(triangles))
    assert torch.equal(welded[0, 4:12, 7:9], image[0, 4:12, 7:9])
    assert torn[0, 8, 8].tolist() == pytest.approx([0.3, 0.0, 0.7], abs=1e-4)


def test_topology_of_a_square_and_of_a_double_sided_one():
    assert topology(SQUARE).neighbours.tolist() == [[-1, -1, 4 * 1 + 0], [4 * 0 + 2, -1, -1]]
    doubled = torch.cat([SQUARE, SQUARE[:, [0, 2, 1]]])
    across = topology(doubled).neighbours
    # The diagonal joins 0 to 1 and, on the back, 2 to 1 (1 stands for its double); the rim still is a border.
    assert (across >= 0).sum().item() == 4
    assert across[0, 2] // 4 == 1
    assert across[2, 0] // 4 == 1


def test_a_closed_surface_has_no_border():
    vertices, triangles = dense_ball(8)
    across = topology(triangles, vertices).neighbours
    assert (across >= 0).all()
    there = across.long()
    back = across[there // 4, there % 4].long()
    assert torch.equal(back // 4, torch.arange(len(triangles))[:, None].expand(-1, 3))


def test_texture_looks_up_between_the_four_pixels():
    picture = torch.tensor([[[0.0], [1.0]], [[2.0], [3.0]]], requires_grad=True)
    uv = torch.tensor([[[[0.5, 0.5], [0.25, 0.75], [0.0, 0.0], [0.5, 0.75]]]], requires_grad=True)
    found = texture(picture, uv)
    assert found.reshape(-1).tolist() == pytest.approx([1.5, 0.0, 2.0, 0.5])
    found[0, 0, 0].sum().backward()
    assert picture.grad.reshape(-1).tolist() == pytest.approx([0.25] * 4)
    assert uv.grad[0, 0, 0].tolist() == pytest.approx([2.0, -4.0])  # two pixels a unit: 1 to the right, -2 upwards


def test_a_rasterizer_that_is_not_there_is_refused(monkeypatch):
    with pytest.raises(InputError, match="no rasterizer called"):
        backend("crayon")
    monkeypatch.setenv("ANIMAMIMIC_RASTERIZER", "numpy")
    assert backend() == "numpy"
    with pytest.raises(InputError, match="nvdiffrast"):
        backend("nvdiffrast", "cpu")


def test_kernels_refuse_memory_with_gaps():
    pytest.importorskip("warp")
    clip = square(0, 8, 0, 8, 8).repeat_interleave(2, 2)[..., ::2]
    with pytest.raises(ValueError, match="not contiguous"):
        primitives("warp").visible(clip, SQUARE, 8, 8)


def test_wrong_shapes_are_refused():
    clip = square(0, 8, 0, 8, 8)
    with pytest.raises(InputError, match="positions have shape"):
        rasterize(clip[0], SQUARE, 8, 8)
    with pytest.raises(InputError, match="outside 0 to 3"):
        rasterize(clip, SQUARE + 1, 8, 8)
    with pytest.raises(InputError, match="The topology has 1 triangles, the mesh 2"):
        draw(clip[0], rasterize(clip, SQUARE, 8, 8), SQUARE, topology(SQUARE[:1]))
