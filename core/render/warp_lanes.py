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
