# mypy: disable-error-code="valid-type,assignment,return-value,misc,operator,arg-type,attr-defined"
"""Warp kernels of the rasterizer: visibility, barycentrics, interpolation and the walk to the silhouette, with their adjoints.

A thread works a whole row of pixels (or a triangle), which suits the CPU, where launches are serial and a thread a pixel
costs more than its arithmetic; CUDA has enough rows in a batch of frames. Contraction into fused multiply-adds is off, so
that the two triangles at an edge compute the same number with opposite sign (no pinholes) and that the fallback in
`torch_backend` covers the very same pixels.

Edge functions are homogeneous (Olano & Greer 1997): with p_i = (x_i - X w_i, y_i - Y w_i) for the pixel centre (X, Y) in
normalised device coordinates, e_0 = p_1 x p_2 and so on; e_i / sum(e) are perspective-correct weights without a division
by w.
"""

import warp as wp

wp.config.quiet = True
wp.config.log_level = 30  # warnings; newer Warp reads this instead of `quiet`
wp.set_module_options({"fuse_fp": False, "enable_backward": False})

NOTHING = wp.constant(wp.int64(0x7FFFFFFFFFFFFFFF))
TRIANGLE_BITS = wp.constant(wp.int64(0xFFFFFFFF))
SMALLEST_SUM = wp.constant(1.0e-30)
FARTHEST_PIXEL = wp.constant(1.0e9)
MARGIN = wp.constant(1.0e-3)
MOST_STEPS = wp.constant(256)


@wp.func
def in_front(v: wp.vec4) -> bool:
    """Whether a vertex lies beyond the near plane; false for NaN."""
    return v[3] > 0.0 and v[2] >= -v[3]


@wp.func
def about_pixel(v: wp.vec4, x: float, y: float) -> wp.vec2:
    """p_i: the vertex relative to the pixel centre, times w."""
    return wp.vec2(v[0] - x * v[3], v[1] - y * v[3])


@wp.func
def cross(p: wp.vec2, q: wp.vec2) -> float:
    """Cross product; changes sign exactly when p and q change places."""
    return p[0] * q[1] - p[1] * q[0]


@wp.func
def ordered_bits(depth: float) -> wp.int32:
    """The float's bits as an integer that sorts as the float does."""
    bits = wp.cast(depth + 0.0, wp.int32)
    if bits < 0:
        bits = bits ^ 0x7FFFFFFF
    return bits


@wp.kernel
def nearest_triangle(
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    width: int,
    height: int,
    key: wp.array3d(dtype=wp.int64),
) -> None:
    """Z-buffer: the smallest (depth, triangle) of each pixel, packed into 64 bits. One thread a frame and triangle."""
    f, t = wp.tid()
    a = clip[f, triangles[t, 0]]
    b = clip[f, triangles[t, 1]]
    c = clip[f, triangles[t, 2]]
    if not (in_front(a) and in_front(b) and in_front(c)):
        return
    half_width = 0.5 * float(width)
    half_height = 0.5 * float(height)
    ua = half_width + half_width * (a[0] / a[3])
    ub = half_width + half_width * (b[0] / b[3])
    uc = half_width + half_width * (c[0] / c[3])
    va = half_height - half_height * (a[1] / a[3])
    vb = half_height - half_height * (b[1] / b[3])
    vc = half_height - half_height * (c[1] / c[3])
    left = wp.min(ua, wp.min(ub, uc))
    right = wp.max(ua, wp.max(ub, uc))
    top = wp.min(va, wp.min(vb, vc))
    bottom = wp.max(va, wp.max(vb, vc))
    extent = wp.abs(ua) + wp.abs(ub) + wp.abs(uc) + wp.abs(va) + wp.abs(vb) + wp.abs(vc)
    if not (extent < FARTHEST_PIXEL):
        return
    x0 = wp.max(0, int(wp.ceil(left - 0.5 - MARGIN)))
    x1 = wp.min(width - 1, int(wp.floor(right - 0.5 + MARGIN)))
    y0 = wp.max(0, int(wp.ceil(top - 0.5 - MARGIN)))
    y1 = wp.min(height - 1, int(wp.floor(bottom - 0.5 + MARGIN)))
    step_x = 2.0 / float(width)
    step_y = 2.0 / float(height)
    for row in range(y0, y1 + 1):
        y = 1.0 - (float(row) + 0.5) * step_y
        for column in range(x0, x1 + 1):
            x = (float(column) + 0.5) * step_x - 1.0
            pa = about_pixel(a, x, y)
            pb = about_pixel(b, x, y)
            pc = about_pixel(c, x, y)
            e0 = cross(pb, pc)
            e1 = cross(pc, pa)
            e2 = cross(pa, pb)
            if (e0 >= 0.0 and e1 >= 0.0 and e2 >= 0.0) or (e0 <= 0.0 and e1 <= 0.0 and e2 <= 0.0):
                total = e0 + e1 + e2
                if wp.abs(total) > SMALLEST_SUM:
                    depth = (e0 * a[2] + e1 * b[2] + e2 * c[2]) / (e0 * a[3] + e1 * b[3] + e2 * c[3])
                    candidate = (wp.int64(ordered_bits(depth)) << wp.int64(32)) | wp.int64(t)
                    if candidate < key[f, row, column]:
                        wp.atomic_min(key, f, row, column, candidate)


