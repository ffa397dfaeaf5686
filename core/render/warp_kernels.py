# mypy: disable-error-code="valid-type,index,assignment,return-value,misc,operator,arg-type,attr-defined"
"""Warp kernels of the rasterizer: visibility, barycentrics, interpolation and the walk to the silhouette, with their adjoints.

A thread works a whole row of pixels (or a triangle), which suits the CPU, where launches are serial and a thread a pixel
costs more than its arithmetic; CUDA has enough rows in a batch of frames. Contraction into fused multiply-adds is off, so
that the two triangles at an edge compute the same number with opposite sign (no pinholes) and that the fallback in
`torch_backend` covers the very same pixels.

Edge functions are homogeneous (Olano & Greer 1997): with p_i = (x_i - X w_i, y_i - Y w_i) for the pixel centre (X, Y) in
normalised device coordinates, e_0 = p_1 x p_2 and so on; e_i / sum(e) are perspective-correct weights without a division
by w. Pixels are numbered through, (frame * height + row) * width + column, which is cheaper than three indices.
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


@wp.func
def edge_function(p: wp.vec4, q: wp.vec4, p_off: float, q_off: float, x: float) -> float:
    """e: cross product of the two corners' p_i, in a form linear in x; changes sign exactly when p and q change places.

    p_off, q_off: the corners' p_i along y, the same for a whole row.
    """
    return (p[0] * q_off - p_off * q[0]) + x * (p_off * q[3] - p[3] * q_off)


@wp.func
def column_centre(column: int, width: int) -> float:
    """Normalised device x of a pixel's centre."""
    return (float(column) + 0.5) * (2.0 / float(width)) - 1.0


@wp.func
def row_centre(row: int, height: int) -> float:
    """Normalised device y of a pixel's centre."""
    return 1.0 - (float(row) + 0.5) * (2.0 / float(height))


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
    for row in range(box[2], box[3] + 1):
        y = row_centre(row, height)
        ya = a[1] - y * a[3]
        yb = b[1] - y * b[3]
        yc = c[1] - y * c[3]
        base0 = b[0] * yc - yb * c[0]
        base1 = c[0] * ya - yc * a[0]
        base2 = a[0] * yb - ya * b[0]
        slope0 = yb * c[3] - b[3] * yc
        slope1 = yc * a[3] - c[3] * ya
        slope2 = ya * b[3] - a[3] * yb
        line = (f * height + row) * width
        for column in range(box[0], box[1] + 1):
            x = column_centre(column, width)
            e0 = base0 + x * slope0
            e1 = base1 + x * slope1
            e2 = base2 + x * slope2
            covered = (e0 >= 0.0 and e1 >= 0.0 and e2 >= 0.0) or (e0 <= 0.0 and e1 <= 0.0 and e2 <= 0.0)
            if covered and wp.abs(e0 + e1 + e2) > SMALLEST_SUM:
                depth = (e0 * a[2] + e1 * b[2] + e2 * c[2]) / (e0 * a[3] + e1 * b[3] + e2 * c[3])
                candidate = (wp.int64(ordered_bits(depth)) << wp.int64(32)) | wp.int64(t)
                if candidate < key[line + column]:
                    wp.atomic_min(key, line + column, candidate)


@wp.kernel
def resolve(
    key: wp.array(dtype=wp.int64),
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    width: int,
    height: int,
    ids: wp.array(dtype=wp.int32),
    barycentric: wp.array(dtype=wp.vec2),
    depth: wp.array(dtype=wp.float32),
) -> None:
    """Triangle, weights and depth of each pixel from the packed z-buffer. One thread a row."""
    f, row = wp.tid()
    y = row_centre(row, height)
    for column in range(width):
        pixel = (f * height + row) * width + column
        packed = key[pixel]
        if packed == NOTHING:
            ids[pixel] = -1
            barycentric[pixel] = wp.vec2(0.0, 0.0)
            depth[pixel] = 0.0
        else:
            t = int(packed & TRIANGLE_BITS)
            x = column_centre(column, width)
            a = clip[f, triangles[t, 0]]
            b = clip[f, triangles[t, 1]]
            c = clip[f, triangles[t, 2]]
            ya = a[1] - y * a[3]
            yb = b[1] - y * b[3]
            yc = c[1] - y * c[3]
            e0 = edge_function(b, c, yb, yc, x)
            e1 = edge_function(c, a, yc, ya, x)
            e2 = edge_function(a, b, ya, yb, x)
            total = e0 + e1 + e2
            ids[pixel] = t
            barycentric[pixel] = wp.vec2(e0 / total, e1 / total)
            depth[pixel] = (e0 * a[2] + e1 * b[2] + e2 * c[2]) / (e0 * a[3] + e1 * b[3] + e2 * c[3])


