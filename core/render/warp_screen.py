# mypy: disable-error-code="valid-type,index,assignment,return-value,misc,operator,arg-type,call-overload,attr-defined,empty-body"
"""What the rasterizer's Warp kernels share: the pixel grid, edge functions and their gradients.

A thread works a whole row of pixels (or a triangle), which suits the CPU, where launches are serial and a thread a pixel
costs more than its arithmetic; CUDA has enough rows in a batch of frames. Along a row the same triangle is mostly seen
again, so corners are loaded, and gradients added to memory, once a run of pixels rather than once a pixel. Contraction
into fused multiply-adds is off, so that the two triangles at an edge compute the same number with opposite sign (no
pinholes) and that the fallback in `torch_backend` covers the very same pixels.

Edge functions are homogeneous (Olano & Greer 1997): with p_i = (x_i - X w_i, y_i - Y w_i) for the pixel centre (X, Y) in
normalised device coordinates, e_0 = p_1 x p_2 and so on; e_i / sum(e) are perspective-correct weights without a division
by w. With the corners' x_i, y_i - Y w_i and w_i as three vectors along a row, e = x × off + X (off × w). Pixels are numbered through, (frame * height + row) * width + column, which is cheaper than three indices.
"""

import warp as wp

wp.config.quiet = True
wp.config.log_level = 30  # warnings; newer Warp reads this instead of `quiet`
OPTIONS = {"fuse_fp": False, "enable_backward": False}
wp.set_module_options(OPTIONS)


@wp.func
def corners_of(triangles: wp.array2d(dtype=wp.int32), t: int) -> wp.vec3i:
    """The triangle's vertices."""
    return wp.vec3i(triangles[t, 0], triangles[t, 1], triangles[t, 2])


@wp.func
def coordinate(a: wp.vec4, b: wp.vec4, c: wp.vec4, axis: int) -> wp.vec3:
    """One clip-space coordinate of three corners."""
    return wp.vec3(a[axis], b[axis], c[axis])


@wp.func
def column_centre(column: int, width: int) -> float:
    """Normalised device x of a pixel's centre."""
    return (float(column) + 0.5) * (2.0 / float(width)) - 1.0


@wp.func
def row_centre(row: int, height: int) -> float:
    """Normalised device y of a pixel's centre."""
    return 1.0 - (float(row) + 0.5) * (2.0 / float(height))


@wp.func
def edge_line(clip: wp.array2d(dtype=wp.vec4), f: int, corners: wp.vec3i, y: float) -> wp.mat33:
    """The edge functions of a triangle along the row at y: their values at x = 0, and their slopes; the third row is nothing."""
    a = clip[f, corners[0]]
    b = clip[f, corners[1]]
    c = clip[f, corners[2]]
    w = coordinate(a, b, c, 3)
    off = coordinate(a, b, c, 1) - y * w
    base = wp.cross(coordinate(a, b, c, 0), off)
    slope = wp.cross(off, w)
    return wp.mat33(base[0], base[1], base[2], slope[0], slope[1], slope[2], 0.0, 0.0, 0.0)


@wp.func
def weights_on(line: wp.mat33, x: float) -> wp.vec3:
    """The corners' weights at x of such a line."""
    e = line[0] + x * line[1]
    total = e[0] + e[1] + e[2]
    first = e[0] / total
    second = e[1] / total
    return wp.vec3(first, second, 1.0 - first - second)


@wp.func
def on_screen(corner: wp.vec4, width: int, height: int) -> wp.vec2:
    """Where a clip-space point lands, pixels; NaN for one that is left out because it lies before the near plane."""
    if not (corner[3] > 0.0 and corner[2] >= -corner[3]):
        return wp.vec2(wp.nan, wp.nan)
    over = 1.0 / corner[3]
    half_width = 0.5 * float(width)
    half_height = 0.5 * float(height)
    return wp.vec2(half_width + corner[0] * over * half_width, half_height - corner[1] * over * half_height)


@wp.func_native("""
    const int *seen = ids.data;
    int t = seen[pixel], after = pixel + 1;
    #ifndef __CUDA_ARCH__
    typedef int numbers __attribute__((ext_vector_type(16)));
    typedef bool answers __attribute__((ext_vector_type(16)));
    for (; after + 16 <= ids.shape[0]; after += 16) {
        numbers next;
        __builtin_memcpy(&next, seen + after, 64);
        unsigned short differ = __builtin_bit_cast(unsigned short, __builtin_convertvector(next != t, answers));
        int stop = after + __builtin_ctz(differ | 0x10000);
        if (differ || stop >= end) return stop < end ? stop : end;
    }
    #endif
    while (after < end && seen[after] == t) after++;
    return after;
    """)
def run_end(ids: wp.array(dtype=wp.int32), pixel: int, end: int) -> int:
    """The first pixel after `pixel`, at most `end`, that sees another triangle."""
    ...


@wp.func
def add_edge_gradients(
    grad_clip: wp.array2d(dtype=wp.vec4),
    f: int,
    corners: wp.vec3i,
    across: wp.vec3,
    off: wp.vec3,
    w: wp.vec3,
    x: float,
    y: float,
    near: wp.vec3,
    far: wp.vec3,
) -> None:
    """Add to the corners' gradients what a run of pixels of one triangle gives its edge functions.

    across, off, w: the corners' x_i, y_i - y w_i and w_i. x: of the run's first pixel, y: of the row. near: sum over the run of
    the gradients to e. far: the same times each pixel's distance from the first (small, where sums of x times it would cancel).
    """
    to_x = wp.cross(off, near)
    to_y = wp.cross(near, across - x * w) - wp.cross(far, w)
    to_w = -(x * to_x + wp.cross(off, far)) - y * to_y
    for k in range(3):
        wp.atomic_add(grad_clip, f, corners[k], wp.vec4(to_x[k], to_y[k], 0.0, to_w[k]))
