# mypy: disable-error-code="valid-type,index,assignment,return-value,misc,operator,arg-type,call-overload,empty-body"
"""What the processor does to eight pixels of a row at once, written for its vector units; on CUDA, where a thread takes one pixel after
the other, nothing calls this.

The arithmetic of each pixel is that of `warp_visibility`, operation by operation, so that the same pixels are covered. What is written
for a run of pixels may reach up to seven pixels beyond it: rows are worked from left to right and from top to bottom, and what comes
next writes over it; only at the picture's end nothing does. Clang's vector extensions, which Warp's compiler knows on every
platform; where vectors are shorter it splits them.
"""

import warp as wp

from .warp_screen import OPTIONS

wp.set_module_options(OPTIONS)

LANES = wp.constant(8)
FARTHEST = wp.constant(0x7FFFFFFF)
"""Depth of a pixel where nothing is, in the order of `warp_visibility.ordered_bits`."""


@wp.func_native("""
    typedef float lanes __attribute__((vector_size(32)));
    typedef int whole __attribute__((vector_size(32)));
    const whole along = {0, 1, 2, 3, 4, 5, 6, 7}, drawn = along * 0 + triangle;
    for (int column = begin; column <= end; column += 8) {
        int left = column <= width - 8 ? column : width - 8;
        whole at = left + along;
        lanes x = (__builtin_convertvector(at, lanes) + 0.5f) * (2.0f / width) - 1.0f;
        lanes e0 = base[0] + x * slope[0], e1 = base[1] + x * slope[1], e2 = base[2] + x * slope[2], total = e0 + e1 + e2;
        whole in = ((e0 >= 0.0f) & (e1 >= 0.0f) & (e2 >= 0.0f)) | ((e0 <= 0.0f) & (e1 <= 0.0f) & (e2 <= 0.0f));
        in &= ((total > smallest) | (total < -smallest)) & (at >= column) & (at <= end);
        lanes z_over_w = (e0 * z[0] + e1 * z[1] + e2 * z[2]) / (e0 * w[0] + e1 * w[1] + e2 * w[2]) + 0.0f;
        whole bits, before, seen;
        __builtin_memcpy(&bits, &z_over_w, 32);
        __builtin_memcpy(&before, depth.data + first + left, 32);
        __builtin_memcpy(&seen, ids.data + first + left, 32);
        bits ^= (bits >> 31) & 0x7FFFFFFF;
        in &= bits < before;
        bits = in ? bits : before;
        seen = in ? drawn : seen;
        __builtin_memcpy(depth.data + first + left, &bits, 32);
        __builtin_memcpy(ids.data + first + left, &seen, 32);
    }
    """)
def draw_span(
    triangle: int,
    base: wp.vec3,
    slope: wp.vec3,
    z: wp.vec3,
    w: wp.vec3,
    smallest: float,
    first: int,
    begin: int,
    end: int,
    width: int,
    ids: wp.array(dtype=wp.int32),
    depth: wp.array(dtype=wp.int32),
) -> None:
    """Draw the columns begin to end of a triangle's row, where they are covered and nearer than what was drawn before.

    base, slope: the edge functions. z, w: of the corners. smallest: least sum of the edge functions. first: the row's first pixel.
    depth: of what each pixel sees, `ordered_bits`. At least eight columns wide.
    """
    ...


@wp.func_native("""
    typedef float lanes __attribute__((vector_size(64)));
    typedef int whole __attribute__((vector_size(64)));
    const whole right = {0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7}, down = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1};
    const whole drawn = right * 0 + triangle;
    for (int row = box[2]; row <= box[3]; row += 2) {
        int top = row <= height - 2 ? row : height - 2;
        whole at = top + down, tall = (at >= row) & (at <= box[3]);
        lanes y = 1.0f - (__builtin_convertvector(at, lanes) + 0.5f) * (2.0f / height);
        lanes off0 = up[0] - y * w[0], off1 = up[1] - y * w[1], off2 = up[2] - y * w[2];
        lanes base0 = across[1] * off2 - off1 * across[2], slope0 = off1 * w[2] - w[1] * off2;
        lanes base1 = across[2] * off0 - off2 * across[0], slope1 = off2 * w[0] - w[2] * off0;
        lanes base2 = across[0] * off1 - off0 * across[1], slope2 = off0 * w[1] - w[0] * off1;
        for (int begin = box[0]; begin <= box[1]; begin += 8) {
            int left = begin <= width - 8 ? begin : width - 8;
            whole column = left + right;
            lanes x = (__builtin_convertvector(column, lanes) + 0.5f) * (2.0f / width) - 1.0f;
            lanes e0 = base0 + x * slope0, e1 = base1 + x * slope1, e2 = base2 + x * slope2, total = e0 + e1 + e2;
            whole in = ((e0 >= 0.0f) & (e1 >= 0.0f) & (e2 >= 0.0f)) | ((e0 <= 0.0f) & (e1 <= 0.0f) & (e2 <= 0.0f));
            in &= ((total > smallest) | (total < -smallest)) & (column >= begin) & (column <= box[1]) & tall;
            lanes z_over_w = (e0 * z[0] + e1 * z[1] + e2 * z[2]) / (e0 * w[0] + e1 * w[1] + e2 * w[2]) + 0.0f;
            int *near = depth.data + first + top * width + left, *who = ids.data + first + top * width + left;
            whole bits, before, seen;
            __builtin_memcpy(&bits, &z_over_w, 64);
            __builtin_memcpy(&before, near, 32);
            __builtin_memcpy((int *)&before + 8, near + width, 32);
            __builtin_memcpy(&seen, who, 32);
            __builtin_memcpy((int *)&seen + 8, who + width, 32);
            bits ^= (bits >> 31) & 0x7FFFFFFF;
            in &= bits < before;
            bits = in ? bits : before;
            seen = in ? drawn : seen;
            __builtin_memcpy(near, &bits, 32);
            __builtin_memcpy(near + width, (int *)&bits + 8, 32);
            __builtin_memcpy(who, &seen, 32);
            __builtin_memcpy(who + width, (int *)&seen + 8, 32);
        }
    }
    """)
