# mypy: disable-error-code="valid-type,index,assignment,return-value,misc,operator,arg-type,call-overload"
"""The processor's way to what each pixel's centre sees: one thread a frame, so that a frame's pictures stay in the cache until they
are done, and each is written once."""

import warp as wp

from .warp_lanes import FARTHEST, clear, draw_narrow, draw_span, to_depth, weigh_nothing, weigh_run
from .warp_screen import OPTIONS, coordinate, corners_of, row_centre, run_end
from .warp_visibility import SMALLEST_SUM, covered_columns, edge_bounds, in_front, pixel_box, turning

wp.set_module_options(OPTIONS)

MOST_COLUMNS = wp.constant(24)
"""A wider triangle's box is mostly empty: its rows are worth finding the ends of."""


@wp.func
def draw_triangle(
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    f: int,
    t: int,
    width: int,
    height: int,
    ids: wp.array(dtype=wp.int32),
    depth: wp.array(dtype=wp.int32),
) -> None:
    """The same pixels as `warp_visibility.nearest_triangle` draws."""
    a = clip[f, triangles[t, 0]]
    b = clip[f, triangles[t, 1]]
    c = clip[f, triangles[t, 2]]
    if in_front(a) and in_front(b) and in_front(c):
        box = pixel_box(a, b, c, width, height)
        across = coordinate(a, b, c, 0)
        up = coordinate(a, b, c, 1)
        z = coordinate(a, b, c, 2)
        w = coordinate(a, b, c, 3)
        if box[1] - box[0] < MOST_COLUMNS:
            draw_narrow(t, across, up, z, w, SMALLEST_SUM, f * height * width, box, width, height, ids, depth)
        else:
            bounds = edge_bounds(up, w, wp.cross(up - row_centre(box[2], height) * w, w), turning(across, up, w))
            for row in range(box[2], box[3] + 1):
                off = up - row_centre(row, height) * w
                base = wp.cross(across, off)
                span = covered_columns(base, bounds, box, width)
                first = (f * height + row) * width
                draw_span(t, base, wp.cross(off, w), z, w, SMALLEST_SUM, first, span[0], span[1], width, ids, depth)


@wp.kernel
def visible(
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    width: int,
    height: int,
    ids: wp.array(dtype=wp.int32),
    depth: wp.array(dtype=wp.int32),
) -> None:
    """Triangle and depth (a float's bits) of all pixels, at least eight in a row and two rows. One thread a frame."""
    f = wp.tid()
    first = f * height * width
    clear(first, first + height * width, FARTHEST, ids, depth)
    for t in range(triangles.shape[0]):
        draw_triangle(clip, triangles, f, t, width, height, ids, depth)
    to_depth(first, first + height * width, ids, depth)


@wp.kernel
def weigh(
    ids: wp.array(dtype=wp.int32),
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    width: int,
    height: int,
    barycentric: wp.array(dtype=wp.vec2),
) -> None:
    """What `warp_visibility.weigh` gives. One thread a row, the upper one first."""
    f, row = wp.tid()
    y = row_centre(row, height)
    first = (f * height + row) * width
    pixel = int(first)
    while pixel < first + width:
        stop = run_end(ids, pixel, first + width)
        t = ids[pixel]
        if t < 0:
            weigh_nothing(pixel, stop, barycentric)
        else:
            corners = corners_of(triangles, t)
            a = clip[f, corners[0]]
            b = clip[f, corners[1]]
            c = clip[f, corners[2]]
            w = coordinate(a, b, c, 3)
            off = coordinate(a, b, c, 1) - y * w
            base = wp.cross(coordinate(a, b, c, 0), off)
            weigh_run(base, wp.cross(off, w), pixel, stop, ids.shape[0], pixel - first, width, barycentric)
        pixel = stop
