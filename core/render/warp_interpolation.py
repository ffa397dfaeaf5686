# mypy: disable-error-code="valid-type,index,assignment,return-value,misc,operator,arg-type,call-overload"
"""Warp kernels that carry vertex attributes to pixels, and back.

Attributes and images are arrays of vectors, as long as there are channels: the kernels are compiled for each such length.
rows_a_frame: vertices from one frame's attributes to the next's, 0 where all share them.
"""

from functools import cache
from typing import Any

import warp as wp

from .warp_screen import OPTIONS, add_edge_gradients, column_centre, coordinate, corners_of, edge_line, row_centre, run_end, weights_on

wp.set_module_options(OPTIONS)

USUAL_CHANNELS = (1, 3, 4)
"""Compiled together at first use; any other number of channels compiles the module once more."""


@cache
def pixel_type(channels: int) -> Any:
    """The type of a pixel or vertex with so many channels."""
    return wp.types.vector(length=channels, dtype=wp.float32)


@wp.kernel
def interpolate(
    ids: wp.array(dtype=wp.int32),
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    attributes: wp.array(dtype=Any),
    rows_a_frame: int,
    width: int,
    height: int,
    image: wp.array(dtype=Any),
) -> None:
    """Weighted sum of the corners' attributes, zero on background. One thread a row."""
    f, row = wp.tid()
    nothing = image.dtype(0.0)
    first = (f * height + row) * width
    pixel = int(first)
    while pixel < first + width:
        stop = run_end(ids, pixel, first + width)
        t = ids[pixel]
        if t >= 0:
            corners = corners_of(triangles, t)
            line = edge_line(clip, f, corners, row_centre(row, height))
            a = attributes[f * rows_a_frame + corners[0]]
            b = attributes[f * rows_a_frame + corners[1]]
            c = attributes[f * rows_a_frame + corners[2]]
            for here in range(pixel, stop):
                weights = weights_on(line, column_centre(here - first, width))
                image[here] = weights[0] * a + weights[1] * b + weights[2] * c
        else:
            for here in range(pixel, stop):
                image[here] = nothing
        pixel = stop


@wp.kernel
def position_adjoint(
    ids: wp.array(dtype=wp.int32),
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    attributes: wp.array(dtype=Any),
    rows_a_frame: int,
    width: int,
    height: int,
    grad_image: wp.array(dtype=Any),
    grad_clip: wp.array2d(dtype=wp.vec4),
) -> None:
    """Adjoint of `interpolate` with respect to the clip-space positions, through the weights. One thread a row."""
    f, row = wp.tid()
    y = row_centre(row, height)
    first = (f * height + row) * width
    pixel = int(first)
    while pixel < first + width:
        stop = run_end(ids, pixel, first + width)
        t = ids[pixel]
        if t >= 0:
            corners = corners_of(triangles, t)
            a = clip[f, corners[0]]
            b = clip[f, corners[1]]
            c = clip[f, corners[2]]
            at_a = attributes[f * rows_a_frame + corners[0]]
            at_b = attributes[f * rows_a_frame + corners[1]]
            at_c = attributes[f * rows_a_frame + corners[2]]
            across = coordinate(a, b, c, 0)
            w = coordinate(a, b, c, 3)
            off = coordinate(a, b, c, 1) - y * w
            base = wp.cross(across, off)
            slope = wp.cross(off, w)
            start = column_centre(pixel - first, width)
            near = wp.vec3(0.0, 0.0, 0.0)
            far = wp.vec3(0.0, 0.0, 0.0)
            for here in range(pixel, stop):
                x = column_centre(here - first, width)
                e = base + x * slope
                grad = grad_image[here]
                to_weights = wp.vec3(wp.dot(grad, at_a), wp.dot(grad, at_b), wp.dot(grad, at_c))
                over = 1.0 / (e[0] + e[1] + e[2])
                mean = wp.dot(to_weights, e) * over
                to_edges = (to_weights - wp.vec3(mean, mean, mean)) * over
                near = near + to_edges
                far = far + (x - start) * to_edges
            add_edge_gradients(grad_clip, f, corners, across, off, w, start, y, near, far)
        pixel = stop


