"""The adapter to nvdiffrast, over a stand-in of its rasterizer; and, where there is CUDA, everything that draws on it."""

import importlib
import sys

import nvdiffrast_stand_in as stand_in
import pytest
import torch
from animamimic.core.render import antialias, backend, backends, interpolate, raster, rasterize, topology

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

TRIANGLES = torch.tensor([[0, 1, 2], [3, 4, 5]], dtype=torch.int32)
LOW_AND_HIGH = [[-0.9, -0.9, 0, 1], [0.5, -0.9, 0, 1], [-0.9, 0.1, 0, 1], [0.2, 0.3, 0, 1], [1.6, 0.3, 0.4, 2], [0.2, 0.9, 0, 1]]
"""Corners of a triangle at the lower left and, half as far from the camera at one corner as at another, one at the upper right."""


def two_triangles():
    """float32[1, 6, 4]."""
    return torch.tensor([LOW_AND_HIGH])


@pytest.fixture
def adapter(monkeypatch):
    """The adapter, imported while the stand-in takes nvdiffrast's place, as the backend whatever the device."""
    for name, module in stand_in.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    name = f"{backends.__package__}.nvdiffrast_backend"
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(raster, "backend", lambda wanted, device: wanted or "nvdiffrast")
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


def drawn(backend_name, clip, triangles, attributes, size=(24, 32), device="cpu"):
    """The raster, the antialiased picture, and its gradients to positions and attributes."""
    clip, attributes = clip.detach().to(device).requires_grad_(), attributes.detach().to(device).requires_grad_()
    corners, surface = triangles.to(device), topology(triangles).to(device)
    seen = rasterize(clip, corners, *size, backend_name)
    image = antialias(interpolate(attributes, seen, corners), seen, clip, corners, surface)
    ((image - 0.2) ** 2).sum().add((seen.depth**2).sum()).backward()
    return seen, image.detach().cpu(), clip.grad.cpu(), attributes.grad.cpu()


def test_ids_weights_depth_and_rows_come_back_in_our_order(adapter):
    ids, depth = adapter.visible(two_triangles(), TRIANGLES, 24, 32)
    weights = adapter.weights(two_triangles(), TRIANGLES, ids)
    assert (ids.dtype, ids.shape, weights.shape, depth.shape) == (torch.int32, (1, 24, 32), (1, 24, 32, 2), (1, 24, 32))
    assert ids[0, 21, 3] == 0  # row 21 of 24 is y = -0.79, below
    assert ids[0, 4, 21] == 1
    assert set(ids.unique().tolist()) == {-1, 0, 1}
    assert weights[0][ids[0] < 0].abs().max() == depth[0][ids[0] < 0].abs().max() == 0
    # The pixel in column 4 and row 19 has its centre at (-0.71875, -0.625): 0.18125 / 1.4 of the way to the second corner, 0.275 to the third.
    assert weights[0, 19, 4].tolist() == pytest.approx([1 - 0.18125 / 1.4 - 0.275, 0.18125 / 1.4], abs=1e-6)
    assert depth[0, 4, 21] > 0.02  # on the way to the corner at z/w = 0.2


def test_the_adapter_draws_what_our_own_backends_draw(adapter):
    pytest.importorskip("warp")
    attributes = torch.rand(1, 6, 3, generator=torch.Generator().manual_seed(0))
    ours, theirs = (drawn(name, two_triangles(), TRIANGLES, attributes) for name in ("warp", "nvdiffrast"))
    assert torch.equal(ours[0].triangle_ids, theirs[0].triangle_ids)
    for one, two in zip(ours[1:], theirs[1:], strict=True):
        assert torch.allclose(one, two, atol=1e-5)
    assert ours[2].abs().max() > 1


def test_a_mesh_without_triangles_is_an_empty_picture(adapter):
    # nvdiffrast itself refuses it
    ids, depth = adapter.visible(two_triangles(), TRIANGLES[:0], 4, 6)
    weights = adapter.weights(two_triangles(), TRIANGLES[:0], ids)
    assert (ids == -1).all()
    assert ids.shape == (1, 4, 6)
    assert weights.shape == (1, 4, 6, 2)
    assert depth.abs().max() == 0


@needs_cuda
@pytest.mark.parametrize(("name", "other_pixels"), [("warp", 0.0), ("numpy", 0.0), ("nvdiffrast", 0.01)])
def test_on_cuda_each_backend_gives_the_picture_and_gradient_of_the_processor(name, other_pixels):
    # nvdiffrast's corners lie on a grid of sixteenths of a pixel: a few centres at the edges may see something else.
    if not backends.available(name):
        pytest.skip(f"{name} is not installed")
    attributes = torch.rand(1, 6, 3, generator=torch.Generator().manual_seed(0))
    here, there = drawn(backend(), two_triangles(), TRIANGLES, attributes), drawn(name, two_triangles(), TRIANGLES, attributes, device="cuda")
    same = here[0].triangle_ids == there[0].triangle_ids.cpu()
    assert float((~same).float().mean()) <= other_pixels
    assert float(((here[1] - there[1])[same].abs() > 1e-4).float().mean()) <= other_pixels
    for one, two in zip(here[2:], there[2:], strict=True):
        assert float((one - two).norm() / one.norm()) < (0.1 if other_pixels else 1e-4)