@wp.kernel
def resolve(
    key: wp.array3d(dtype=wp.int64),
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    width: int,
    height: int,
    ids: wp.array3d(dtype=wp.int32),
    barycentric: wp.array3d(dtype=wp.vec2),
    depth: wp.array3d(dtype=wp.float32),
) -> None:
    """Triangle, weights and depth of each pixel from the packed z-buffer. One thread a row."""
    f, row = wp.tid()
    y = 1.0 - (float(row) + 0.5) * (2.0 / float(height))
    for column in range(width):
        packed = key[f, row, column]
        if packed == NOTHING:
            ids[f, row, column] = -1
        else:
            t = int(packed & TRIANGLE_BITS)
            ids[f, row, column] = t
            x = (float(column) + 0.5) * (2.0 / float(width)) - 1.0
            a = clip[f, triangles[t, 0]]
            b = clip[f, triangles[t, 1]]
            c = clip[f, triangles[t, 2]]
            pa = about_pixel(a, x, y)
            pb = about_pixel(b, x, y)
            pc = about_pixel(c, x, y)
            e0 = cross(pb, pc)
            e1 = cross(pc, pa)
            e2 = cross(pa, pb)
            total = e0 + e1 + e2
            barycentric[f, row, column] = wp.vec2(e0 / total, e1 / total)
            depth[f, row, column] = (e0 * a[2] + e1 * b[2] + e2 * c[2]) / (e0 * a[3] + e1 * b[3] + e2 * c[3])


@wp.kernel
def resolve_adjoint(
    ids: wp.array3d(dtype=wp.int32),
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    width: int,
    height: int,
    grad_barycentric: wp.array3d(dtype=wp.vec2),
    grad_depth: wp.array3d(dtype=wp.float32),
    with_depth: int,
    grad_clip: wp.array2d(dtype=wp.vec4),
) -> None:
    """Adjoint of `resolve` with respect to the clip-space positions. One thread a row."""
    f, row = wp.tid()
    y = 1.0 - (float(row) + 0.5) * (2.0 / float(height))
    for column in range(width):
        t = ids[f, row, column]
        if t >= 0:
            x = (float(column) + 0.5) * (2.0 / float(width)) - 1.0
            i0 = triangles[t, 0]
            i1 = triangles[t, 1]
            i2 = triangles[t, 2]
            a = clip[f, i0]
            b = clip[f, i1]
            c = clip[f, i2]
            pa = about_pixel(a, x, y)
            pb = about_pixel(b, x, y)
            pc = about_pixel(c, x, y)
            e0 = cross(pb, pc)
            e1 = cross(pc, pa)
            e2 = cross(pa, pb)
            over = 1.0 / (e0 + e1 + e2)
            b0 = e0 * over
            b1 = e1 * over
            b2 = e2 * over
            g = grad_barycentric[f, row, column]
            g0 = g[0]
            g1 = g[1]
            g2 = wp.float32(0.0)
            gz = wp.float32(0.0)
            gw = wp.float32(0.0)
            if with_depth != 0:
                w = b0 * a[3] + b1 * b[3] + b2 * c[3]
                z = b0 * a[2] + b1 * b[2] + b2 * c[2]
                gz = grad_depth[f, row, column] / w
                gw = -gz * z / w
                g0 = g0 + gz * a[2] + gw * a[3]
                g1 = g1 + gz * b[2] + gw * b[3]
                g2 = gz * c[2] + gw * c[3]
            mean = g0 * b0 + g1 * b1 + g2 * b2
            h0 = (g0 - mean) * over
            h1 = (g1 - mean) * over
            h2 = (g2 - mean) * over
            ax = h2 * pb[1] - h1 * pc[1]
            ay = h1 * pc[0] - h2 * pb[0]
            bx = h0 * pc[1] - h2 * pa[1]
            by = h2 * pa[0] - h0 * pc[0]
            cx = h1 * pa[1] - h0 * pb[1]
            cy = h0 * pb[0] - h1 * pa[0]
            wp.atomic_add(grad_clip, f, i0, wp.vec4(ax, ay, gz * b0, gw * b0 - x * ax - y * ay))
            wp.atomic_add(grad_clip, f, i1, wp.vec4(bx, by, gz * b1, gw * b1 - x * bx - y * by))
            wp.atomic_add(grad_clip, f, i2, wp.vec4(cx, cy, gz * b2, gw * b2 - x * cx - y * cy))


