"""The tree that is solved for: the rig's own without what the picture says nothing of, and with every part hung where it belongs.

- Bones that move no vertex, neither themselves nor through a child, are left out.
- A bone without weight and with a single child is passed over: its child hangs on its parent.
- Of several roots, every one that shares skin with the largest is hung where it shares most (hooves and hands of game rigs are often
  roots of their own), so that it moves along unless the picture says otherwise.
- A stray, a foot that is a child of the root because inverse kinematics moved it there in the author's scene (game assets come so),
  hangs on the end of its limb.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..surface import at_one_place
from ..types import Float32, Float64, Int32, Mesh, Rig

WELD = 1e-5
"""Fraction of the diagonal within which vertices are one."""

TOUCHING = 0.02
"""Fraction of the diagonal: skin of two bones that is nearer than this belongs together."""

APART = 0.03
"""Fraction of the diagonal: skin that is farther away than this does not."""

Tree = dict[int, int]
"""Bone -> its parent in the tree, -1 for a root."""


def solved_tree(mesh: Mesh, rig: Rig) -> tuple[list[int], Float64, list[int]]:
    """Parents (joint indices), joints [J, 3] in world space and the rig's bone of every solved joint, parents first."""
    share = np.zeros((len(mesh.vertices), len(rig.names)), np.float32)
    np.add.at(share, (np.arange(len(share))[:, None], rig.influences), rig.weights)
    weighted = share.sum(0) > 0
    parents, heads = _useful(rig, weighted), rig.heads.astype(float).copy()
    _hang_strays(parents, rig, share, mesh)
    _pass_through(parents, weighted)
    _hang_extra_roots(parents, heads, share, mesh.vertices)
    order: list[int] = []
    left = sorted(parents)
    while left:
        order += [bone for bone in left if parents[bone] < 0 or parents[bone] in order]
        left = [bone for bone in left if bone not in order]
    return [order.index(parents[bone]) if parents[bone] >= 0 else -1 for bone in order], heads[order], order


def _useful(rig: Rig, weighted: np.ndarray) -> Tree:
    """Without bones that neither move skin nor carry one that does."""
    parents = {bone: int(parent) for bone, parent in enumerate(rig.parents)}
    useful = set(np.flatnonzero(weighted).tolist())
    for bone in reversed(range(len(parents))):
        if bone in useful and parents[bone] >= 0:
            useful.add(parents[bone])
    return {bone: parent for bone, parent in parents.items() if bone in useful}


def _pass_through(parents: Tree, weighted: np.ndarray) -> None:
    """Take out bones without skin that have a single child: the child can do all that they do."""
    for bone in list(parents):
        children = _children(parents, bone)
        if not weighted[bone] and len(children) == 1:
            parents[children[0]] = parents.pop(bone)


def _hang_strays(parents: Tree, rig: Rig, share: Float32, mesh: Mesh) -> None:
    """Hang every stray on the end of the limb that its skin touches.

    A bone strays whose skin is apart from that of all its ancestors and touches the last bone of a limb that lies deeper in the tree
    and is longer than what the bone carries itself. It must be able to leave its place in its parent, where the limb takes it along.
    """
    contact = _Contact.of(share, mesh)
    for bone in sorted(contact.skins):
        above = _line(parents, bone)[1:]
        if not above or not rig.loose[bone] or any(contact.gap(bone, ancestor) < APART * mesh.diagonal for ancestor in above):
            continue
        own = [one for one in parents if bone in _line(parents, one)]
        ends = [one for one in contact.skins if one not in own and not _children(parents, one) and _limb_length(parents, one, bone) > len(own)]
        nearest = min(ends, key=lambda one: (-contact.edges[bone, one], contact.gap(bone, one)), default=None)
        if nearest is not None and contact.gap(bone, nearest) < TOUCHING * mesh.diagonal:
            parents[bone] = nearest


def _limb_length(parents: Tree, end: int, bone: int) -> int:
    """Number of bones from `end` up to, and without, what it has in common with `bone`; 0 where `bone` lies as deep."""
    line, other = _line(parents, end), _line(parents, bone)
    return len(set(line) - set(other)) if len(line) > len(other) else 0


@dataclass(frozen=True)
class _Contact:
    """How near the skins of bones are to each other; a vertex is skin of the bone that moves it most.

    skins: their vertices. edges: int32[B, B], edges of the welded mesh between two bones' skins.
    """

    skins: dict[int, cKDTree]
    edges: Int32

    @staticmethod
    def of(share: Float32, mesh: Mesh) -> "_Contact":
        """share: float32[V, B], weights."""
        main = share.argmax(1)
        skins = {int(bone): cKDTree(mesh.vertices[main == bone]) for bone in np.unique(main)}
        first, place = at_one_place(mesh.vertices - mesh.vertices.min(0), WELD * mesh.diagonal)
        corners = main[first][place[mesh.triangles]]
        edges = np.zeros((share.shape[1],) * 2, np.int32)
        for one, other in ((0, 1), (1, 2), (2, 0)):
            np.add.at(edges, (corners[:, one], corners[:, other]), 1)
        return _Contact(skins, edges + edges.T)

    def gap(self, one: int, other: int) -> float:
        """Least distance between two skins, metres: 0 where an edge joins them, infinite where a bone has no skin."""
        if one not in self.skins or other not in self.skins:
            return np.inf
        if self.edges[one, other]:
            return 0.0
        return float(self.skins[other].query(self.skins[one].data)[0].min())


def _line(parents: Tree, bone: int) -> list[int]:
    """The bone and all above it."""
    line = [bone]
    while parents[line[-1]] >= 0:
        line.append(parents[line[-1]])
    return line


def _children(parents: Tree, bone: int) -> list[int]:
    return [child for child, parent in parents.items() if parent == bone]


def _hang_extra_roots(parents: Tree, heads: Float64, share: Float32, vertices: Float32) -> None:
    """Hang every root that shares skin with the largest tree on the bone it shares most with, at the middle of what they share."""
    top = {bone: _line(parents, bone)[-1] for bone in parents}
    roots = sorted(set(top.values()), key=lambda root: -share[:, [bone for bone in top if top[bone] == root]].sum())
    main = [bone for bone in top if top[bone] == roots[0]]
    for root in roots[1:]:
        mine = share[:, [bone for bone in top if top[bone] == root]].sum(1)
        common = np.minimum(share[:, main], mine[:, None])
        best = int(common.sum(0).argmax())
        if common[:, best].sum() > 0:
            parents[root] = main[best]
            heads[root] = (common[:, best, None] * vertices).sum(0) / common[:, best].sum()
