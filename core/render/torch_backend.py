"""The rasterizer's primitives in plain torch: the fallback where Warp is missing, with the same answers.

The arithmetic is that of the Warp kernels, operation by operation, so that both cover the same pixels.
"""

import torch
from torch import Tensor

from .backends import Changes, changed
from .torch_silhouette import blend, blend_adjoint, silhouette_crossings

__all__ = [
    "attribute_adjoint",
    "blend",
    "blend_adjoint",
    "interpolate",
    "position_adjoint",
    "silhouette_crossings",
    "visible",
    "visible_adjoint",
    "weights",
]

NOTHING = torch.iinfo(torch.int64).max
CHUNK_CANDIDATES = 2_000_000
"""Most candidate pixels (triangles times the pixels of their boxes) looked at in one go: bounds the memory."""
SMALLEST_SUM, FARTHEST_PIXEL, MARGIN = 1e-30, 1e9, 1e-3


def visible(clip: Tensor, triangles: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """See `backends.Backend`."""
    corners = triangles.long()
    key = torch.stack([_z_buffer(frame, corners, height, width) for frame in clip]).reshape(-1, height, width)
    ids = torch.where(key == NOTHING, -1, key & 0xFFFFFFFF).to(torch.int32)
    depth = torch.zeros(ids.shape, device=clip.device)
    pixels, vertices, x, y = _seen(ids, corners, clip.shape[1])
    points = clip.reshape(-1, 4)[vertices]
    depth.view(-1)[pixels] = _depth(_edge_functions(points, x, y), points)
    return ids, depth


def weights(clip: Tensor, triangles: Tensor, ids: Tensor) -> Tensor:
    """See `backends.Backend`."""
    barycentric = torch.zeros((*ids.shape, 2), device=clip.device)
    pixels, vertices, x, y = _seen(ids, triangles.long(), clip.shape[1])
    e = _edge_functions(clip.reshape(-1, 4)[vertices], x, y)
    total = e[0] + e[1] + e[2]
    barycentric.view(-1, 2)[pixels] = torch.stack([e[0] / total, e[1] / total], dim=-1)
    return barycentric


def visible_adjoint(clip: Tensor, triangles: Tensor, ids: Tensor, grad_barycentric: Tensor | None, grad_depth: Tensor | None) -> Tensor:
    """See `backends.Backend`."""
    pixels, vertices, x, y = _seen(ids, triangles.long(), clip.shape[1])
    points = clip.reshape(-1, 4)[vertices].requires_grad_()
    with torch.enable_grad():
        e = _edge_functions(points, x, y)
        total = e[0] + e[1] + e[2]
        loss = torch.zeros((), device=clip.device)
        if grad_barycentric is not None:
            g = grad_barycentric.reshape(-1, 2)[pixels]
            loss = loss + (g[:, 0] * (e[0] / total) + g[:, 1] * (e[1] / total)).sum()
        if grad_depth is not None:
            loss = loss + (grad_depth.reshape(-1)[pixels] * _depth(e, points)).sum()
        grad = torch.autograd.grad(loss, points)[0] if len(pixels) else torch.zeros_like(points)
    return torch.zeros_like(clip).view(-1, 4).index_add_(0, vertices.reshape(-1), grad.reshape(-1, 4)).view_as(clip)


def interpolate(attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor) -> Tensor:
    """See `backends.Backend`."""
    image = torch.zeros((*ids.shape, attributes.shape[-1]), device=ids.device)
    pixels, vertices, shares = _shares(attributes, clip, ids, triangles)
    corner = attributes.reshape(-1, attributes.shape[-1])[vertices]
    image.view(-1, attributes.shape[-1])[pixels] = shares[0] * corner[:, 0] + shares[1] * corner[:, 1] + shares[2] * corner[:, 2]
    return image


def position_adjoint(
    grad_image: Tensor, attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor, changes: Changes | None = None
) -> Tensor:
    """See `backends.Backend`."""
    grad_image = changed(grad_image, changes)
    channels = attributes.shape[-1]
    pixels, vertices, _, _ = _seen(ids, triangles.long(), _rows_a_frame(attributes))
    grad, corner = grad_image.reshape(-1, channels)[pixels], attributes.reshape(-1, channels)[vertices]
    to_weights = torch.zeros((ids.numel(), 2), device=ids.device)
    to_weights[pixels] = torch.stack([(grad * (corner[:, k] - corner[:, 2])).sum(-1) for k in (0, 1)], dim=-1)
    return visible_adjoint(clip, triangles, ids, to_weights, None)


def attribute_adjoint(
    grad_image: Tensor, attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor, changes: Changes | None = None
) -> Tensor:
    """See `backends.Backend`."""
    grad_image = changed(grad_image, changes)
    channels = attributes.shape[-1]
    pixels, vertices, shares = _shares(attributes, clip, ids, triangles)
    grad = grad_image.reshape(-1, channels)[pixels]
    parts = torch.stack([share * grad for share in shares], dim=1)
    flat = torch.zeros_like(attributes).view(-1, channels).index_add_(0, vertices.reshape(-1), parts.reshape(-1, channels))
    return flat.view_as(attributes)


def _z_buffer(clip: Tensor, corners: Tensor, height: int, width: int) -> Tensor:
    """int64[H * W]: the smallest (depth, triangle) of each pixel, packed; `NOTHING` for background. One frame, clip [V, 4]."""
    key = torch.full((height * width,), NOTHING, dtype=torch.int64, device=clip.device)
    boxes = _boxes(clip, corners, height, width)
    rows, columns = boxes[3], boxes[4]
    chunk = torch.div(torch.cumsum(rows * columns, 0), CHUNK_CANDIDATES, rounding_mode="floor")
    for part in torch.unique_consecutive(chunk):
        here = chunk == part
        pixel, packed = _candidates(clip, corners, height, width, *(one[here] for one in boxes))
        key.scatter_reduce_(0, pixel, packed, "amin")
    return key


def _boxes(clip: Tensor, corners: Tensor, height: int, width: int) -> tuple[Tensor, ...]:
    """Drawable triangles that touch the picture: index, left column, top row, rows and columns of the box."""
    w = clip[:, 3]
    u = 0.5 * width + 0.5 * width * (clip[:, 0] / w)
    v = 0.5 * height - 0.5 * height * (clip[:, 1] / w)
    in_front = (w > 0) & (clip[:, 2] >= -w)
    extent = (u.abs() + v.abs())[corners].sum(1)
    triangle = torch.nonzero(in_front[corners].all(1) & (extent < FARTHEST_PIXEL)).reshape(-1)
    u, v = u[corners[triangle]], v[corners[triangle]]
    left, right = (u.amin(1) - 0.5 - MARGIN).ceil().clamp(min=0), (u.amax(1) - 0.5 + MARGIN).floor().clamp(max=width - 1)
    top, bottom = (v.amin(1) - 0.5 - MARGIN).ceil().clamp(min=0), (v.amax(1) - 0.5 + MARGIN).floor().clamp(max=height - 1)
    inside = (right >= left) & (bottom >= top)
    sides = (left, top, bottom - top + 1, right - left + 1)
    return triangle[inside], *(one[inside].long() for one in sides)


def _candidates(
    clip: Tensor, corners: Tensor, height: int, width: int, triangle: Tensor, left: Tensor, top: Tensor, rows: Tensor, columns: Tensor
) -> tuple[Tensor, Tensor]:
    """Pixels in the boxes that their triangle covers, and (depth, triangle) packed into 64 bits.

    First every row of every box, with the edge functions' value and slope along it, then every pixel of every row.
    """
    box, down = _run_out(rows)
    row = top[box] + down
    points = clip[corners[triangle[box]]]
    bases, slopes = _edge_lines(points, 1.0 - (row.float() + 0.5) * _step(height))
    line, right = _run_out(columns[box])
    column = left[box][line] + right
    x = (column.float() + 0.5) * _step(width) - 1.0
    e = [base[line] + x * slope[line] for base, slope in zip(bases, slopes, strict=True)]
    same_side = (torch.minimum(torch.minimum(e[0], e[1]), e[2]) >= 0) | (torch.maximum(torch.maximum(e[0], e[1]), e[2]) <= 0)
    covered = torch.nonzero(same_side & ((e[0] + e[1] + e[2]).abs() > SMALLEST_SUM)).reshape(-1)
    line = line[covered]
    bits = (_depth(tuple(one[covered] for one in e), points[line]) + 0.0).view(torch.int32)
    ordered = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits).long()
    return row[line] * width + column[covered], (ordered << 32) | triangle[box][line]


