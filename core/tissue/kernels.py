# mypy: ignore-errors
"""Warp kernels of the soft-tissue stage: the arithmetic of one element, one vertex or one query each.

All arrays live on the CPU, where Warp runs a launch serially: sums are made in the same order on every run. Warp translates
these functions to C++ by rules of its own, which a type checker does not know.
"""

import warp as wp

wp.set_module_options({"enable_backward": False})

WINDING_THRESHOLD = wp.constant(0.5)
FAR_AWAY = wp.constant(1.0e6)
LEAST_STRETCH = wp.constant(wp.float64(0.5))
MOST_STRETCH = wp.constant(wp.float64(2.0))
"""Stretches that the skinning may give to a tetrahedron's rest shape: what it folds or tears is not followed."""
SURELY_WITHIN = wp.constant(wp.float64(0.75 * 0.75))
"""Squared norm of F^T F - 1 below which all stretches are within: no squared stretch is further from 1 than that norm. Most elements need no
decomposition then, which is the dear part."""
mat34d = wp.types.matrix(shape=(3, 4), dtype=wp.float64)
ZERO = wp.constant(wp.float64(0.0))
ONE = wp.constant(wp.float64(1.0))
HALF = wp.constant(wp.float64(0.5))
TWO = wp.constant(wp.float64(2.0))
THREE = wp.constant(wp.float64(3.0))
CRUSHED = wp.constant(wp.float64(0.4))
"""Relative volume below which an element resists more than Smith et al. let it."""
CRUSH_STIFFNESS = wp.constant(wp.float64(100.0))
"""How much more: pressure, in lambdas, for a unit of squared crushing."""


@wp.kernel
def signed_distance_kernel(surface: wp.uint64, points: wp.array(dtype=wp.vec3), distances: wp.array(dtype=wp.float32)) -> None:
    """Distance of each point to the surface, negative where the winding number says inside."""
    i = wp.tid()
    found = wp.mesh_query_point_sign_winding_number(surface, points[i], FAR_AWAY, 2.0, WINDING_THRESHOLD)
    nearest = wp.mesh_eval_position(surface, found.face, found.u, found.v)
    distances[i] = found.sign * wp.length(points[i] - nearest)


@wp.func
def deformation_gradient(x: wp.array(dtype=wp.vec3d), corners: wp.vec4i, inverse_rest: wp.mat33d) -> wp.mat33d:
    """F = Ds Dm^-1 of one tetrahedron."""
    first = x[corners[0]]
    return wp.matrix_from_cols(x[corners[1]] - first, x[corners[2]] - first, x[corners[3]] - first) * inverse_rest


@wp.kernel
def take_shape_kernel(
    skinned: wp.array(dtype=wp.vec3d),
    tetrahedra: wp.array(dtype=wp.vec4i),
    inverse_modelled: wp.array(dtype=wp.mat33d),
    inverse_rest: wp.array(dtype=wp.mat33d),
) -> None:
    """Make the skinned shape of each tetrahedron its rest shape, its stretches kept within reason.

    inverse_modelled, inverse_rest: Dm^-1 of the shape as modelled, and of the shape that is free of stress from now on.
    """
    e = wp.tid()
    f = deformation_gradient(skinned, tetrahedra[e], inverse_modelled[e])
    strain = wp.transpose(f) * f - wp.identity(n=3, dtype=wp.float64)
    if wp.determinant(f) > ZERO and wp.ddot(strain, strain) < SURELY_WITHIN:
        inverse_rest[e] = inverse_modelled[e] * wp.inverse(f)
    else:
        u = wp.mat33d()
        s = wp.vec3d()
        v = wp.mat33d()
        wp.svd3(f, u, s, v)
        inverse = wp.vec3d()
        for i in range(3):
            inverse[i] = ONE / wp.clamp(s[i], LEAST_STRETCH, MOST_STRETCH)
        inverse_rest[e] = inverse_modelled[e] * (v * wp.diag(inverse) * wp.transpose(u))