@wp.kernel
def resolve_adjoint(
    ids: wp.array(dtype=wp.int32),
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    width: int,
    height: int,
    grad_barycentric: wp.array(dtype=wp.vec2),
    grad_depth: wp.array(dtype=wp.float32),
    with_depth: int,
    grad_clip: wp.array2d(dtype=wp.vec4),
) -> None:
    """Adjoint of `resolve` with respect to the clip-space positions. One thread a row."""
    f, row = wp.tid()
    y = row_centre(row, height)
    for column in range(width):
        pixel = (f * height + row) * width + column
        t = ids[pixel]
        if t >= 0:
            x = column_centre(column, width)
            i0 = triangles[t, 0]
            i1 = triangles[t, 1]
            i2 = triangles[t, 2]
            a = clip[f, i0]
            b = clip[f, i1]
            c = clip[f, i2]
            xa = a[0] - x * a[3]
            xb = b[0] - x * b[3]
            xc = c[0] - x * c[3]
            ya = a[1] - y * a[3]
            yb = b[1] - y * b[3]
            yc = c[1] - y * c[3]
            e0 = edge_function(b, c, yb, yc, x)
            e1 = edge_function(c, a, yc, ya, x)
            e2 = edge_function(a, b, ya, yb, x)
            over = 1.0 / (e0 + e1 + e2)
            b0 = e0 * over
            b1 = e1 * over
            b2 = e2 * over
            g = grad_barycentric[pixel]
            g0 = g[0]
            g1 = g[1]
            g2 = wp.float32(0.0)
            gz = wp.float32(0.0)
            gw = wp.float32(0.0)
            if with_depth != 0:
                w = b0 * a[3] + b1 * b[3] + b2 * c[3]
                z = b0 * a[2] + b1 * b[2] + b2 * c[2]
                gz = grad_depth[pixel] / w
                gw = -gz * z / w
                g0 = g0 + gz * a[2] + gw * a[3]
                g1 = g1 + gz * b[2] + gw * b[3]
                g2 = gz * c[2] + gw * c[3]
            mean = g0 * b0 + g1 * b1 + g2 * b2
            h0 = (g0 - mean) * over
            h1 = (g1 - mean) * over
            h2 = (g2 - mean) * over
            gxa = h2 * yb - h1 * yc
            gya = h1 * xc - h2 * xb
            gxb = h0 * yc - h2 * ya
            gyb = h2 * xa - h0 * xc
            gxc = h1 * ya - h0 * yb
            gyc = h0 * xb - h1 * xa
            wp.atomic_add(grad_clip, f, i0, wp.vec4(gxa, gya, gz * b0, gw * b0 - x * gxa - y * gya))
            wp.atomic_add(grad_clip, f, i1, wp.vec4(gxb, gyb, gz * b1, gw * b1 - x * gxb - y * gyb))
            wp.atomic_add(grad_clip, f, i2, wp.vec4(gxc, gyc, gz * b2, gw * b2 - x * gxc - y * gyc))


@wp.kernel
def interpolate(
    ids: wp.array(dtype=wp.int32),
    barycentric: wp.array(dtype=wp.vec2),
    triangles: wp.array2d(dtype=wp.int32),
    attributes: wp.array(dtype=wp.float32),
    rows_a_frame: int,
    width: int,
    height: int,
    channels: int,
    image: wp.array(dtype=wp.float32),
) -> None:
    """Weighted sum of the corners' attributes; background is left as it is. One thread a row.

    rows_a_frame: vertices from one frame's attributes to the next's, 0 where all share them.
    """
    f, row = wp.tid()
    source = f * rows_a_frame
    for column in range(width):
        pixel = (f * height + row) * width + column
        t = ids[pixel]
        if t >= 0:
            weights = barycentric[pixel]
            b0 = weights[0]
            b1 = weights[1]
            b2 = 1.0 - b0 - b1
            i0 = (source + triangles[t, 0]) * channels
            i1 = (source + triangles[t, 1]) * channels
            i2 = (source + triangles[t, 2]) * channels
            for k in range(channels):
                image[pixel * channels + k] = b0 * attributes[i0 + k] + b1 * attributes[i1 + k] + b2 * attributes[i2 + k]


