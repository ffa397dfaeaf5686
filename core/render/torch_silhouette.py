"""Antialiasing's primitives in plain torch: finding the silhouette between pixels, and blending across it."""

import torch
from torch import Tensor

MOST_STEPS = 256


def silhouette_crossings(ids: Tensor, depth: Tensor, clip: Tensor, triangles: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor]:
    """See `backends.Backend`."""
    screen = _screen(clip, *ids.shape[1:])
    both = [_crossings_along(axis, ids, depth, screen, triangles, neighbours) for axis in (0, 1)]
    places, edges = torch.cat([one[0] for one in both]), torch.cat([one[1] for one in both])
    order = torch.argsort(places)
    return places[order], edges[order]


def blend(image: Tensor, clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor, in_place: bool) -> tuple[Tensor, Tensor]:
    """See `backends.Backend`."""
    blended = image if in_place else image.clone()
    flat = blended.view(-1, image.shape[-1])
    inside, outside, _, _ = _pixels(places, image.shape[2])
    distance, difference = _distance(clip, triangles, places, edges, *image.shape[1:3]), flat[outside] - flat[inside]
    # negative beyond 1/2: the inside's colour flows out
    flat.index_add_(0, torch.where(distance < 0.5, inside, outside), (0.5 - distance)[:, None] * difference)
    return blended, difference