def draw_narrow(
    triangle: int,
    across: wp.vec3,
    up: wp.vec3,
    z: wp.vec3,
    w: wp.vec3,
    smallest: float,
    first: int,
    box: wp.vec4i,
    width: int,
    height: int,
    ids: wp.array(dtype=wp.int32),
    depth: wp.array(dtype=wp.int32),
) -> None:
    """Draw a triangle whose box is eight columns wide at most, two rows at once.

    across, up, z, w: the corners' coordinates. first: the frame's first pixel. At least eight columns and two rows; the rest as `draw_span`.
    """
    ...


@wp.func_native("""
    for (int pixel = first; pixel < end; pixel++) {
        ids.data[pixel] = -1;
        depth.data[pixel] = farthest;
    }
    """)
def clear(first: int, end: int, farthest: int, ids: wp.array(dtype=wp.int32), depth: wp.array(dtype=wp.int32)) -> None:
    """Have pixels see nothing."""
    ...


@wp.func_native("""
    for (int pixel = first; pixel < end; pixel++) {
        int order = depth.data[pixel], bits = ids.data[pixel] < 0 ? 0 : order ^ ((order >> 31) & 0x7FFFFFFF);
        depth.data[pixel] = bits;
    }
    """)
def to_depth(first: int, end: int, ids: wp.array(dtype=wp.int32), depth: wp.array(dtype=wp.int32)) -> None:
    """Turn `ordered_bits` into the floats that they order, zero on background."""
    ...


@wp.func_native("""
    typedef float lanes __attribute__((vector_size(32)));
    typedef int whole __attribute__((vector_size(32)));
    const whole along = {0, 1, 2, 3, 4, 5, 6, 7};
    float *pairs = (float *)barycentric.data;
    int pixel = first;
    for (; pixel < stop && pixel + 8 <= limit; pixel += 8) {
        lanes x = (__builtin_convertvector(column + (pixel - first) + along, lanes) + 0.5f) * (2.0f / width) - 1.0f;
        lanes e0 = base[0] + x * slope[0], e1 = base[1] + x * slope[1], e2 = base[2] + x * slope[2], total = e0 + e1 + e2;
        lanes one = e0 / total, other = e1 / total;
        lanes low = __builtin_shufflevector(one, other, 0, 8, 1, 9, 2, 10, 3, 11);
        lanes high = __builtin_shufflevector(one, other, 4, 12, 5, 13, 6, 14, 7, 15);
        __builtin_memcpy(pairs + 2 * pixel, &low, 32);
        __builtin_memcpy(pairs + 2 * pixel + 8, &high, 32);
    }
    for (; pixel < stop; pixel++) {
        float x = ((column + pixel - first) + 0.5f) * (2.0f / width) - 1.0f;
        float e0 = base[0] + x * slope[0], e1 = base[1] + x * slope[1], e2 = base[2] + x * slope[2], total = e0 + e1 + e2;
        pairs[2 * pixel] = e0 / total;
        pairs[2 * pixel + 1] = e1 / total;
    }
    """)
def weigh_run(
    base: wp.vec3,
    slope: wp.vec3,
    first: int,
    stop: int,
    limit: int,
    column: int,
    width: int,
    barycentric: wp.array(dtype=wp.vec2),
) -> None:
    """Weights of the pixels first to stop - 1, which see one triangle, and of some beyond it, see above.

    column: of the first pixel. limit: end of all pixels.
    """
    ...


@wp.func_native("""
    __builtin_memset(barycentric.data + first, 0, (stop - first) * sizeof(*barycentric.data));
    """)
def weigh_nothing(first: int, stop: int, barycentric: wp.array(dtype=wp.vec2)) -> None:
    """Weights of background."""
    ...