@wp.func
def cofactor(f: wp.mat33d) -> wp.mat33d:
    """The derivative of det F with respect to F."""
    a = wp.vec3d(f[0, 0], f[1, 0], f[2, 0])
    b = wp.vec3d(f[0, 1], f[1, 1], f[2, 1])
    c = wp.vec3d(f[0, 2], f[1, 2], f[2, 2])
    return wp.matrix_from_cols(wp.cross(b, c), wp.cross(c, a), wp.cross(a, b))


@wp.func
def shape_gradients(inverse_rest: wp.mat33d) -> mat34d:
    """Gradients of the four linear shape functions in the rest pose, a column each: minus the sum of Dm^-1's rows, and the rows."""
    a = inverse_rest[0]
    b = inverse_rest[1]
    c = inverse_rest[2]
    return wp.matrix_from_cols(-(a + b + c), a, b, c)


@wp.func
def crushing(determinant: wp.float64) -> wp.float64:
    """How far the relative volume is below `CRUSHED`."""
    return wp.max(CRUSHED - determinant, ZERO)


@wp.func
def rest_volume(mu: wp.float64, lam: wp.float64) -> wp.float64:
    """The energy's alpha: the relative volume at which its volume term is least, so that the whole is least at rest."""
    return ONE + mu / lam - mu / (wp.float64(4.0) * lam)


@wp.func
def volume_pressure(determinant: wp.float64, mu: wp.float64, lam: wp.float64) -> wp.float64:
    """Derivative of the energy density's volume terms with respect to the relative volume."""
    crushed = crushing(determinant)
    return lam * (determinant - rest_volume(mu, lam) - CRUSH_STIFFNESS * crushed * crushed)


@wp.func
def energy_density(f: wp.mat33d, mu: wp.float64, lam: wp.float64) -> wp.float64:
    """Stable neo-Hookean energy (Smith et al. 2018, equation 14), zero at rest, with a cubic term against crushing."""
    alpha = rest_volume(mu, lam)
    squares = wp.ddot(f, f)
    determinant = wp.determinant(f)
    from_least = determinant - alpha
    crushed = crushing(determinant)
    crush = CRUSH_STIFFNESS / THREE * crushed * crushed * crushed
    at_rest = lam * HALF * (ONE - alpha) * (ONE - alpha) - mu * HALF * wp.log(wp.float64(4.0))
    return mu * HALF * (squares - THREE - wp.log(squares + ONE)) + lam * (HALF * from_least * from_least + crush) - at_rest


@wp.kernel
def energy_kernel(
    x: wp.array(dtype=wp.vec3d),
    tetrahedra: wp.array(dtype=wp.vec4i),
    inverse_rest: wp.array(dtype=wp.mat33d),
    volume: wp.array(dtype=wp.float64),
    mu: wp.array(dtype=wp.float64),
    lam: wp.array(dtype=wp.float64),
    energy: wp.array(dtype=wp.float64),
) -> None:
    """Elastic energy of each tetrahedron, joules."""
    e = wp.tid()
    f = deformation_gradient(x, tetrahedra[e], inverse_rest[e])
    energy[e] = volume[e] * energy_density(f, mu[e], lam[e])


@wp.kernel
def gradient_kernel(
    x: wp.array(dtype=wp.vec3d),
    tetrahedra: wp.array(dtype=wp.vec4i),
    inverse_rest: wp.array(dtype=wp.mat33d),
    volume: wp.array(dtype=wp.float64),
    mu: wp.array(dtype=wp.float64),
    lam: wp.array(dtype=wp.float64),
    energy: wp.array(dtype=wp.float64),
    gradient: wp.array(dtype=wp.vec3d),
) -> None:
    """Elastic energy of each tetrahedron and, added to `gradient`, its derivative with respect to the nodes, newtons."""
    e = wp.tid()
    corners = tetrahedra[e]
    f = deformation_gradient(x, corners, inverse_rest[e])
    shear = mu[e] * (ONE - ONE / (wp.ddot(f, f) + ONE))
    pressure = volume_pressure(wp.determinant(f), mu[e], lam[e])
    stress = shear * f + pressure * cofactor(f)
    energy[e] = volume[e] * energy_density(f, mu[e], lam[e])
    forces = volume[e] * (stress * shape_gradients(inverse_rest[e]))
    for n in range(4):
        wp.atomic_add(gradient, corners[n], wp.vec3d(forces[0, n], forces[1, n], forces[2, n]))