def blend_adjoint(
    grad_blended: Tensor, difference: Tensor, clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """See `backends.Backend`."""
    inside, outside, _, _ = _pixels(places, grad_blended.shape[2])
    positions = clip.detach().requires_grad_()
    with torch.enable_grad():
        distance = _distance(positions, triangles, places, edges, *grad_blended.shape[1:3])
        grad = grad_blended.reshape(-1, grad_blended.shape[-1])[torch.where(distance < 0.5, inside, outside)]
        flow = ((0.5 - distance)[:, None] * difference * grad).sum()
    (to_clip,) = torch.autograd.grad(flow, positions)
    share = (0.5 - distance.detach())[:, None] * grad
    return torch.stack([inside, outside], 1).reshape(-1), torch.stack([-share, share], 1).reshape(-1, share.shape[1]), to_clip


def _pixels(places: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of each crossing the inside and the outside pixel, whether they lie one above the other, and +1.0 or -1.0 as the outside one comes
    after the inside one or before it."""
    pixel, below, swapped = places >> 2, (places & 2) > 0, (places & 1) > 0
    other = pixel + torch.where(below, width, 1)
    way = torch.where(swapped, -1.0, 1.0)
    return torch.where(swapped, other, pixel), torch.where(swapped, pixel, other), below, way


def _distance(clip: Tensor, triangles: Tensor, places: Tensor, edges: Tensor, height: int, width: int) -> Tensor:
    """float32[N], 0 to 1: how far from the inside pixel's centre the edge crosses towards the outside one's."""
    inside, _, vertical, way = _pixels(places, width)
    base = torch.div(inside, height * width, rounding_mode="floor") * clip.shape[1]
    triangle, edge = torch.div(edges, 3, rounding_mode="floor").long(), (edges % 3).long()
    # index_select rather than indexing: its adjoint sums in a fixed order
    ends = [base + triangles[triangle, (edge + end) % 3] for end in (0, 1)]
    p, q = (_screen(clip.reshape(-1, 4).index_select(0, end), height, width) for end in ends)
    column, row = inside % width + 0.5, torch.div(inside, width, rounding_mode="floor") % height + 0.5
    along, across = torch.where(vertical, row, column), torch.where(vertical, column, row)
    along_p, across_p = torch.where(vertical, p[:, 1], p[:, 0]), torch.where(vertical, p[:, 0], p[:, 1])
    along_q, across_q = torch.where(vertical, q[:, 1], q[:, 0]), torch.where(vertical, q[:, 0], q[:, 1])
    crossing = along_p + (across - across_p) / (across_q - across_p) * (along_q - along_p)
    return ((crossing - along) * way).clamp(0.0, 1.0)


def _screen(clip: Tensor, height: int, width: int) -> Tensor:
    """float32[..., 2]: where clip-space points [..., 4] land, pixels; NaN for those that `rasterize` leaves out."""
    x, y, z, w = clip.unbind(-1)
    over = torch.where((w > 0) & (z >= -w), 1 / w, torch.nan)
    half_width, half_height = 0.5 * width, 0.5 * height
    return torch.stack([half_width + x * over * half_width, half_height - y * over * half_height], -1)


def _crossings_along(axis: int, ids: Tensor, depth: Tensor, screen: Tensor, triangles: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor]:
    """`silhouette_crossings` between pixels beside (axis 0) or above each other (axis 1)."""
    _, height, width = ids.shape
    one, two = (ids[:, :, :-1], ids[:, :, 1:]) if axis == 0 else (ids[:, :-1], ids[:, 1:])
    near, far = (depth[:, :, :-1], depth[:, :, 1:]) if axis == 0 else (depth[:, :-1], depth[:, 1:])
    frame, row, column = torch.nonzero(one != two, as_tuple=True)
    a, b = one[frame, row, column], two[frame, row, column]
    swapped = (a < 0) | ((b >= 0) & (near[frame, row, column] > far[frame, row, column]))
    nearer, farther, base = torch.where(swapped, b, a).long(), torch.where(swapped, a, b).long(), frame * screen.shape[1]
    corners, beside, flat = triangles.long(), neighbours.long(), screen.reshape(-1, 2)
    walked = ~_goes_straight_on(nearer, farther, base, flat, corners, beside)
    frame, row, column, swapped, nearer, farther, base = (one[walked] for one in (frame, row, column, swapped, nearer, farther, base))
    start = torch.stack([column + swapped * (1 - axis), row + swapped * axis], dim=-1).float() + 0.5
    sign = torch.where(swapped, -1.0, 1.0)
    edges = _walk(nearer, farther, base, axis, start, sign, flat, corners, beside)
    places = 4 * ((frame * height + row) * width + column) + 2 * axis + swapped
    return places[edges >= 0], edges[edges >= 0].to(torch.int32)


def _goes_straight_on(a: Tensor, b: Tensor, base: Tensor, screen: Tensor, corners: Tensor, neighbours: Tensor) -> Tensor:
    """bool[N]: triangles a and b share an edge over which the surface goes on (the first such edge decides)."""
    shared = (neighbours[a] >> 2 == b[:, None]) & (b >= 0)[:, None]
    edge = shared.int().argmax(dim=1)
    _, _, away = _at_edge(a, edge, neighbours[a, edge], base, screen, corners)
    return shared.any(1) & ~away


def _walk(
    triangle: Tensor,
    goal: Tensor,
    base: Tensor,
    axis: int,
    start: Tensor,
    sign: Tensor,
    screen: Tensor,
    corners: Tensor,
    neighbours: Tensor,
) -> Tensor:
    """int64[N]: 3 * triangle + edge of the silhouette first met on each walk, -1 for none within a pixel (by rounding, a little behind counts too) or before the goal.

    triangle, goal: int64[N], where the walks begin, and what the other pixel sees (-1 for background). base: int64[N], first row of each one's frame in `screen`.
    """
    found = torch.full_like(triangle, -1)
    walk = torch.arange(len(triangle), device=triangle.device)
    entered = torch.full_like(triangle, -1)
    for _ in range(MOST_STEPS):
        if not len(walk):
            break
        along, edge = _exit_edges(triangle, entered, screen[base[walk].unsqueeze(1) + corners[triangle]], axis, start[walk], sign[walk])
        on = (edge >= 0) & (along.abs() <= 1.0)
        walk, triangle, edge = walk[on], triangle[on], edge[on]
        beyond = neighbours[triangle, edge]
        p, q, away = _at_edge(triangle, edge, beyond, base[walk], screen, corners)
        steep = (q - p)[:, 1 - axis].abs() >= (q - p)[:, axis].abs()
        found[walk[away & steep]] = (3 * triangle + edge)[away & steep]
        on = ~away & (beyond >> 2 != goal[walk])
        walk, triangle, entered = walk[on], beyond[on] >> 2, beyond[on] & 3
    return found


def _exit_edges(triangle: Tensor, entered: Tensor, points: Tensor, axis: int, start: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
    """How far along the scanline each triangle [N] with corners [N, 3, 2] is left, and by which edge, -1 for none."""
    after = torch.roll(points, -1, dims=1)
    off_p, off_q = points[:, :, 1 - axis] - start[:, None, 1 - axis], after[:, :, 1 - axis] - start[:, None, 1 - axis]
    along = (points[:, :, axis] - off_p / (off_q - off_p) * (after[:, :, axis] - points[:, :, axis]) - start[:, None, axis]) * sign[:, None]
    crossed = ((off_p >= 0) != (off_q >= 0)) & (torch.arange(3, device=triangle.device) != entered[:, None]) & (along > -1e9)
    best, edge = torch.where(crossed, along, -torch.inf).max(dim=1)
    return best, torch.where(crossed.any(1), edge, -1)


def _at_edge(
    triangle: Tensor, edge: Tensor, beyond: Tensor, base: Tensor, screen: Tensor, corners: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The edge's ends [N, 2] in pixels, and whether the surface ends or folds back there."""
    p, q, r = (screen[base + corners[triangle, (edge + k) % 3]] for k in range(3))
    across = beyond.clamp(min=0)
    s = screen[base + corners[across >> 2, ((across & 3) + 2) % 3]]
    here, there = _cross(q - p, r - p), _cross(q - p, s - p)
    return p, q, (beyond < 0) | ~(here * there <= 0)


def _cross(p: Tensor, q: Tensor) -> Tensor:
    """Cross product [N] of [N, 2]."""
    return p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