def _run_out(lengths: Tensor) -> tuple[Tensor, Tensor]:
    """For stretches of these lengths, one after the other: which one each place belongs to, and its place within it."""
    which = torch.repeat_interleave(lengths)
    return which, torch.arange(len(which), device=lengths.device) - (torch.cumsum(lengths, 0) - lengths)[which]


def _step(pixels: int) -> Tensor:
    """Size of a pixel in normalised device coordinates, rounded as the kernels round it."""
    return torch.tensor(2.0 / pixels, dtype=torch.float32)


def _centres(column: Tensor, row: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Pixel centres in normalised device coordinates."""
    return (column.float() + 0.5) * _step(width) - 1.0, 1.0 - (row.float() + 0.5) * _step(height)


def _edge_lines(points: Tensor, y: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The edge functions of corners [N, 3, 4] along the row at y [N]: value [N] at x = 0, three times, and slope in x."""
    across, w = points[:, :, 0].unbind(1), points[:, :, 3].unbind(1)
    off = [points[:, k, 1] - y * w[k] for k in range(3)]
    pairs = ((1, 2), (2, 0), (0, 1))
    return [across[p] * off[q] - off[p] * across[q] for p, q in pairs], [off[p] * w[q] - w[p] * off[q] for p, q in pairs]


def _edge_functions(points: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    """e_0, e_1, e_2 [N] of corners [N, 3, 4] at pixel centres x, y [N]."""
    return tuple(base + x * slope for base, slope in zip(*_edge_lines(points, y), strict=True))


def _depth(e: tuple[Tensor, ...], points: Tensor) -> Tensor:
    """z/w [N] where the edge functions are e."""
    z, w = points[:, :, 2], points[:, :, 3]
    return (e[0] * z[:, 0] + e[1] * z[:, 1] + e[2] * z[:, 2]) / (e[0] * w[:, 0] + e[1] * w[:, 1] + e[2] * w[:, 2])


def _seen(ids: Tensor, corners: Tensor, vertex_count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Covered pixels: flat index [N], their triangles' corners [N, 3] as flat indices into [T, V], centres x and y [N]."""
    _, height, width = ids.shape
    pixels = torch.nonzero(ids.reshape(-1) >= 0).reshape(-1)
    frame = torch.div(pixels, height * width, rounding_mode="floor")
    vertices = corners[ids.reshape(-1)[pixels].long()] + (frame * vertex_count).unsqueeze(1)
    row, column = torch.div(pixels, width, rounding_mode="floor") % height, pixels % width
    return pixels, vertices, *_centres(column, row, height, width)


def _shares(attributes: Tensor, clip: Tensor, ids: Tensor, triangles: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Covered pixels [N], their corners' rows [N, 3] in the flattened attributes, and three weights [N, 1]."""
    pixels, vertices, _, _ = _seen(ids, triangles.long(), _rows_a_frame(attributes))
    b = weights(clip, triangles, ids).reshape(-1, 2)[pixels]
    b0, b1 = b[:, :1], b[:, 1:]
    return pixels, vertices, (b0, b1, 1.0 - b0 - b1)


def _rows_a_frame(attributes: Tensor) -> int:
    """Rows from one frame's attributes to the next's in the flattened attributes: 0 where all frames share them."""
    return attributes.shape[1] if attributes.shape[0] > 1 else 0
