# mypy: disable-error-code="valid-type,index,assignment,return-value,misc,operator,arg-type,call-overload,empty-body"
"""The processor's way to interpolate, and to carry gradients to positions: one thread a frame, eight runs of pixels at once.

A run are pixels of a row that see one triangle, here eight at most; on a dense mesh three on average, too few to fill vectors along a row. So each lane of a
vector takes a run of its own, and what a run costs before its first pixel (its corners, its edge functions) is done for eight together. Clang's
vector extensions, see `warp_lanes`. Images, attributes and positions are plain numbers here, so many to a pixel or vertex.
"""

import warp as wp

from .warp_screen import OPTIONS
from .warp_silhouette import differing, lowest

wp.set_module_options(OPTIONS)

VECTORS = """
    typedef float four __attribute__((vector_size(16)));
    typedef float lanes __attribute__((vector_size(32)));
    typedef int whole __attribute__((vector_size(32)));
    #define LOW(p, q) __builtin_shufflevector(p, q, 0, 8, 1, 9, 4, 12, 5, 13)
    #define HIGH(p, q) __builtin_shufflevector(p, q, 2, 10, 3, 11, 6, 14, 7, 15)
    #define EVEN(p, q) __builtin_shufflevector(p, q, 0, 1, 8, 9, 4, 5, 12, 13)
    #define ODD(p, q) __builtin_shufflevector(p, q, 2, 3, 10, 11, 6, 7, 14, 15)
    /* Four numbers of eight runs, from four vectors that hold run n's and run n + 4's to one of each number, or back. */
    #define TURNED(v) {EVEN(LOW(v[0], v[1]), LOW(v[2], v[3])), ODD(LOW(v[0], v[1]), LOW(v[2], v[3])), \
        EVEN(HIGH(v[0], v[1]), HIGH(v[2], v[3])), ODD(HIGH(v[0], v[1]), HIGH(v[2], v[3]))}
    #define OF_RUN(v, n) ((float *)(v + (n & 3)) + (n & 4))
    #define UNPACK(type, name, packed) type name; __builtin_memcpy(&name, &packed, sizeof(name))
"""
"""What the snippets here begin with."""
EDGES = """
    struct corner { lanes x, y, z, w; };
    UNPACK(corner, p, a); UNPACK(corner, q, b); UNPACK(corner, r, c);
    UNPACK(whole, row, rows); UNPACK(whole, column, columns); UNPACK(whole, length, lengths);
    lanes y = 1.0f - (__builtin_convertvector(row, lanes) + 0.5f) * (2.0f / height);
    lanes off0 = p.y - y * p.w, off1 = q.y - y * q.w, off2 = r.y - y * r.w;
    lanes base0 = q.x * off2 - off1 * r.x, base1 = r.x * off0 - off2 * p.x, base2 = p.x * off1 - off0 * q.x;
    lanes slope0 = off1 * r.w - q.w * off2, slope1 = off2 * p.w - r.w * off0, slope2 = off0 * q.w - p.w * off1;
    int longest = __builtin_reduce_max(length);
"""
"""Eight runs' edge functions at x = 0, and their slopes."""
RUNS = wp.constant(8)
MOST_CHANNELS = 4
Eight = wp.types.vector(length=8, dtype=wp.int32)
Four = wp.types.matrix(shape=(4, 8), dtype=wp.float32)
"""Up to four numbers of each of eight runs."""


@wp.func_native("""
    __builtin_memset(image.data + channels * first, 0, sizeof(float) * channels * (stop - first));
    """)
def blank(first: int, stop: int, channels: int, image: wp.array(dtype=wp.float32)) -> None:
    """Zero in the pixels first to stop - 1."""
    ...


@wp.func_native("""
    wp::vec_t<8, int> found;
    for (int k = 0; k < 8; k++) found.c[k] = triangles.data[3 * ids.data[starts.c[k]] + corner];
    return found;
    """)
def corner_of_runs(starts: Eight, corner: int, ids: wp.array(dtype=wp.int32), triangles: wp.array(dtype=wp.int32)) -> Eight:
    """The vertex at one corner (0 to 2) of the triangle that each run sees."""
    ...


@wp.func_native(VECTORS + """
    wp::mat_t<4, 8, float> found;
    if (length == 4) {
        lanes by_run[4];
        for (int k = 0; k < 8; k++) __builtin_memcpy(OF_RUN(by_run, k), numbers.data + 4 * (first + rows.c[k]), 16);
        lanes by_number[4] = TURNED(by_run);
        __builtin_memcpy(&found, by_number, 128);
        return found;
    }
    for (int n = 0; n < 4; n++)
        for (int k = 0; k < 8; k++) found.data[n][k] = n < length ? numbers.data[length * (first + rows.c[k]) + n] : 0.0f;
    return found;
    """)
def gathered(numbers: wp.array(dtype=wp.float32), first: int, rows: Eight, length: int) -> Four:
    """Eight rows of `length` numbers, four at most, counted from row `first` on; the others are zero."""
    ...


