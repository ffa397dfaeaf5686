# mypy: ignore-errors
"""Warp kernel that takes the flesh's offsets back to before skinning. See `kernels` for the rules that hold here."""

import warp as wp

wp.set_module_options({"enable_backward": False})

SMALL_DETERMINANT = wp.constant(wp.float64(0.2))
SMALL_STRETCH = wp.constant(wp.float64(0.3))
ZERO = wp.constant(wp.float64(0.0))
ONE = wp.constant(wp.float64(1.0))
HALF = wp.constant(wp.float64(0.5))


@wp.func
def safe_inverse(m: wp.mat33d) -> wp.mat33d:
    """The inverse; where skinning has collapsed the surface, the inverse of the nearest matrix that has not."""
    result = wp.mat33d()
    if wp.determinant(m) > SMALL_DETERMINANT:
        result = wp.inverse(m)
    else:
        u = wp.mat33d()
        s = wp.vec3d()
        v = wp.mat33d()
        wp.svd3(m, u, s, v)
        # A negative stretch stays negative: U and V are rotations, so a mirrored surface keeps its mirroring.
        d = wp.vec3d()
        for i in range(3):
            d[i] = ONE / wp.max(wp.abs(s[i]), SMALL_STRETCH)
            if s[i] < ZERO:
                d[i] = -d[i]
        result = v * wp.diag(d) * wp.transpose(u)
    return result


@wp.kernel
def rest_offset_kernel(
    node_offsets: wp.array2d(dtype=wp.vec3d),
    vertex_nodes: wp.array(dtype=wp.vec4i),
    barycentric: wp.array(dtype=wp.vec4d),
    bone_linear: wp.array2d(dtype=wp.mat33d),
    influences: wp.array2d(dtype=wp.int32),
    weights: wp.array2d(dtype=wp.float64),
    limit: wp.float64,
    offsets: wp.array2d(dtype=wp.vec3f),
    limited: wp.array(dtype=wp.int32),
) -> None:
    """Offset of each vertex before skinning, one launch index for each frame and vertex.

    The nodes' offsets at the vertex, bent smoothly to stay below `limit` metres, through the inverse of the linear part
    of the vertex's skinning. `limited` counts where the limit bit.
    """
    t, i = wp.tid()
    corners = vertex_nodes[i]
    mixture = barycentric[i]
    posed = wp.vec3d(ZERO, ZERO, ZERO)
    for n in range(4):
        posed += mixture[n] * node_offsets[t, corners[n]]
    length = wp.length(posed)
    free = HALF * limit
    if length > free:
        posed = posed * ((free + free * wp.tanh((length - free) / free)) / length)
        if length > limit:
            wp.atomic_add(limited, 0, 1)
    blended = wp.mat33d()
    for k in range(influences.shape[1]):
        blended += weights[i, k] * bone_linear[t, influences[i, k]]
    rest = safe_inverse(blended) * posed
    offsets[t, i] = wp.vec3f(wp.float32(rest[0]), wp.float32(rest[1]), wp.float32(rest[2]))