@wp.kernel
def element_work_kernel(
    x: wp.array(dtype=wp.vec3d),
    tetrahedra: wp.array(dtype=wp.vec4i),
    inverse_rest: wp.array(dtype=wp.mat33d),
    volume: wp.array(dtype=wp.float64),
    mu: wp.array(dtype=wp.float64),
    lam: wp.array(dtype=wp.float64),
    way: wp.array(dtype=wp.vec3d),
    work: wp.array(dtype=wp.float64),
) -> None:
    """Change of each tetrahedron's energy along a way of the nodes, joules."""
    e = wp.tid()
    corners = tetrahedra[e]
    f = deformation_gradient(x, corners, inverse_rest[e])
    shear = mu[e] * (ONE - ONE / (wp.ddot(f, f) + ONE))
    pressure = volume_pressure(wp.determinant(f), mu[e], lam[e])
    change = deformation_gradient(way, corners, inverse_rest[e])
    work[e] = volume[e] * wp.ddot(shear * f + pressure * cofactor(f), change)


@wp.func
def add_mode(
    eigenvalue: wp.float64,
    mode: wp.mat33d,
    inverse_rest: wp.mat33d,
    slots: wp.array2d(dtype=wp.int32),
    blocks: wp.array(dtype=wp.mat33d),
    e: int,
) -> None:
    """Add eigenvalue * (dF/dx : mode)(dF/dx : mode)^T to the blocks of one tetrahedron, unless it is negative."""
    if eigenvalue > ZERO:
        # A column for each corner: how the mode changes as the corner moves.
        corners = mode * shape_gradients(inverse_rest)
        for n in range(4):
            left = eigenvalue * wp.vec3d(corners[0, n], corners[1, n], corners[2, n])
            for m in range(4):
                slot = slots[e, 4 * n + m]
                if slot >= 0:
                    blocks[slot] += wp.outer(left, wp.vec3d(corners[0, m], corners[1, m], corners[2, m]))


@wp.kernel
def projected_hessian_kernel(
    x: wp.array(dtype=wp.vec3d),
    tetrahedra: wp.array(dtype=wp.vec4i),
    inverse_rest: wp.array(dtype=wp.mat33d),
    volume: wp.array(dtype=wp.float64),
    mu: wp.array(dtype=wp.float64),
    lam: wp.array(dtype=wp.float64),
    slots: wp.array2d(dtype=wp.int32),
    blocks: wp.array(dtype=wp.mat33d),
) -> None:
    """Second derivative of the energy, added to `blocks`; negative eigenvalues of an element are left out.

    The eigenvectors are known in closed form but for a 3x3 problem of the stretches (Smith et al. 2018, section 4.3):
    with F = U diag(s) V^T, twists and flips of each plane have the eigenvalues shear +- pressure * s.
    slots: for each tetrahedron and pair of corners the index of its block, -1 where a corner is held.
    """
    e = wp.tid()
    f = deformation_gradient(x, tetrahedra[e], inverse_rest[e])
    u = wp.mat33d()
    s = wp.vec3d()
    v = wp.mat33d()
    wp.svd3(f, u, s, v)
    squares = wp.dot(s, s)
    determinant = s[0] * s[1] * s[2]
    shear = mu[e] * (ONE - ONE / (squares + ONE))
    pressure = volume_pressure(determinant, mu[e], lam[e])
    hardness = lam[e] * (ONE + TWO * CRUSH_STIFFNESS * crushing(determinant))
    inverse = inverse_rest[e]
    root_half = wp.sqrt(HALF)
    for i in range(3):
        j = (i + 1) % 3
        k = (i + 2) % 3
        uj = wp.vec3d(u[0, j], u[1, j], u[2, j])
        uk = wp.vec3d(u[0, k], u[1, k], u[2, k])
        vj = wp.vec3d(v[0, j], v[1, j], v[2, j])
        vk = wp.vec3d(v[0, k], v[1, k], v[2, k])
        twist = root_half * (wp.outer(uj, vk) - wp.outer(uk, vj))
        flip = root_half * (wp.outer(uj, vk) + wp.outer(uk, vj))
        add_mode(volume[e] * (shear + pressure * s[i]), twist, inverse, slots, blocks, e)
        add_mode(volume[e] * (shear - pressure * s[i]), flip, inverse, slots, blocks, e)
    areas = wp.vec3d(s[1] * s[2], s[0] * s[2], s[0] * s[1])
    curvature = TWO * mu[e] / ((squares + ONE) * (squares + ONE))
    coupling = wp.mat33d(ZERO, s[2], s[1], s[2], ZERO, s[0], s[1], s[0], ZERO)
    stretches = shear * wp.identity(n=3, dtype=wp.float64) + curvature * wp.outer(s, s) + hardness * wp.outer(areas, areas) + pressure * coupling
    vectors = wp.mat33d()
    values = wp.vec3d()
    wp.eig3(stretches, vectors, values)
    for i in range(3):
        mode = u * wp.diag(wp.vec3d(vectors[0, i], vectors[1, i], vectors[2, i])) * wp.transpose(v)
        add_mode(volume[e] * values[i], mode, inverse, slots, blocks, e)


