# mypy: disable-error-code="valid-type,index,assignment,return-value,misc,operator,arg-type,call-overload"
"""Warp kernels that find what each pixel's centre sees, and the gradients of its weights and depth."""

import warp as wp

from .warp_screen import OPTIONS, add_edge_gradients, column_centre, coordinate, corners_of, edge_line, row_centre, run_end, weights_on

wp.set_module_options(OPTIONS)

SMALLEST_SUM = wp.constant(1.0e-30)
FARTHEST_PIXEL = wp.constant(1.0e9)
MARGIN = wp.constant(1.0e-3)
ROUNDING = wp.constant(1.0e-5)
ROUNDING_OF_SLOPES = wp.constant(4.0e-7)
"""Slopes of edges differ between rows by less than this times the corners' coordinates: six times float32's rounding."""
MOST_SLACK = wp.constant(0.5)
UNBOUNDED = wp.constant(1.0e30)
BEYOND = wp.constant(2.0)
"""A place right of the picture in normalised device coordinates; its negative lies left of it."""


@wp.func
def in_front(v: wp.vec4) -> bool:
    """Whether a vertex lies beyond the near plane; false for NaN."""
    return v[3] > 0.0 and v[2] >= -v[3]


@wp.func
def ordered_bits(depth: float) -> wp.int32:
    """The float's bits as an integer that sorts as the float does."""
    bits = wp.cast(depth + 0.0, wp.int32)
    if bits < 0:
        bits = bits ^ 0x7FFFFFFF
    return bits


@wp.func
def pixel_box(a: wp.vec4, b: wp.vec4, c: wp.vec4, width: int, height: int) -> wp.vec4i:
    """First and last column and row whose centres the triangle can hold; empty (last before first) where it is left out."""
    half_width = 0.5 * float(width)
    half_height = 0.5 * float(height)
    ua = half_width + half_width * (a[0] / a[3])
    ub = half_width + half_width * (b[0] / b[3])
    uc = half_width + half_width * (c[0] / c[3])
    va = half_height - half_height * (a[1] / a[3])
    vb = half_height - half_height * (b[1] / b[3])
    vc = half_height - half_height * (c[1] / c[3])
    extent = (wp.abs(ua) + wp.abs(va)) + (wp.abs(ub) + wp.abs(vb)) + (wp.abs(uc) + wp.abs(vc))
    if not (extent < FARTHEST_PIXEL):
        return wp.vec4i(0, -1, 0, -1)
    x0 = wp.max(0, int(wp.ceil(wp.min(ua, wp.min(ub, uc)) - 0.5 - MARGIN)))
    x1 = wp.min(width - 1, int(wp.floor(wp.max(ua, wp.max(ub, uc)) - 0.5 + MARGIN)))
    y0 = wp.max(0, int(wp.ceil(wp.min(va, wp.min(vb, vc)) - 0.5 - MARGIN)))
    y1 = wp.min(height - 1, int(wp.floor(wp.max(va, wp.max(vb, vc)) - 0.5 + MARGIN)))
    return wp.vec4i(x0, x1, y0, y1)


@wp.func
def turning(across: wp.vec3, up: wp.vec3, w: wp.vec3) -> float:
    """+1 or -1 by which way round the corners run on the screen, which is the sign of all edge functions inside; 0 where rounding
    could tell it wrong."""
    volume = wp.dot(across, wp.cross(up, w))
    if wp.abs(volume) < ROUNDING * (wp.length(across) * wp.length(up) * wp.length(w)):
        return 0.0
    return wp.sign(volume)


@wp.func
def edge_bounds(up: wp.vec3, w: wp.vec3, slope: wp.vec3, turn: float) -> wp.mat33:
    """What is the same in every row of a triangle about where its edges are met.

    slope: of the edge functions in x, in one of the rows; that of the others differs by rounding alone. turn: see `turning`.
    Returns three rows: 1 / slope, and what is added to where each edge is met for the least and the greatest x that it allows; an edge
    that bounds on the other side, or whose slope is not known well enough, allows any.
    """
    size = wp.vec3(wp.abs(up[0]) + w[0], wp.abs(up[1]) + w[1], wp.abs(up[2]) + w[2])
    bounds = wp.mat33(0.0)
    for k in range(3):
        i = (k + 1) % 3
        j = (k + 2) % 3
        over = 1.0 / slope[k]
        slack = ROUNDING_OF_SLOPES * (size[i] * w[j] + size[j] * w[i]) * wp.abs(over)
        known = slack < MOST_SLACK
        bounds[0, k] = wp.where(known, over, 0.0)
        bounds[1, k] = wp.where(known and turn * over > 0.0, -slack, -UNBOUNDED)
        bounds[2, k] = wp.where(known and turn * over < 0.0, slack, UNBOUNDED)
    return bounds


@wp.func
def covered_columns(base: wp.vec3, bounds: wp.mat33, box: wp.vec4i, width: int) -> wp.vec2i:
    """First and last column of a row where no edge function can have the wrong sign: never too few, seldom too many.

    base: the edge functions at x = 0. bounds: see `edge_bounds`.
    """
    met = -wp.cw_mul(base, bounds[0])
    begin = wp.clamp(wp.max(met + bounds[1]), -BEYOND, BEYOND)
    end = wp.clamp(wp.min(met + bounds[2]), -BEYOND, BEYOND)
    half_width = 0.5 * float(width)
    first = int(wp.ceil(half_width * (begin + 1.0) - 0.5 - MARGIN))
    last = int(wp.floor(half_width * (end + 1.0) - 0.5 + MARGIN))
    return wp.vec2i(wp.max(box[0], first), wp.min(box[1], last))


