"""nvdiffrast's rasterizer in a few lines of numpy, behind its own signatures, for machines that have neither it nor CUDA.

It keeps nvdiffrast's documented layout: float32[minibatch, height, width, 4] of (u, v, z/w, triangle id + 1), zeros where nothing is seen,
row 0 at the bottom (y = -1), u and v the weights of the first two vertices; and it refuses what the real one refuses.
"""

import types

import numpy as np
import torch


class RasterizeCudaContext:
    """What the rasterizer wants to be given; the real one holds buffers on that device."""

    def __init__(self, device=None):
        self.device = torch.device(device)


def rasterize(glctx, pos, tri, resolution, ranges=None, grad_db=True):
    """Rasterize triangles in instanced mode; the derivatives of u and v by pixel, the second output, are not computed."""
    assert isinstance(glctx, RasterizeCudaContext)
    assert pos.device == tri.device == glctx.device
    assert pos.is_contiguous() and tri.is_contiguous()
    assert (pos.dtype, tri.dtype) == (torch.float32, torch.int32)
    assert ranges is None and pos.ndim == 3 and pos.shape[2] == 4 and tri.ndim == 2 and tri.shape[1] == 3
    assert pos.numel() > 0 and tri.numel() > 0, "pos and tri must have shape [>0, >0]"
    height, width = resolution
    drawn = np.stack([_frame(one, tri.numpy(), height, width) for one in pos.detach().double().numpy()]).astype(np.float32)
    return torch.from_numpy(drawn), torch.zeros((*drawn.shape[:3], 4 if grad_db else 0))


def _frame(pos, tri, height, width):
    """float64[H, W, 4] for pos [V, 4]."""
    x, y = np.meshgrid((np.arange(width) + 0.5) * 2 / width - 1, (np.arange(height) + 0.5) * 2 / height - 1)
    drawn, nearest = np.zeros((height, width, 4)), np.full((height, width), np.inf)
    for index, corners in enumerate(pos[tri]):
        across, up = corners[:, 0] - x[..., None] * corners[:, 3], corners[:, 1] - y[..., None] * corners[:, 3]
        edges = np.roll(across, -1, -1) * np.roll(up, -2, -1) - np.roll(up, -1, -1) * np.roll(across, -2, -1)
        total = edges.sum(-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            weights = edges / total[..., None]
            depth = (edges @ corners[:, 2]) / (edges @ corners[:, 3])
        seen = ((edges >= 0).all(-1) | (edges <= 0).all(-1)) & (total != 0) & (np.abs(depth) <= 1) & (depth < nearest)
        nearest[seen] = depth[seen]
        drawn[seen] = np.concatenate([weights[seen][:, :2], depth[seen][:, None], np.full((seen.sum(), 1), index + 1.0)], 1)
    return drawn


def modules():
    """What `import nvdiffrast.torch` would find, by name."""
    package, inner = types.ModuleType("nvdiffrast"), types.ModuleType("nvdiffrast.torch")
    inner.RasterizeCudaContext, inner.rasterize = RasterizeCudaContext, rasterize
    package.torch = inner
    return {"nvdiffrast": package, "nvdiffrast.torch": inner}
