"""Bars of cubes split into tetrahedra, for the tests of elasticity and time steps."""

import numpy as np
from animamimic.core.tissue.cage import KUHN_TETRAHEDRA
from animamimic.core.tissue.implicit import State
from animamimic.core.tissue.pieces import CELL_CORNERS

YOUNG = 1e5


def bar(counts, cell):
    """Nodes and tetrahedra of a bar of cubes."""
    cells = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), axis=-1).reshape(-1, 3)
    ids = np.ravel_multi_index(tuple(np.moveaxis(cells[:, None] + CELL_CORNERS, -1, 0)), np.array(counts) + 1)
    nodes = np.stack(np.unravel_index(np.arange(np.prod(np.array(counts) + 1)), np.array(counts) + 1), axis=1) * cell
    return nodes.astype(np.float64), ids[:, KUHN_TETRAHEDRA].reshape(-1, 4).astype(np.int32)


def at_rest(nodes):
    return State(nodes, nodes, nodes)