@wp.kernel
def interpolate_adjoint(
    ids: wp.array(dtype=wp.int32),
    barycentric: wp.array(dtype=wp.vec2),
    triangles: wp.array2d(dtype=wp.int32),
    attributes: wp.array(dtype=wp.float32),
    rows_a_frame: int,
    width: int,
    height: int,
    channels: int,
    grad_image: wp.array(dtype=wp.float32),
    with_attributes: int,
    grad_barycentric: wp.array(dtype=wp.vec2),
    grad_attributes: wp.array(dtype=wp.float32),
) -> None:
    """Adjoint of `interpolate` with respect to weights and, if wanted, attributes. One thread a row."""
    f, row = wp.tid()
    source = f * rows_a_frame
    for column in range(width):
        pixel = (f * height + row) * width + column
        t = ids[pixel]
        if t >= 0:
            i0 = (source + triangles[t, 0]) * channels
            i1 = (source + triangles[t, 1]) * channels
            i2 = (source + triangles[t, 2]) * channels
            g0 = wp.float32(0.0)
            g1 = wp.float32(0.0)
            for k in range(channels):
                g = grad_image[pixel * channels + k]
                last = attributes[i2 + k]
                g0 = g0 + g * (attributes[i0 + k] - last)
                g1 = g1 + g * (attributes[i1 + k] - last)
            grad_barycentric[pixel] = wp.vec2(g0, g1)
            if with_attributes != 0:
                weights = barycentric[pixel]
                for k in range(channels):
                    g = grad_image[pixel * channels + k]
                    wp.atomic_add(grad_attributes, i0 + k, g * weights[0])
                    wp.atomic_add(grad_attributes, i1 + k, g * weights[1])
                    wp.atomic_add(grad_attributes, i2 + k, g * (1.0 - weights[0] - weights[1]))


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
def goes_straight_on(
    screen: wp.array2d(dtype=wp.vec2), triangles: wp.array2d(dtype=wp.int32), neighbours: wp.array2d(dtype=wp.int32), f: int, a: int, b: int
) -> bool:
    """Whether triangles a and b share an edge over which the surface goes on: the common case inside, told without a walk."""
    for k in range(3):
        beyond = neighbours[a, k]
        if beyond >> 2 == b:
            return not turns_away(screen, triangles, f, a, k, beyond)
    return False


@wp.kernel
def silhouette_crossings(
    ids: wp.array(dtype=wp.int32),
    depth: wp.array(dtype=wp.float32),
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
        pixel = (f * height + row) * width + column
        a = ids[pixel]
        for axis in range(2):
            other = wp.int32(-1)
            if axis == 0 and column + 1 < width:
                other = pixel + 1
            if axis == 1 and row + 1 < height:
                other = pixel + width
            b = a
            if other >= 0:
                b = ids[other]
            if a != b:
                swapped = wp.int32(0)
                start = wp.vec2(float(column) + 0.5, float(row) + 0.5)
                nearer = int(a)
                farther = int(b)
                if a < 0 or (b >= 0 and depth[pixel] > depth[other]):
                    swapped = 1
                    start[axis] = start[axis] + 1.0
                    nearer = b
                    farther = a
                if farther < 0 or not goes_straight_on(screen, triangles, neighbours, f, nearer, farther):
                    edge = find_silhouette(screen, triangles, neighbours, f, nearer, axis, start, 1.0 - 2.0 * float(swapped))
                    if edge >= 0:
                        slot = wp.atomic_add(count, 0, 1)
                        places[slot] = wp.int64(pixel) * wp.int64(4) + wp.int64(2 * axis + swapped)
                        edges[slot] = edge