@wp.kernel
def interpolate(
    ids: wp.array3d(dtype=wp.int32),
    barycentric: wp.array3d(dtype=wp.vec2),
    triangles: wp.array2d(dtype=wp.int32),
    attributes: wp.array3d(dtype=wp.float32),
    per_frame: int,
    width: int,
    channels: int,
    image: wp.array4d(dtype=wp.float32),
) -> None:
    """Weighted sum of the corners' attributes; background is left as it is. One thread a row."""
    f, row = wp.tid()
    source = f * per_frame
    for column in range(width):
        t = ids[f, row, column]
        if t >= 0:
            weights = barycentric[f, row, column]
            b0 = weights[0]
            b1 = weights[1]
            b2 = 1.0 - b0 - b1
            i0 = triangles[t, 0]
            i1 = triangles[t, 1]
            i2 = triangles[t, 2]
            for k in range(channels):
                image[f, row, column, k] = b0 * attributes[source, i0, k] + b1 * attributes[source, i1, k] + b2 * attributes[source, i2, k]


@wp.kernel
def interpolate_adjoint(
    ids: wp.array3d(dtype=wp.int32),
    barycentric: wp.array3d(dtype=wp.vec2),
    triangles: wp.array2d(dtype=wp.int32),
    attributes: wp.array3d(dtype=wp.float32),
    per_frame: int,
    width: int,
    channels: int,
    grad_image: wp.array4d(dtype=wp.float32),
    with_attributes: int,
    grad_barycentric: wp.array3d(dtype=wp.vec2),
    grad_attributes: wp.array3d(dtype=wp.float32),
) -> None:
    """Adjoint of `interpolate` with respect to weights and, if wanted, attributes. One thread a row."""
    f, row = wp.tid()
    source = f * per_frame
    for column in range(width):
        t = ids[f, row, column]
        if t >= 0:
            i0 = triangles[t, 0]
            i1 = triangles[t, 1]
            i2 = triangles[t, 2]
            g0 = wp.float32(0.0)
            g1 = wp.float32(0.0)
            for k in range(channels):
                g = grad_image[f, row, column, k]
                last = attributes[source, i2, k]
                g0 = g0 + g * (attributes[source, i0, k] - last)
                g1 = g1 + g * (attributes[source, i1, k] - last)
            grad_barycentric[f, row, column] = wp.vec2(g0, g1)
            if with_attributes != 0:
                weights = barycentric[f, row, column]
                for k in range(channels):
                    g = grad_image[f, row, column, k]
                    wp.atomic_add(grad_attributes, source, i0, k, g * weights[0])
                    wp.atomic_add(grad_attributes, source, i1, k, g * weights[1])
                    wp.atomic_add(grad_attributes, source, i2, k, g * (1.0 - weights[0] - weights[1]))


@wp.func
def exit_edge(
    screen: wp.array2d(dtype=wp.vec2),
    triangles: wp.array2d(dtype=wp.int32),
    f: int,
    t: int,
    entered: int,
    axis: int,
    start: wp.vec2,
    sign: float,
) -> wp.vec2:
    """Where the scanline through `start` leaves triangle t.

    axis: 0 along x, 1 along y. entered: the edge that it came in by, -1 at first. sign: +1 or -1, the way that it goes.
    Returns how far from `start` the crossing lies, pixels, and the edge's number, -1 where no other edge is crossed.
    """
    best = wp.float32(-1.0e9)
    edge = wp.float32(-1.0)
    for k in range(3):
        if k != entered:
            p = screen[f, triangles[t, k]]
            q = screen[f, triangles[t, (k + 1) % 3]]
            off_p = p[1 - axis] - start[1 - axis]
            off_q = q[1 - axis] - start[1 - axis]
            if (off_p >= 0.0) != (off_q >= 0.0):
                along = (p[axis] - off_p / (off_q - off_p) * (q[axis] - p[axis]) - start[axis]) * sign
                if along > best:
                    best = along
                    edge = float(k)
    return wp.vec2(best, edge)


