# mypy: disable-error-code="valid-type,index,assignment,return-value,misc,operator,arg-type,call-overload,empty-body"
"""The processor's way to interpolate: one thread a frame, eight runs of pixels at once.

A run are pixels of a row that see one triangle, here eight at most; on a dense mesh three on average, too few to fill vectors along a row. So each lane of a
vector takes a run of its own, and what a run costs before its first pixel (its corners, its edge functions) is done for eight together. Clang's
vector extensions, see `warp_lanes`. Images, attributes and positions are plain numbers here, so many to a pixel or vertex.
"""

import warp as wp

from .warp_screen import OPTIONS
from .warp_silhouette import differing, lowest

wp.set_module_options(OPTIONS)

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


@wp.func_native("""
    typedef float lanes __attribute__((vector_size(32)));
    typedef float four __attribute__((vector_size(16)));
    wp::mat_t<4, 8, float> found;
    if (length == 4) {
        four p[8];
        for (int k = 0; k < 8; k++) __builtin_memcpy(p + k, numbers.data + 4 * (first + rows.c[k]), 16);
        #define BESIDE(i, j) __builtin_shufflevector(p[i], p[j], 0, 1, 2, 3, 4, 5, 6, 7)
        #define LOW(p, q) __builtin_shufflevector(p, q, 0, 8, 1, 9, 4, 12, 5, 13)
        #define HIGH(p, q) __builtin_shufflevector(p, q, 2, 10, 3, 11, 6, 14, 7, 15)
        #define FIRST(p, q) __builtin_shufflevector(p, q, 0, 1, 8, 9, 4, 5, 12, 13)
        #define SECOND(p, q) __builtin_shufflevector(p, q, 2, 3, 10, 11, 6, 7, 14, 15)
        lanes q0 = BESIDE(0, 4), q1 = BESIDE(1, 5), q2 = BESIDE(2, 6), q3 = BESIDE(3, 7);
        lanes columns[4] = {FIRST(LOW(q0, q1), LOW(q2, q3)), SECOND(LOW(q0, q1), LOW(q2, q3)), FIRST(HIGH(q0, q1), HIGH(q2, q3)), SECOND(HIGH(q0, q1), HIGH(q2, q3))};
        #undef BESIDE
        #undef LOW
        #undef HIGH
        #undef FIRST
        #undef SECOND
        __builtin_memcpy(&found, columns, 128);
        return found;
    }
    for (int n = 0; n < 4; n++)
        for (int k = 0; k < 8; k++) found.data[n][k] = n < length ? numbers.data[length * (first + rows.c[k]) + n] : 0.0f;
    return found;
    """)
def gathered(numbers: wp.array(dtype=wp.float32), first: int, rows: Eight, length: int) -> Four:
    """Eight rows of `length` numbers, four at most, counted from row `first` on; the others are zero."""
    ...