@wp.kernel
def attribute_adjoint(
    ids: wp.array(dtype=wp.int32),
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    rows_a_frame: int,
    width: int,
    height: int,
    grad_image: wp.array(dtype=Any),
    grad_attributes: wp.array(dtype=Any),
) -> None:
    """Adjoint of `interpolate` with respect to the attributes. One thread a row."""
    f, row = wp.tid()
    first = (f * height + row) * width
    for pixel in range(first, first + width):
        t = ids[pixel]
        if t >= 0:
            corners = corners_of(triangles, t)
            line = edge_line(clip, f, corners, row_centre(row, height))
            weights = weights_on(line, column_centre(pixel - first, width))
            grad = grad_image[pixel]
            for k in range(3):
                wp.atomic_add(grad_attributes, f * rows_a_frame + corners[k], weights[k] * grad)


@wp.kernel
def position_adjoint_at(
    ids: wp.array(dtype=wp.int32),
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    attributes: wp.array(dtype=Any),
    rows_a_frame: int,
    width: int,
    height: int,
    pixels: wp.array(dtype=wp.int64),
    grads: wp.array(dtype=Any),
    grad_clip: wp.array2d(dtype=wp.vec4),
) -> None:
    """`position_adjoint` of some pixels' gradients alone. One thread a pixel."""
    n = wp.tid()
    pixel = int(pixels[n])
    t = ids[pixel]
    if t >= 0:
        f = pixel // (width * height)
        x = column_centre(pixel % width, width)
        y = row_centre((pixel // width) % height, height)
        corners = corners_of(triangles, t)
        a = clip[f, corners[0]]
        b = clip[f, corners[1]]
        c = clip[f, corners[2]]
        across = coordinate(a, b, c, 0)
        w = coordinate(a, b, c, 3)
        off = coordinate(a, b, c, 1) - y * w
        e = wp.cross(across, off) + x * wp.cross(off, w)
        over = 1.0 / (e[0] + e[1] + e[2])
        to_weights = wp.vec3()
        for k in range(3):
            to_weights[k] = wp.dot(grads[n], attributes[f * rows_a_frame + corners[k]])
        mean = wp.dot(to_weights, e) * over
        add_edge_gradients(
            grad_clip, f, corners, across, off, w, x, y, (to_weights - wp.vec3(mean, mean, mean)) * over, wp.vec3(0.0, 0.0, 0.0)
        )


@wp.kernel
def attribute_adjoint_at(
    ids: wp.array(dtype=wp.int32),
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    rows_a_frame: int,
    width: int,
    height: int,
    pixels: wp.array(dtype=wp.int64),
    grads: wp.array(dtype=Any),
    grad_attributes: wp.array(dtype=Any),
) -> None:
    """`attribute_adjoint` of some pixels' gradients alone. One thread a pixel."""
    n = wp.tid()
    pixel = int(pixels[n])
    t = ids[pixel]
    if t >= 0:
        f = pixel // (width * height)
        corners = corners_of(triangles, t)
        line = edge_line(clip, f, corners, row_centre((pixel // width) % height, height))
        weights = weights_on(line, column_centre(pixel % width, width))
        for k in range(3):
            wp.atomic_add(grad_attributes, f * rows_a_frame + corners[k], weights[k] * grads[n])


@cache
def of_channels(kernel: Any, channels: int) -> Any:
    """A kernel whose images and attributes are arrays of `Any`, for so many channels."""
    pixels: Any = wp.array(dtype=pixel_type(channels))
    return wp.overload(kernel, {name: pixels for name, kind in kernel.adj.arg_types.items() if getattr(kind, "dtype", None) is Any})


def prepare(*kernels: Any) -> None:
    """Have kernels compiled, with the rest of their module, for the usual numbers of channels."""
    for kernel in kernels:
        for channels in USUAL_CHANNELS:
            of_channels(kernel, channels)


prepare(interpolate, position_adjoint, position_adjoint_at, attribute_adjoint, attribute_adjoint_at)