@wp.kernel
def exact_hessian_kernel(
    x: wp.array(dtype=wp.vec3d),
    tetrahedra: wp.array(dtype=wp.vec4i),
    inverse_rest: wp.array(dtype=wp.mat33d),
    volume: wp.array(dtype=wp.float64),
    mu: wp.array(dtype=wp.float64),
    lam: wp.array(dtype=wp.float64),
    slots: wp.array2d(dtype=wp.int32),
    blocks: wp.array(dtype=wp.mat33d),
) -> None:
    """Second derivative of the energy, added to `blocks`, as it is: it may have negative eigenvalues. Needs no decomposition.

    For the shape gradients n, m of two corners, with C the cofactor of F: shear (n . m) I + curvature (F n)(F m)^T
    + hardness (C n)(C m)^T + pressure [F (n x m)], the last turned into a skew matrix (Smith et al. 2018, section 4.2).
    """
    e = wp.tid()
    f = deformation_gradient(x, tetrahedra[e], inverse_rest[e])
    c = cofactor(f)
    squares = wp.ddot(f, f)
    determinant = wp.determinant(f)
    shear = volume[e] * mu[e] * (ONE - ONE / (squares + ONE))
    curvature = volume[e] * TWO * mu[e] / ((squares + ONE) * (squares + ONE))
    pressure = volume[e] * volume_pressure(determinant, mu[e], lam[e])
    hardness = volume[e] * lam[e] * (ONE + TWO * CRUSH_STIFFNESS * crushing(determinant))
    gradients = shape_gradients(inverse_rest[e])
    stretched = f * gradients
    areas = c * gradients
    for n in range(4):
        own = wp.vec3d(gradients[0, n], gradients[1, n], gradients[2, n])
        along = curvature * wp.vec3d(stretched[0, n], stretched[1, n], stretched[2, n])
        across = hardness * wp.vec3d(areas[0, n], areas[1, n], areas[2, n])
        for m in range(n, 4):
            slot = slots[e, 4 * n + m]
            if slot >= 0:
                other = wp.vec3d(gradients[0, m], gradients[1, m], gradients[2, m])
                straight = shear * wp.dot(own, other)
                turn = pressure * (f * wp.cross(own, other))
                block = wp.outer(along, wp.vec3d(stretched[0, m], stretched[1, m], stretched[2, m]))
                block += wp.outer(across, wp.vec3d(areas[0, m], areas[1, m], areas[2, m]))
                block += wp.mat33d(straight, turn[2], -turn[1], -turn[2], straight, turn[0], turn[1], -turn[0], straight)
                blocks[slot] += block
                if m > n:
                    blocks[slots[e, 4 * m + n]] += wp.transpose(block)