@wp.func
def turns_away(screen: wp.array2d(dtype=wp.vec2), triangles: wp.array2d(dtype=wp.int32), f: int, t: int, k: int, beyond: int) -> bool:
    """Whether the surface ends or folds back at edge k of triangle t. beyond: 4 * neighbour + its edge, -1 for none."""
    if beyond < 0:
        return True
    t2 = beyond >> 2
    k2 = beyond & 3
    p = screen[f, triangles[t, k]]
    along = screen[f, triangles[t, (k + 1) % 3]] - p
    here = cross(along, screen[f, triangles[t, (k + 2) % 3]] - p)
    there = cross(along, screen[f, triangles[t2, (k2 + 2) % 3]] - p)
    return not (here * there <= 0.0)  # a neighbour behind the camera is NaN, was not drawn, and so ends the surface


@wp.func
def find_silhouette(
    screen: wp.array2d(dtype=wp.vec2),
    triangles: wp.array2d(dtype=wp.int32),
    neighbours: wp.array2d(dtype=wp.int32),
    f: int,
    first: int,
    axis: int,
    start: wp.vec2,
    sign: float,
) -> int:
    """Walk from triangle `first` along the scanline until the surface turns away; 3 * triangle + edge, or -1 within a pixel."""
    t = int(first)
    entered = wp.int32(-1)
    found = wp.int32(-1)
    steps = wp.int32(0)
    while steps < MOST_STEPS:
        steps = steps + 1
        crossing = exit_edge(screen, triangles, f, t, entered, axis, start, sign)
        k = int(crossing[1])
        if k < 0 or crossing[0] > 1.0:
            steps = MOST_STEPS
        else:
            beyond = neighbours[t, k]
            if turns_away(screen, triangles, f, t, k, beyond):
                edge = screen[f, triangles[t, (k + 1) % 3]] - screen[f, triangles[t, k]]
                if wp.abs(edge[1 - axis]) >= wp.abs(edge[axis]):
                    found = 3 * t + k
                steps = MOST_STEPS
            else:
                t = beyond >> 2
                entered = beyond & 3
    return found


@wp.func
def append_crossing(
    ids: wp.array3d(dtype=wp.int32),
    depth: wp.array3d(dtype=wp.float32),
    screen: wp.array2d(dtype=wp.vec2),
    triangles: wp.array2d(dtype=wp.int32),
    neighbours: wp.array2d(dtype=wp.int32),
    f: int,
    row: int,
    column: int,
    axis: int,
    count: wp.array(dtype=wp.int32),
    places: wp.array(dtype=wp.int64),
    edges: wp.array(dtype=wp.int32),
) -> None:
    """Look for a silhouette between a pixel and the next one to the right (axis 0) or below (axis 1)."""
    row2 = row + axis
    column2 = column + 1 - axis
    a = ids[f, row, column]
    b = ids[f, row2, column2]
    if a != b:
        swapped = wp.int32(0)
        t = int(a)
        start = wp.vec2(float(column) + 0.5, float(row) + 0.5)
        sign = wp.float32(1.0)
        if a < 0 or (b >= 0 and depth[f, row, column] > depth[f, row2, column2]):
            swapped = 1
            t = b
            start = wp.vec2(float(column2) + 0.5, float(row2) + 0.5)
            sign = wp.float32(-1.0)
        edge = find_silhouette(screen, triangles, neighbours, f, t, axis, start, sign)
        if edge >= 0:
            pixel = (wp.int64(f) * wp.int64(ids.shape[1]) + wp.int64(row)) * wp.int64(ids.shape[2]) + wp.int64(column)
            slot = wp.atomic_add(count, 0, 1)
            places[slot] = pixel * wp.int64(4) + wp.int64(2 * axis + swapped)
            edges[slot] = edge


@wp.kernel
def silhouette_crossings(
    ids: wp.array3d(dtype=wp.int32),
    depth: wp.array3d(dtype=wp.float32),
    screen: wp.array2d(dtype=wp.vec2),
    triangles: wp.array2d(dtype=wp.int32),
    neighbours: wp.array2d(dtype=wp.int32),
    width: int,
    height: int,
    count: wp.array(dtype=wp.int32),
    places: wp.array(dtype=wp.int64),
    edges: wp.array(dtype=wp.int32),
) -> None:
    """All pairs of neighbouring pixels with a silhouette between them. One thread a row."""
    f, row = wp.tid()
    for column in range(width):
        if column + 1 < width:
            append_crossing(ids, depth, screen, triangles, neighbours, f, row, column, 0, count, places, edges)
        if row + 1 < height:
            append_crossing(ids, depth, screen, triangles, neighbours, f, row, column, 1, count, places, edges)
