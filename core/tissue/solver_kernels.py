# mypy: ignore-errors
"""Warp kernel of the linear solver: one launch index does a whole solve, so that nothing is handed back and forth between steps.

Warp translates this function to C++ by rules of its own, which a type checker does not know.
"""

import warp as wp

wp.set_module_options({"enable_backward": False})

ZERO = wp.constant(wp.float64(0.0))


@wp.kernel
def conjugate_gradient_kernel(
    pointers: wp.array(dtype=wp.int32),
    columns: wp.array(dtype=wp.int32),
    blocks: wp.array(dtype=wp.mat33d),
    diagonal: wp.array(dtype=wp.int32),
    squared_tolerance: wp.float64,
    most_steps: int,
    solution: wp.array(dtype=wp.vec3d),
    residual: wp.array(dtype=wp.vec3d),
    direction: wp.array(dtype=wp.vec3d),
    image: wp.array(dtype=wp.vec3d),
    preconditioner: wp.array(dtype=wp.mat33d),
    steps: wp.array(dtype=wp.int32),
) -> None:
    """Preconditioned conjugate gradients on a symmetric matrix of 3x3 blocks in compressed rows; launch with dimension 1.

    The preconditioner is the inverse of the blocks on the diagonal, whose places `diagonal` tells.
    residual: the right-hand side minus the matrix times `solution`, which is improved. Ends where the residual, measured by the
    preconditioner, is `squared_tolerance` of what it was. steps[0]: how many were made, -1 where the matrix turned out not to be
    positive definite.
    """
    count = residual.shape[0]
    product = wp.float64(0.0)
    for i in range(count):
        preconditioner[i] = wp.inverse(blocks[diagonal[i]])
        direction[i] = preconditioner[i] * residual[i]
        product += wp.dot(residual[i], direction[i])
    goal = product * squared_tolerance
    made = wp.int32(0)
    indefinite = product < ZERO
    while product > goal and made < most_steps and not indefinite:
        curvature = wp.float64(0.0)
        for i in range(count):
            row = wp.vec3d()
            for k in range(pointers[i], pointers[i + 1]):
                row += blocks[k] * direction[columns[k]]
            image[i] = row
            curvature += wp.dot(row, direction[i])
        if curvature <= ZERO:
            indefinite = True
        else:
            length = product / curvature
            before = wp.float64(product)
            product = wp.float64(0.0)
            for i in range(count):
                solution[i] = solution[i] + length * direction[i]
                left = residual[i] - length * image[i]
                residual[i] = left
                image[i] = preconditioner[i] * left
                product += wp.dot(left, image[i])
            share = product / before
            for i in range(count):
                direction[i] = image[i] + share * direction[i]
            made += 1
            if product < ZERO:
                indefinite = True
    steps[0] = made
    if indefinite:
        steps[0] = -1
