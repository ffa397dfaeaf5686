"""What a video says about the handles: the fit's own objectives, carried on to offsets at rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
import torch

from ..fit.compare import error_map
from ..fit.look import Drawing, Look
from ..fit.observe import Observation, Observer, Places
from ..types import Float64
from .carrier import Carrier
from .handles import Handles

Looks = Callable[[int], Look]
"""How the subject looks in a frame: the camera of that frame, and the colours that it is drawn with."""


@dataclass(frozen=True)
class Film:
    """A video that the surface is compared with. looks: one for every frame; the same for all where the camera stands still."""

    observer: Observer
    looks: Looks

    def __len__(self) -> int:
        return len(self.observer.evidence)


@dataclass(frozen=True)
class Chunk:
    """Some frames under comparison. bare: float64[T, W, 3], the vertices by the bones alone. linear: see `Carrier.linear`."""

    frames: Sequence[int]
    looks: Sequence[Look]
    bare: Float64
    linear: Float64
    observation: Observation


@dataclass(frozen=True)
class Evidence:
    """Gathers the normal equations. weights: of the welded vertices, sparse [W, K]."""

    film: Film
    carrier: Carrier
    handles: Handles
    weights: sparse.csr_matrix

    @staticmethod
    def of(film: Film, carrier: Carrier, handles: Handles) -> "Evidence":
        """Of a film, for a subject and what its bones do."""
        return Evidence(film, carrier, handles, handles.weights[carrier.problem.kept])

    def look_at(self, frames: Sequence[int], offsets: Float64, level: int) -> Chunk:
        """Draw frames with the offsets float64[T, K, 3] that they have, and choose what to compare. level: of the blur pyramid."""
        bare, linear = self.carrier.points(frames), self.carrier.linear(frames)
        looks = [self.film.looks(frame) for frame in frames]
        drawings = _drawn(looks, self._moved(bare, linear, offsets))
        return Chunk(frames, looks, bare, linear, self.film.observer.observe(frames, drawings, level, flow=True))

    def error(self, offsets: Float64) -> float:
        """How badly the film is explained with the offsets float64[T, K, 3] on top of the bones, see `fit.compare.error_map`."""
        total = 0.0
        for frame, one in enumerate(offsets):
            moved = self._moved(self.carrier.points([frame]), self.carrier.linear([frame]), one[None])
            (drawing,) = _drawn([self.film.looks(frame)], moved)
            total += float(error_map(self.film.observer.evidence[frame], drawing).sum())
        return total

    def equations(self, chunk: Chunk, offsets: Float64) -> tuple[Float64, Float64]:
        """Hessian float64[T, 3 K, 3 K] and gradient float64[T, 3 K] of the picture's cost by the offsets."""
        size = 3 * len(self.handles)
        hessian, gradient = np.zeros((len(offsets), size, size)), np.zeros((len(offsets), size))
        moved = self._moved(chunk.bare, chunk.linear, offsets)
        seen = chunk.observation
        for places, objectives in ((seen.surface, seen.surface_objectives), (seen.rim, seen.rim_objectives)):
            positions, slopes, mixtures = zip(*(self._seen(chunk, places, moved, item) for item in range(len(offsets))), strict=True)
            models = [objective.quadratic(np.stack(positions)) for objective in objectives]
            for item, (slope, mixture) in enumerate(zip(slopes, mixtures, strict=True)):
                information = sum(model.information[item] for model in models)
                pull = sum(model.gradient[item] for model in models)
                hessian[item] += blocks(mixture, slope.transpose(0, 2, 1) @ information @ slope)
                gradient[item] += (mixture.T @ np.einsum("nij,ni->nj", slope, pull)).ravel()
        return hessian, gradient

    def _moved(self, bare: Float64, linear: Float64, offsets: Float64) -> Float64:
        at_rest = np.stack([self.weights @ one for one in offsets])
        return bare + np.einsum("twij,twj->twi", linear, at_rest)

    def _seen(self, chunk: Chunk, places: Places, moved: Float64, item: int) -> tuple[Float64, Float64, sparse.csr_matrix]:
        """Points [N, 2] on the picture, how they move with an offset at rest [N, 2, 3], and with which handles, sparse [N, K]."""
        corners, mix = places.corners[item].numpy(), places.mix[item].numpy().astype(np.float64)
        points = np.einsum("nk,nkj->nj", mix, moved[item][corners])
        linear = np.einsum("nk,nkij->nij", mix, chunk.linear[item][corners])
        positions, rows = chunk.looks[item].project(torch.from_numpy(points))
        return positions, rows.numpy() @ linear, self.mixture(places, item)

    def mixture(self, places: Places, item: int) -> sparse.csr_matrix:
        """[N, K]: how much each handle moves each of an item's points on the surface."""
        corners, mix = places.corners[item].numpy(), places.mix[item].numpy().astype(np.float64)
        starts = np.arange(0, 3 * len(corners) + 1, 3)
        return sparse.csr_matrix((mix.ravel(), corners.ravel(), starts), (len(corners), self.weights.shape[0])) @ self.weights


def _drawn(looks: Sequence[Look], moved: Float64) -> list[Drawing]:
    """The vertices float64[T, W, 3], each frame's by its own look."""
    return [look.draw_points(points[None])[0] for look, points in zip(looks, moved, strict=True)]


def blocks(mixture: sparse.csr_matrix, information: Float64) -> Float64:
    """float64[3 K, 3 K]: information [N, 3, 3] about points, as information about the handles that move them."""
    count = mixture.shape[1]
    result = np.zeros((count, 3, count, 3))
    for row in range(3):
        for column in range(row, 3):
            block = (mixture.T @ sparse.diags(information[:, row, column]) @ mixture).toarray()
            result[:, row, :, column] = block
            result[:, column, :, row] = block
    return result.reshape(3 * count, 3 * count)
