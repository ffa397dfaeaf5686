# mypy: disable-error-code="valid-type,index,assignment,return-value,misc,operator,arg-type,call-overload"
"""Warp kernels that tell what it is worth to a frame to have a limb painted over it, in many poses; see `core.fit.painting`."""

import warp as wp

from .warp_screen import OPTIONS, column_centre, corners_of, edge_line, row_centre, run_end, weights_on
from .warp_shade import error, lit, shade_line

wp.set_module_options(OPTIONS)


@wp.kernel
def spared(
    ids: wp.array(dtype=wp.int32),
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    width: int,
    height: int,
    depths: wp.array2d(dtype=wp.float32),
    colours: wp.array(dtype=wp.vec3),
    top: int,
    left: int,
    across: int,
    down: int,
    errors: wp.array(dtype=wp.float32),
    in_front: wp.array(dtype=wp.float32),
    light: wp.array(dtype=wp.float32),
    frame: wp.array(dtype=wp.uint8),
    coverage: wp.array(dtype=wp.uint8),
    background: wp.array(dtype=wp.vec3),
    most_difference: float,
    full_contrast: float,
    worth: wp.array(dtype=wp.float32),
) -> None:
    """The error that a drawn limb spares the frame, in each pose. One thread a pose.

    ids: of a window of the frame, width x height, whose first pixel is (top, left). depths: of each pose's vertices. across, down: the frame's width and height.
    errors: the frame's without the limb. in_front: depth before which the limb is seen.
    """
    k = wp.tid()
    gain = wp.vec3(light[0], light[1], light[2])
    offset = wp.vec3(light[3], light[4], light[5])
    total = wp.float32(0.0)
    for row in range(height):
        shade = shade_line(top + row, light)
        first = (k * height + row) * width
        pixel = int(first)
        while pixel < first + width:
            stop = run_end(ids, pixel, first + width)
            t = ids[pixel]
            if t >= 0:
                corners = corners_of(triangles, t)
                line = edge_line(clip, k, corners, row_centre(row, height))
                depth = wp.vec3(depths[k, corners[0]], depths[k, corners[1]], depths[k, corners[2]])
                a = colours[corners[0]]
                b = colours[corners[1]]
                c = colours[corners[2]]
                for here in range(pixel, stop):
                    column = here - first
                    weights = weights_on(line, column_centre(column, width))
                    there = (top + row) * across + left + column
                    if wp.dot(weights, depth) < in_front[there]:
                        worn = weights[0] * a + weights[1] * b + weights[2] * c
                        shown = lit(worn, shade[0] + shade[1] * float(left + column), gain, offset)
                        total += errors[there] - error(shown, there, frame, coverage, background, most_difference, full_contrast)
            pixel = stop
    worth[k] = total


@wp.kernel
def guessed(
    points: wp.array2d(dtype=wp.vec3),
    turns: wp.array2d(dtype=wp.mat33),
    normals: wp.array(dtype=wp.vec3),
    joints: wp.array(dtype=wp.int32),
    colours: wp.array(dtype=wp.vec3),
    clip_matrix: wp.mat44,
    axis: wp.vec3,
    nearest: float,
    width: int,
    height: int,
    errors: wp.array(dtype=wp.float32),
    in_front: wp.array(dtype=wp.float32),
    light: wp.array(dtype=wp.float32),
    frame: wp.array(dtype=wp.uint8),
    coverage: wp.array(dtype=wp.uint8),
    background: wp.array(dtype=wp.vec3),
    most_difference: float,
    full_contrast: float,
    worth: wp.array(dtype=wp.float32),
) -> None:
    """About the same from points of the limb's surface: each spares its pixel's error as many times as its unit of area has pixels. One thread a pose.

    turns: of each pose's joints. normals, joints: of each point, its normal in frame 0 and what turns it. clip_matrix: normalised world to clip.
    axis: the camera's. nearest: least w of a point.
    """
    k = wp.tid()
    x_row = wp.vec3(clip_matrix[0, 0], clip_matrix[0, 1], clip_matrix[0, 2])
    y_row = wp.vec3(clip_matrix[1, 0], clip_matrix[1, 1], clip_matrix[1, 2])
    w_row = wp.vec3(clip_matrix[3, 0], clip_matrix[3, 1], clip_matrix[3, 2])
    gain = wp.vec3(light[0], light[1], light[2])
    offset = wp.vec3(light[3], light[4], light[5])
    half_width = 0.5 * float(width)
    half_height = 0.5 * float(height)
    total = wp.float32(0.0)
    for n in range(points.shape[1]):
        point = points[k, n]
        w = wp.max(wp.dot(w_row, point) + clip_matrix[3, 3], nearest)
        x = (wp.dot(x_row, point) + clip_matrix[0, 3]) / w
        y = (wp.dot(y_row, point) + clip_matrix[1, 3]) / w
        u = half_width * (1.0 + x)
        v = half_height * (1.0 - y)
        if u >= 0.0 and v >= 0.0 and u < float(width) and v < float(height):
            across = wp.cross(x_row - x * w_row, w_row * y - y_row) * (half_width * half_height / (w * w))
            facing = -wp.dot(turns[k, joints[n]] * normals[n], across) * wp.sign(wp.dot(across, axis))
            row = int(v)
            column = int(u)
            there = row * width + column
            if facing > 0.0 and wp.dot(point, axis) < in_front[there]:
                shade = shade_line(row, light)
                shown = lit(colours[n], shade[0] + shade[1] * float(column), gain, offset)
                total += facing * (errors[there] - error(shown, there, frame, coverage, background, most_difference, full_contrast))
    worth[k] = total