@wp.func_native(VECTORS + EDGES + """
    struct attribute { lanes of[4]; };
    UNPACK(attribute, one, at_a); UNPACK(attribute, two, at_b); UNPACK(attribute, three, at_c);
    float nowhere[4];
    for (int k = 0; k < longest; k++) {
        lanes x = (__builtin_convertvector(column + k, lanes) + 0.5f) * (2.0f / width) - 1.0f;
        lanes e0 = base0 + x * slope0, e1 = base1 + x * slope1, e2 = base2 + x * slope2, total = e0 + e1 + e2;
        lanes first = e0 / total, second = e1 / total, third = 1.0f - first - second, v[4];
        for (int n = 0; n < 4; n++) v[n] = first * one.of[n] + second * two.of[n] + third * three.of[n];
        lanes pixels[4] = TURNED(v);
        for (int n = 0; n < 8; n++) {
            bool in = k < lengths.c[n];
            float *to = in ? image.data + channels * (starts.c[n] + k) : nowhere;
            if (channels == 4) __builtin_memcpy(to, OF_RUN(pixels, n), 16);
            else for (int m = 0; m < channels; m++) to[m] = OF_RUN(pixels, n)[m];
        }
    }
    """)
def paint(
    starts: Eight,
    rows: Eight,
    columns: Eight,
    lengths: Eight,
    a: Four,
    b: Four,
    c: Four,
    at_a: Four,
    at_b: Four,
    at_c: Four,
    width: int,
    height: int,
    channels: int,
    image: wp.array(dtype=wp.float32),
) -> None:
    """Write the weighted sums of three corners' attributes.

    starts, rows, columns, lengths: each run's first pixel, where it lies, and how many there are. a, b, c: positions, at_a, at_b, at_c:
    attributes of the corners. The arithmetic is that of `warp_screen.weights_on`, operation by operation.
    """
    ...


@wp.func_native(VECTORS + EDGES + """
    struct attribute { lanes of[4]; };
    UNPACK(attribute, one, at_a); UNPACK(attribute, two, at_b); UNPACK(attribute, three, at_c);
    lanes start = (__builtin_convertvector(column, lanes) + 0.5f) * (2.0f / width) - 1.0f;
    lanes near0 = {}, near1 = {}, near2 = {}, far0 = {}, far1 = {}, far2 = {};
    for (int k = 0; k < longest; k++) {
        lanes by_run[4] = {};
        for (int n = 0; n < 8; n++) {
            const float *from = grads.data + channels * (starts.c[n] + (k < lengths.c[n] ? k : 0));
            if (channels == 4) __builtin_memcpy(OF_RUN(by_run, n), from, 16);
            else for (int m = 0; m < channels; m++) OF_RUN(by_run, n)[m] = from[m];
        }
        lanes g[4] = TURNED(by_run), to_first = {}, to_second = {}, to_third = {};
        for (int n = 0; n < 4; n++) {
            to_first += g[n] * one.of[n];
            to_second += g[n] * two.of[n];
            to_third += g[n] * three.of[n];
        }
        lanes x = (__builtin_convertvector(column + k, lanes) + 0.5f) * (2.0f / width) - 1.0f, way = x - start;
        lanes e0 = base0 + x * slope0, e1 = base1 + x * slope1, e2 = base2 + x * slope2, over = 1.0f / (e0 + e1 + e2);
        lanes mean = (to_first * e0 + to_second * e1 + to_third * e2) * over;
        whole in = k < length;
        lanes to0 = (lanes)((whole)((to_first - mean) * over) & in), to1 = (lanes)((whole)((to_second - mean) * over) & in);
        lanes to2 = (lanes)((whole)((to_third - mean) * over) & in);
        near0 += to0; near1 += to1; near2 += to2;
        far0 += way * to0; far1 += way * to1; far2 += way * to2;
    }
    #define CROSS(name, u, v) lanes name##0 = u##1 * v##2 - u##2 * v##1, name##1 = u##2 * v##0 - u##0 * v##2, name##2 = u##0 * v##1 - u##1 * v##0
    const lanes nothing = {}, w0 = p.w, w1 = q.w, w2 = r.w, left0 = p.x - start * w0, left1 = q.x - start * w1, left2 = r.x - start * w2;
    CROSS(to_x, off, near);
    CROSS(turn, near, left);
    CROSS(swing, far, w);
    CROSS(drift, off, far);
    #define TO_CORNER(k, name) \
        lanes to_y##k = turn##k - swing##k, name[4] = {to_x##k, to_y##k, nothing, -(start * to_x##k + drift##k) - y * to_y##k}; \
        lanes name##_by_run[4] = TURNED(name)
    TO_CORNER(0, to_p); TO_CORNER(1, to_q); TO_CORNER(2, to_r);
    for (int n = 0; n < 8 && lengths.c[n] > 0; n++) {
        const int *corners = triangles.data + 3 * ids.data[starts.c[n]];
        float *of_frame = grad_clip.data + 4 * first, *to[3] = {of_frame + 4 * corners[0], of_frame + 4 * corners[1], of_frame + 4 * corners[2]};
        four sum;
        #define ADD(k, name) __builtin_memcpy(&sum, to[k], 16); sum += *(four *)OF_RUN(name##_by_run, n); __builtin_memcpy(to[k], &sum, 16)
        ADD(0, to_p); ADD(1, to_q); ADD(2, to_r);
    }
    """)