@wp.kernel
def nearest_triangle(
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    width: int,
    height: int,
    key: wp.array(dtype=wp.int64),
) -> None:
    """Z-buffer: the smallest (depth, triangle) of each pixel, packed into 64 bits. One thread a frame and triangle."""
    f, t = wp.tid()
    a = clip[f, triangles[t, 0]]
    b = clip[f, triangles[t, 1]]
    c = clip[f, triangles[t, 2]]
    if not (in_front(a) and in_front(b) and in_front(c)):
        return
    box = pixel_box(a, b, c, width, height)
    across = coordinate(a, b, c, 0)
    z = coordinate(a, b, c, 2)
    w = coordinate(a, b, c, 3)
    up = coordinate(a, b, c, 1)
    bounds = edge_bounds(up, w, wp.cross(up - row_centre(box[2], height) * w, w), turning(across, up, w))
    for row in range(box[2], box[3] + 1):
        off = up - row_centre(row, height) * w
        base = wp.cross(across, off)
        slope = wp.cross(off, w)
        first = (f * height + row) * width
        span = covered_columns(base, bounds, box, width)
        for column in range(span[0], span[1] + 1):
            e = base + column_centre(column, width) * slope
            covered = wp.min(e) >= 0.0 or wp.max(e) <= 0.0
            if covered and wp.abs(e[0] + e[1] + e[2]) > SMALLEST_SUM:
                candidate = (wp.int64(ordered_bits(wp.dot(e, z) / wp.dot(e, w))) << wp.int64(32)) | wp.int64(t)
                wp.atomic_min(key, first + column, candidate)


@wp.kernel
def resolve(
    ids: wp.array(dtype=wp.int32),
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    width: int,
    height: int,
    depth: wp.array(dtype=wp.float32),
) -> None:
    """Depth of each pixel; background is left as it is. One thread a row."""
    f, row = wp.tid()
    y = row_centre(row, height)
    first = (f * height + row) * width
    pixel = int(first)
    while pixel < first + width:
        stop = run_end(ids, pixel, first + width)
        t = ids[pixel]
        if t >= 0:
            a = clip[f, triangles[t, 0]]
            b = clip[f, triangles[t, 1]]
            c = clip[f, triangles[t, 2]]
            z = coordinate(a, b, c, 2)
            w = coordinate(a, b, c, 3)
            off = coordinate(a, b, c, 1) - y * w
            base = wp.cross(coordinate(a, b, c, 0), off)
            slope = wp.cross(off, w)
            for here in range(pixel, stop):
                e = base + column_centre(here - first, width) * slope
                depth[here] = wp.dot(e, z) / wp.dot(e, w)
        pixel = stop


@wp.kernel
def weigh(
    ids: wp.array(dtype=wp.int32),
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    width: int,
    height: int,
    barycentric: wp.array(dtype=wp.vec2),
) -> None:
    """Weights of each pixel, zero on background. One thread a row."""
    f, row = wp.tid()
    first = (f * height + row) * width
    pixel = int(first)
    while pixel < first + width:
        stop = run_end(ids, pixel, first + width)
        t = ids[pixel]
        line = wp.mat33(0.0)
        if t >= 0:
            line = edge_line(clip, f, corners_of(triangles, t), row_centre(row, height))
        for here in range(pixel, stop):
            barycentric[here] = wp.vec2(0.0, 0.0)
            if t >= 0:
                weights = weights_on(line, column_centre(here - first, width))
                barycentric[here] = wp.vec2(weights[0], weights[1])
        pixel = stop


@wp.kernel
def resolve_adjoint(
    ids: wp.array(dtype=wp.int32),
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    width: int,
    height: int,
    grad_barycentric: wp.array(dtype=wp.vec2),
    grad_depth: wp.array(dtype=wp.float32),
    grad_clip: wp.array2d(dtype=wp.vec4),
) -> None:
    """Adjoint of `resolve` and `weigh` with respect to the clip-space positions. One thread a row."""
    f, row = wp.tid()
    y = row_centre(row, height)
    first = (f * height + row) * width
    for pixel in range(first, first + width):
        t = ids[pixel]
        if t >= 0:
            corners = corners_of(triangles, t)
            a = clip[f, corners[0]]
            b = clip[f, corners[1]]
            c = clip[f, corners[2]]
            across = coordinate(a, b, c, 0)
            z = coordinate(a, b, c, 2)
            w = coordinate(a, b, c, 3)
            off = coordinate(a, b, c, 1) - y * w
            x = column_centre(pixel - first, width)
            e = wp.cross(across, off) + x * wp.cross(off, w)
            total = e[0] + e[1] + e[2]
            weights = e / total
            to_z = grad_depth[pixel] / wp.dot(weights, w)
            to_w = -to_z * wp.dot(weights, z) / wp.dot(weights, w)
            g = grad_barycentric[pixel]
            to_weights = wp.vec3(g[0], g[1], 0.0) + to_z * z + to_w * w
            mean = wp.dot(to_weights, weights)
            to_edges = (to_weights - wp.vec3(mean, mean, mean)) / total
            add_edge_gradients(grad_clip, f, corners, across, off, w, x, y, to_edges, wp.vec3(0.0, 0.0, 0.0))
            for k in range(3):
                wp.atomic_add(grad_clip, f, corners[k], wp.vec4(0.0, 0.0, to_z * weights[k], to_w * weights[k]))
