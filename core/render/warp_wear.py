# mypy: disable-error-code="valid-type,index,assignment,return-value,misc,operator,arg-type,call-overload"
"""Warp kernels that colour what is drawn: with the look of frame 0, in a frame's light, and against that frame."""

import warp as wp

from .warp_screen import OPTIONS, column_centre, corners_of, edge_line, row_centre, run_end
from .warp_shade import error, lit, sampled, shade_line

wp.set_module_options(OPTIONS)


@wp.kernel
def wear(
    ids: wp.array(dtype=wp.int32),
    clip: wp.array2d(dtype=wp.vec4),
    triangles: wp.array2d(dtype=wp.int32),
    width: int,
    height: int,
    places: wp.array(dtype=wp.vec4),
    front: wp.array(dtype=wp.uint8),
    vertex_colours: wp.array(dtype=wp.vec3),
    texels: wp.array(dtype=wp.vec4),
    across: int,
    down: int,
    slack: float,
    colours: wp.array(dtype=wp.vec3),
    known: wp.array(dtype=wp.uint8),
) -> None:
    """What `core.fit.look` says of every covered pixel. One thread a row.

    places, front, texels: see `passes.Texture`; texels of across x down pixels.
    """
    f, row = wp.tid()
    first = (f * height + row) * width
    pixel = int(first)
    while pixel < first + width:
        stop = run_end(ids, pixel, first + width)
        t = ids[pixel]
        if t >= 0:
            corners = corners_of(triangles, t)
            line = edge_line(clip, f, corners, row_centre(row, height))
            faced = front[t] > wp.uint8(0)
            a = places[corners[0]]
            b = places[corners[1]]
            c = places[corners[2]]
            for here in range(pixel, stop):
                e = line[0] + column_centre(here - first, width) * line[1]
                total = e[0] + e[1] + e[2]  # positive where the corners run counter-clockwise on the screen
                shown = (total > 0.0) == faced
                if shown:
                    then = e[0] * a + e[1] * b + e[2] * c
                    over = 1.0 / then[2]
                    texel = sampled(texels, across, down, then[0] * over, then[1] * over)
                    shown = then[3] / total <= texel[3] + slack
                    if shown:
                        colours[here] = wp.vec3(texel[0], texel[1], texel[2])
                        known[here] = wp.uint8(1)
                if not shown:
                    worn = e[0] * vertex_colours[corners[0]] + e[1] * vertex_colours[corners[1]] + e[2] * vertex_colours[corners[2]]
                    colours[here] = worn / total
        pixel = stop


@wp.kernel
def lay_over(
    ids: wp.array(dtype=wp.int32),
    colours: wp.array(dtype=wp.vec3),
    light: wp.array(dtype=wp.float32),
    width: int,
    picture: wp.array(dtype=wp.vec3),
) -> None:
    """Put a drawing into a frame's light and over a picture. One thread a row."""
    row = wp.tid()
    first = row * width
    shade = shade_line(row, light)
    gain = wp.vec3(light[0], light[1], light[2])
    offset = wp.vec3(light[3], light[4], light[5])
    pixel = int(first)
    while pixel < first + width:
        stop = run_end(ids, pixel, first + width)
        if ids[pixel] >= 0:
            for here in range(pixel, stop):
                picture[here] = lit(colours[here], shade[0] + shade[1] * float(here - first), gain, offset)
        pixel = stop


@wp.kernel
def mark_errors(
    ids: wp.array(dtype=wp.int32),
    colours: wp.array(dtype=wp.vec3),
    width: int,
    light: wp.array(dtype=wp.float32),
    frame: wp.array(dtype=wp.uint8),
    coverage: wp.array(dtype=wp.uint8),
    background: wp.array(dtype=wp.vec3),
    most_difference: float,
    full_contrast: float,
    errors: wp.array(dtype=wp.float32),
) -> None:
    """Write how badly a drawing explains the pixels that it covers. One thread a row."""
    row = wp.tid()
    first = row * width
    shade = shade_line(row, light)
    gain = wp.vec3(light[0], light[1], light[2])
    offset = wp.vec3(light[3], light[4], light[5])
    pixel = int(first)
    while pixel < first + width:
        stop = run_end(ids, pixel, first + width)
        if ids[pixel] >= 0:
            for here in range(pixel, stop):
                shown = lit(colours[here], shade[0] + shade[1] * float(here - first), gain, offset)
                errors[here] = error(shown, here, frame, coverage, background, most_difference, full_contrast)
        pixel = stop


@wp.kernel
def find_light(
    drawn: wp.array(dtype=wp.vec3),
    seen: wp.array(dtype=wp.vec3),
    beside: wp.array(dtype=wp.vec2),
    tolerances: wp.vec4,
    usual_contrast: float,
    held_shade: float,
    share: wp.array(dtype=wp.float32),
    light: wp.array(dtype=wp.float32),
) -> None:
    """What `core.fit.light` solves for, from colours drawn and seen at some places. light: gain and offset of each channel, of which offset is
    given to begin with, and the shade's slope. share: for use meanwhile. One thread in all."""
    gain = wp.vec3(1.0, 1.0, 1.0)
    offset = wp.vec3(light[3], light[4], light[5])
    slope = wp.vec2(0.0, 0.0)
    usual = wp.vec3(usual_contrast * usual_contrast)
    for k in range(4):
        total = wp.float32(0.0)
        drawn_mean = wp.vec3()
        flat_mean = wp.vec3()
        for n in range(drawn.shape[0]):
            shade = 1.0 + wp.dot(slope, beside[n])
            apart = (wp.cw_mul(drawn[n], gain) + offset) * shade - seen[n]
            near = 1.0 + wp.dot(apart, apart) / (tolerances[k] * tolerances[k])
            share[n] = 1.0 / (near * near)
            total += share[n]
            drawn_mean += share[n] * drawn[n]
            flat_mean += share[n] * seen[n] / wp.max(shade, 0.2)
        drawn_mean /= total
        flat_mean /= total
        drawn_spread = wp.vec3()
        flat_spread = wp.vec3()
        for n in range(drawn.shape[0]):
            share[n] /= total
            one = drawn[n] - drawn_mean
            other = seen[n] / wp.max(1.0 + wp.dot(slope, beside[n]), 0.2) - flat_mean
            drawn_spread += share[n] * wp.cw_mul(one, one)
            flat_spread += share[n] * wp.cw_mul(other, other)
        drawn_spread += usual
        flat_spread += usual
        for c in range(3):
            gain[c] = wp.sqrt(flat_spread[c]) / wp.sqrt(drawn_spread[c])
        offset = flat_mean - wp.cw_mul(gain, drawn_mean)
        held = wp.mat22(held_shade, 0.0, 0.0, held_shade)
        pull = wp.vec2()
        for n in range(drawn.shape[0]):
            shown = wp.cw_mul(drawn[n], gain) + offset
            held += share[n] * wp.dot(shown, shown) * wp.outer(beside[n], beside[n])
            pull += share[n] * wp.dot(shown, seen[n] - shown) * beside[n]
        slope = wp.inverse(held) * pull
    for c in range(3):
        light[c] = gain[c]
        light[3 + c] = offset[c]
    light[6] = slope[0]
    light[7] = slope[1]
