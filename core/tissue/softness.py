"""How soft the flesh is where: a number for each vertex, painted by the user or made from the shape.

0 is as firm as bone, 1 the softest flesh of the subject. N is the number of cage nodes, V of vertices, P of surface samples.
"""

import numpy as np
from scipy.spatial import cKDTree

from ..errors import InputError
from ..types import Float32, Float64, Rig
from .attachment import distance_to_bones
from .cage import Cage
from .skinning import vertex_weights

LEAST_SOFT = 0.1
"""Softness of the firmest flesh that is made automatically; what is painted firmer grows into the bone."""

HEAD_NAMES = ("head", "skull", "jaw", "face")
"""Bones of such names carry heads, which have a skull."""

HEAD_SOFTNESS = 0.5
"""Softness of a head beside other flesh as thick."""

MOST_LOOSE = 2.0
"""Flesh counts as no further from its bone than this many times its own thickness: an ear is thin, not loose."""


def complete_softness(cage: Cage, rig: Rig, node_weights: Float64, painted: Float32 | None) -> Float32:
    """float32[V], 0 to 1: what is painted, and where nothing is (NaN, or no field at all) what the shape says.

    Raises InputError where all of the subject is painted firm.
    """
    if painted is None:
        return automatic_softness(cage, rig, node_weights)
    field = np.clip(painted, 0.0, 1.0)
    if np.isnan(field).any():
        field = np.where(np.isnan(field), automatic_softness(cage, rig, node_weights), field)
    if not field.max(initial=0.0) > 0:
        raise InputError("The Softness vertex group is 0 everywhere, so there is no soft flesh.", "Paint some of it, or delete the group to have a new one made.")
    return field.astype(np.float32)


def automatic_softness(cage: Cage, rig: Rig, node_weights: Float64) -> Float32:
    """float32[V], `LEAST_SOFT` to 1: far from bones is soft, thin limbs, ears, fins and heads are firmer.

    The geometric mean of the flesh's thickness and its distance to its bone, relative to the largest.
    """
    thickness = local_thickness(cage)
    distance = np.minimum(distance_to_bones(cage, rig, node_weights), MOST_LOOSE * thickness)
    of_nodes = np.sqrt(thickness * np.maximum(distance, 0.0))
    field = np.einsum("vk,vk->v", cage.vertex_barycentric, of_nodes[cage.vertex_nodes])
    heads = [number for number, name in enumerate(rig.names) if any(word in name.lower() for word in HEAD_NAMES)]
    on_head = np.asarray(vertex_weights(rig)[:, heads].sum(axis=1)).ravel()
    field *= 1.0 - (1.0 - HEAD_SOFTNESS) * on_head
    return np.clip(field / max(float(field.max()), 1e-300), LEAST_SOFT, 1.0).astype(np.float32)


def local_thickness(cage: Cage) -> Float64:
    """float64[N], metres: radius of the largest ball within the flesh that holds the node (Hildebrand and Ruegsegger 1997)."""
    radius = np.maximum(-cage.signed_distance, 0.5 * cage.cell_size)
    tree = cKDTree(cage.nodes)
    thickness = radius.copy()
    # A ball reaches a cell further here, since the nodes outside the skin belong to the flesh too.
    for ball, held in zip(radius, tree.query_ball_point(cage.nodes, radius + cage.cell_size), strict=True):
        thickness[held] = np.maximum(thickness[held], ball)
    return thickness


def stiffening(cage: Cage, node_softness: Float64) -> Float64:
    """float64[E]: how much stiffer than the softest flesh each tetrahedron is, 1 to 1 / `LEAST_SOFT` squared.

    A thin part of one material would hang like a rag: under its own inertia it bends as the inverse square of its
    thickness. Ears, fins, wings and feet are made of firmer stuff than bellies; the square evens that out.
    """
    softness = np.clip(node_softness[cage.tetrahedra].mean(axis=1), LEAST_SOFT, 1.0)
    return 1.0 / softness**2
