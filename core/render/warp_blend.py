# mypy: disable-error-code="valid-type,index,assignment,return-value,misc,operator,arg-type,call-overload,attr-defined"
"""Warp kernels that blend the pixels on both sides of a silhouette, and carry gradients back.

One thread a crossing, told as in `backends.Backend.silhouette_crossings`. Images are arrays of vectors, as in `warp_interpolation`.
"""

from typing import Any

import warp as wp

from .warp_interpolation import prepare
from .warp_screen import OPTIONS, on_screen

wp.set_module_options(OPTIONS)


@wp.func
def crossing_pixels(place: wp.int64, width: int) -> wp.vec4i:
    """The inside pixel, the outside one, the axis that both lie along, and on which side along it the outside one is, +1 or -1."""
    pixel = int(place >> wp.int64(2))
    axis = int(place >> wp.int64(1)) & 1
    other = pixel + wp.where(axis == 1, width, 1)
    if (place & wp.int64(1)) == wp.int64(1):
        return wp.vec4i(other, pixel, axis, -1)
    return wp.vec4i(pixel, other, axis, 1)


@wp.func
def edge_end(triangles: wp.array2d(dtype=wp.int32), edge: int, end: int) -> int:
    """The vertex at one end (0 or 1) of an edge."""
    return triangles[edge // 3, (edge + end) % 3]


@wp.func
def edge_between(pixels: wp.vec4i, p: wp.vec2, q: wp.vec2, width: int, height: int) -> wp.vec3:
    """Where the edge from p to q passes between two pixels.

    Returns how far from the inside pixel's centre towards the outside one's (0 to 1, but for rounding), at which share of the way
    from p to q, and by how much the edge moves along the axis for each pixel across it.
    """
    centre = wp.vec2(float(pixels[0] % width) + 0.5, float((pixels[0] // width) % height) + 0.5)
    axis = pixels[2]
    across = q[1 - axis] - p[1 - axis]
    share = (centre[1 - axis] - p[1 - axis]) / across
    crossing = p[axis] + share * (q[axis] - p[axis])
    return wp.vec3((crossing - centre[axis]) * float(pixels[3]), share, (q[axis] - p[axis]) / across)


@wp.kernel
def differences(places: wp.array(dtype=wp.int64), width: int, image: wp.array(dtype=Any), difference: wp.array(dtype=Any)) -> None:
    """The outside pixel less the inside one, before anything is blended."""
    n = wp.tid()
    pixels = crossing_pixels(places[n], width)
    difference[n] = image[pixels[1]] - image[pixels[0]]


@wp.kernel
def blend(
    places: wp.array(dtype=wp.int64),
    edges: wp.array(dtype=wp.int32),
    triangles: wp.array2d(dtype=wp.int32),
    clip: wp.array2d(dtype=wp.vec4),
    width: int,
    height: int,
    difference: wp.array(dtype=Any),
    blended: wp.array(dtype=Any),
) -> None:
    """Add to `blended`, the image or a copy of it, what flows from one pixel to the other."""
    n = wp.tid()
    pixels = crossing_pixels(places[n], width)
    f = pixels[0] // (width * height)
    p = on_screen(clip[f, edge_end(triangles, edges[n], 0)], width, height)
    q = on_screen(clip[f, edge_end(triangles, edges[n], 1)], width, height)
    distance = wp.clamp(edge_between(pixels, p, q, width, height)[0], 0.0, 1.0)
    target = wp.where(distance < 0.5, pixels[0], pixels[1])
    wp.atomic_add(blended, target, (0.5 - distance) * difference[n])


@wp.func
def to_clip(corner: wp.vec4, to_place: wp.vec2, width: int, height: int) -> wp.vec4:
    """The gradient to a clip-space point from that to where it lands."""
    to_x = to_place[0] * (0.5 * float(width)) / corner[3]
    to_y = to_place[1] * (-0.5 * float(height)) / corner[3]
    return wp.vec4(to_x, to_y, 0.0, -(to_x * corner[0] + to_y * corner[1]) / corner[3])


@wp.kernel
def blend_adjoint(
    places: wp.array(dtype=wp.int64),
    edges: wp.array(dtype=wp.int32),
    triangles: wp.array2d(dtype=wp.int32),
    clip: wp.array2d(dtype=wp.vec4),
    width: int,
    height: int,
    difference: wp.array(dtype=Any),
    grad_blended: wp.array(dtype=Any),
    changed: wp.array(dtype=wp.int64),
    change: wp.array(dtype=Any),
    grad_clip: wp.array2d(dtype=wp.vec4),
) -> None:
    """Adjoint of `blend`: adds to `grad_clip`, and tells two pixels a crossing, and by how much the gradient to the image differs there from
    `grad_blended`."""
    n = wp.tid()
    pixels = crossing_pixels(places[n], width)
    f = pixels[0] // (width * height)
    first = edge_end(triangles, edges[n], 0)
    second = edge_end(triangles, edges[n], 1)
    p = on_screen(clip[f, first], width, height)
    q = on_screen(clip[f, second], width, height)
    edge = edge_between(pixels, p, q, width, height)
    distance = wp.clamp(edge[0], 0.0, 1.0)
    grad = grad_blended[wp.where(distance < 0.5, pixels[0], pixels[1])]
    for side in range(2):
        changed[2 * n + side] = wp.int64(pixels[side])
    change[2 * n] = (distance - 0.5) * grad
    change[2 * n + 1] = (0.5 - distance) * grad
    if distance == edge[0]:
        to_crossing = -float(pixels[3]) * wp.dot(grad, difference[n])
        way = wp.vec2(to_crossing, -edge[2] * to_crossing)
        if pixels[2] == 1:
            way = wp.vec2(way[1], way[0])
        wp.atomic_add(grad_clip, f, first, to_clip(clip[f, first], (1.0 - edge[1]) * way, width, height))
        wp.atomic_add(grad_clip, f, second, to_clip(clip[f, second], edge[1] * way, width, height))


prepare(differences, blend, blend_adjoint)