@wp.func_native("""
    typedef float lanes __attribute__((vector_size(32)));
    typedef float four __attribute__((vector_size(16)));
    typedef int whole __attribute__((vector_size(32)));
    lanes ca[4], cb[4], cc[4], at[3][4];
    __builtin_memcpy(ca, &a, 128);
    __builtin_memcpy(cb, &b, 128);
    __builtin_memcpy(cc, &c, 128);
    __builtin_memcpy(at[0], &at_a, 128);
    __builtin_memcpy(at[1], &at_b, 128);
    __builtin_memcpy(at[2], &at_c, 128);
    whole row, column, length;
    __builtin_memcpy(&row, &rows, 32);
    __builtin_memcpy(&column, &columns, 32);
    __builtin_memcpy(&length, &lengths, 32);
    lanes y = 1.0f - (__builtin_convertvector(row, lanes) + 0.5f) * (2.0f / height);
    lanes off0 = ca[1] - y * ca[3], off1 = cb[1] - y * cb[3], off2 = cc[1] - y * cc[3];
    lanes base0 = cb[0] * off2 - off1 * cc[0], base1 = cc[0] * off0 - off2 * ca[0], base2 = ca[0] * off1 - off0 * cb[0];
    lanes slope0 = off1 * cc[3] - cb[3] * off2, slope1 = off2 * ca[3] - cc[3] * off0, slope2 = off0 * cb[3] - ca[3] * off1;
    int longest = __builtin_reduce_max(length);
    float nowhere[4];
    for (int k = 0; k < longest; k++) {
        lanes x = (__builtin_convertvector(column + k, lanes) + 0.5f) * (2.0f / width) - 1.0f;
        lanes e0 = base0 + x * slope0, e1 = base1 + x * slope1, e2 = base2 + x * slope2, total = e0 + e1 + e2;
        lanes one = e0 / total, other = e1 / total, rest = 1.0f - one - other;
        if (channels == 4) {
            lanes v0 = one * at[0][0] + other * at[1][0] + rest * at[2][0], v1 = one * at[0][1] + other * at[1][1] + rest * at[2][1];
            lanes v2 = one * at[0][2] + other * at[1][2] + rest * at[2][2], v3 = one * at[0][3] + other * at[1][3] + rest * at[2][3];
            #define LOW(p, q) __builtin_shufflevector(p, q, 0, 8, 1, 9, 4, 12, 5, 13)
            #define HIGH(p, q) __builtin_shufflevector(p, q, 2, 10, 3, 11, 6, 14, 7, 15)
            #define FIRST(p, q) __builtin_shufflevector(p, q, 0, 1, 8, 9, 4, 5, 12, 13)
            #define SECOND(p, q) __builtin_shufflevector(p, q, 2, 3, 10, 11, 6, 7, 14, 15)
            lanes pixels[4] = {FIRST(LOW(v0, v1), LOW(v2, v3)), SECOND(LOW(v0, v1), LOW(v2, v3)), FIRST(HIGH(v0, v1), HIGH(v2, v3)), SECOND(HIGH(v0, v1), HIGH(v2, v3))};
            #undef LOW
            #undef HIGH
            #undef FIRST
            #undef SECOND
            for (int n = 0; n < 8; n++) {
                float *to = k < lengths.c[n] ? image.data + 4 * (starts.c[n] + k) : nowhere;
                __builtin_memcpy(to, (float *)(pixels + (n & 3)) + (n & 4), 16);
            }
        } else {
            for (int m = 0; m < channels; m++) {
                lanes v = one * at[0][m] + other * at[1][m] + rest * at[2][m];
                for (int n = 0; n < 8; n++) if (k < lengths.c[n]) image.data[channels * (starts.c[n] + k) + m] = v[n];
            }
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


@wp.func
def paint_runs(
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
) -> None:
    """Interpolate in eight runs."""
    p = corner_of_runs(starts, 0, ids, triangles)
    q = corner_of_runs(starts, 1, ids, triangles)
    r = corner_of_runs(starts, 2, ids, triangles)
    first = f * vertices
    a = gathered(clip, first, p, 4)
    b = gathered(clip, first, q, 4)
    c = gathered(clip, first, r, 4)
    first = f * rows_a_frame
    at_a = gathered(attributes, first, p, channels)
    at_b = gathered(attributes, first, q, channels)
    at_c = gathered(attributes, first, r, channels)
    paint(starts, rows, columns, lengths, a, b, c, at_a, at_b, at_c, width, height, channels, image)


@wp.kernel
def interpolate(
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
) -> None:
    """What `warp_interpolation.interpolate` gives. One thread a frame."""
    f = wp.tid()
    starts = Eight()
    rows = Eight()
    columns = Eight()
    lengths = Eight()
    count = int(0)
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
                    blank(start, stop, channels, image)
                    start = stop
                while start < stop:
                    starts[count] = start
                    rows[count] = row
                    columns[count] = start - first
                    lengths[count] = wp.min(RUNS, stop - start)
                    count += 1
                    start = wp.min(start + RUNS, stop)
                    if count == RUNS:
                        paint_runs(
                            f, starts, rows, columns, lengths, vertices, rows_a_frame, width, height, channels, ids, clip, triangles, attributes, image
                        )
                        count = int(0)
    if count > 0:
        for k in range(count, RUNS):
            starts[k] = starts[0]
            lengths[k] = 0
        paint_runs(f, starts, rows, columns, lengths, vertices, rows_a_frame, width, height, channels, ids, clip, triangles, attributes, image)
