# mypy: disable-error-code="valid-type,index,assignment,return-value,misc,operator,arg-type,call-overload,empty-body"
"""What kernels that colour pixels share: samples of a picture, a frame's light, and how far a painted pixel is from the frame.

On the CPU wp.abs, wp.floor and the like are calls, each dearer than all the rest of a pixel: hence none here.
"""

import warp as wp

from .warp_screen import OPTIONS

wp.set_module_options(OPTIONS)

OF_255 = wp.constant(1.0 / 255.0)


@wp.func_native("""
    typedef float four __attribute__((vector_size(16), aligned(4)));
    float u = x < -0.5f ? 0.0f : x + 0.5f, v = y < -0.5f ? 0.0f : y + 0.5f;
    int column = (int)((u < width + 1 ? u : width + 1) * 32.0f + 0.5f), row = (int)((v < height + 1 ? v : height + 1) * 32.0f + 0.5f);
    float right = (column & 31) * 0.03125f, lower = (row & 31) * 0.03125f;
    column = (column >> 5) - 1, row = (row >> 5) - 1;
    int left = column < 0 ? 0 : column, above = row < 0 ? 0 : row;
    int beside = column + 1 < width ? column + 1 : width - 1, below = row + 1 < height ? row + 1 : height - 1;
    left = left < width ? left : width - 1, above = above < height ? above : height - 1;
    const four *upper = (const four *)texels.data + above * width, *under = (const four *)texels.data + below * width;
    four over = upper[left] + (upper[beside] - upper[left]) * right, at = under[left] + (under[beside] - under[left]) * right;
    at = over + (at - over) * lower;
    wp::vec_t<4, float> found;
    __builtin_memcpy(&found, &at, 16);
    return found;
    """)
def sampled(texels: wp.array(dtype=wp.vec4), width: int, height: int, x: float, y: float) -> wp.vec4:
    """Bilinear sample of a picture at (x, y); beyond the border, the border. Places are rounded to 1/32 of a pixel, as OpenCV does it, so that
    both ways to sample give the same."""
    ...


@wp.func
def shade_line(row: int, light: wp.array(dtype=wp.float32)) -> wp.vec2:
    """A light's shade along a row: that of its first pixel, and its slope. light: gain and offset of each channel, the shade's slope along x
    and y, its centre, and its size."""
    x = (0.5 - light[8]) / light[10]
    y = (float(row) + 0.5 - light[9]) / light[10]
    return wp.vec2(1.0 + x * light[6] + y * light[7], light[6] / light[10])


@wp.func
def lit(colour: wp.vec3, shade: float, gain: wp.vec3, offset: wp.vec3) -> wp.vec3:
    """A colour of frame 0 in a frame's light."""
    red = wp.clamp((colour[0] * gain[0] + offset[0]) * shade, 0.0, 1.0)
    green = wp.clamp((colour[1] * gain[1] + offset[1]) * shade, 0.0, 1.0)
    blue = wp.clamp((colour[2] * gain[2] + offset[2]) * shade, 0.0, 1.0)
    return wp.vec3(red, green, blue)


@wp.func
def error(
    colour: wp.vec3,
    pixel: int,
    frame: wp.array(dtype=wp.uint8),
    coverage: wp.array(dtype=wp.uint8),
    background: wp.array(dtype=wp.vec3),
    most_difference: float,
    full_contrast: float,
) -> float:
    """How badly a colour explains a pixel: squared differences of the channels, each limited, and the part of the pixel that is no subject,
    as far as the colour stands out against the background."""
    behind = background[pixel]
    apart = wp.float32(0.0)
    contrast = wp.float32(0.0)
    for c in range(3):
        difference = colour[c] - float(frame[3 * pixel + c]) * OF_255
        apart += wp.min(difference * difference, most_difference * most_difference)
        contrast = wp.max(contrast, wp.max(colour[c] - behind[c], behind[c] - colour[c]))
    bare = 1.0 - float(coverage[pixel]) * OF_255
    return apart + bare * bare * wp.min(contrast / full_contrast, 1.0)
