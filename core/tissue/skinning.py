"""Linear blend skinning of points that hang on bones by weights of their own. B is the number of bones."""

import numpy as np
import scipy.sparse as sparse

from ..types import Float64, Rig


def skin_points(points: Float64, weights: Float64 | sparse.csr_matrix, transforms: Float64) -> tuple[Float64, Float64]:
    """Where points are at one moment.

    points: float64[n, 3], in the first frame. weights: [n, B], rows sum to one. transforms: float64[B, 3, 4].
    Returns positions float64[n, 3] and the blended linear parts float64[n, 3, 3].
    """
    blended = (weights @ transforms.reshape(len(transforms), 12)).reshape(-1, 3, 4)
    return np.einsum("nij,nj->ni", blended[:, :, :3], points) + blended[:, :, 3], blended[:, :, :3]


def vertex_weights(rig: Rig) -> sparse.csr_matrix:
    """The rig's weights as a sparse [V, B]."""
    vertices, slots = rig.influences.shape
    rows = np.repeat(np.arange(vertices), slots)
    return sparse.csr_matrix((rig.weights.ravel().astype(np.float64), (rows, rig.influences.ravel())), (vertices, len(rig.names)))