def add_gradients(
    starts: Eight,
    rows: Eight,
    columns: Eight,
    lengths: Eight,
    a: Four,
    b: Four,
    c: Four,
    at_a: Four,
    at_b: Four,
    at_c: Four,
    width: int,
    height: int,
    channels: int,
    first: int,
    ids: wp.array(dtype=wp.int32),
    triangles: wp.array(dtype=wp.int32),
    grads: wp.array(dtype=wp.float32),
    grad_clip: wp.array(dtype=wp.float32),
) -> None:
    """Add to the corners' gradients what eight runs give them; arguments as of `paint`, and the frame's first vertex.

    The arithmetic is that of `warp_interpolation.position_adjoint` and `warp_screen.add_edge_gradients`.
    """
    ...


@wp.func
def work_on_runs(
    adjoint: bool,
    f: int,
    starts: Eight,
    rows: Eight,
    columns: Eight,
    lengths: Eight,
    vertices: int,
    rows_a_frame: int,
    width: int,
    height: int,
    channels: int,
    ids: wp.array(dtype=wp.int32),
    clip: wp.array(dtype=wp.float32),
    triangles: wp.array(dtype=wp.int32),
    attributes: wp.array(dtype=wp.float32),
    image: wp.array(dtype=wp.float32),
    grad_clip: wp.array(dtype=wp.float32),
) -> None:
    """Interpolate in eight runs, or the adjoint of that."""
    p = corner_of_runs(starts, 0, ids, triangles)
    q = corner_of_runs(starts, 1, ids, triangles)
    r = corner_of_runs(starts, 2, ids, triangles)
    first = f * vertices
    a = gathered(clip, first, p, 4)
    b = gathered(clip, first, q, 4)
    c = gathered(clip, first, r, 4)
    at_a = gathered(attributes, f * rows_a_frame, p, channels)
    at_b = gathered(attributes, f * rows_a_frame, q, channels)
    at_c = gathered(attributes, f * rows_a_frame, r, channels)
    if adjoint:
        add_gradients(
            starts, rows, columns, lengths, a, b, c, at_a, at_b, at_c, width, height, channels, first, ids, triangles, image, grad_clip
        )
    else:
        paint(starts, rows, columns, lengths, a, b, c, at_a, at_b, at_c, width, height, channels, image)


@wp.kernel
def interpolate(
    adjoint: bool,
    ids: wp.array(dtype=wp.int32),
    clip: wp.array(dtype=wp.float32),
    triangles: wp.array(dtype=wp.int32),
    attributes: wp.array(dtype=wp.float32),
    vertices: int,
    rows_a_frame: int,
    width: int,
    height: int,
    channels: int,
    image: wp.array(dtype=wp.float32),
    grad_clip: wp.array(dtype=wp.float32),
) -> None:
    """What `warp_interpolation.interpolate` writes into `image`; or, from the gradient to that image instead, what `position_adjoint` there adds to
    `grad_clip`, but for rounding. One thread a frame."""
    f = wp.tid()
    starts = Eight()
    rows = Eight()
    columns = Eight()
    lengths = Eight()
    count = wp.int32(0)
    for row in range(height):
        first = (f * height + row) * width
        start = int(first)
        for block in range(0, width, 32):
            ends = differing(ids, first + block, width - 1 - block, 1)
            if width - block <= 32:
                ends = ends | (wp.uint32(1) << wp.uint32(width - 1 - block))  # the row's last pixel ends a run
            while ends != wp.uint32(0):
                stop = first + block + lowest(ends) + 1
                ends = ends & (ends - wp.uint32(1))
                if ids[start] < 0:
                    if not adjoint:
                        blank(start, stop, channels, image)
                    start = stop
                while start < stop:
                    starts[count] = start
                    rows[count] = row
                    columns[count] = start - first
                    lengths[count] = wp.min(RUNS, stop - start)
                    start = wp.min(start + RUNS, stop)
                    count += 1
                    if count == RUNS:
                        work_on_runs(
                            adjoint, f, starts, rows, columns, lengths, vertices, rows_a_frame, width, height, channels, ids, clip, triangles,
                            attributes, image, grad_clip
                        )  # fmt: skip
                        count = wp.int32(0)
    if count > 0:
        for k in range(count, RUNS):
            starts[k] = starts[0]
            lengths[k] = 0
        work_on_runs(
            adjoint, f, starts, rows, columns, lengths, vertices, rows_a_frame, width, height, channels, ids, clip, triangles, attributes, image, grad_clip
        )  # fmt: skip
