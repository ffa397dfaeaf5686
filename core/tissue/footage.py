"""What the video says about soft motion: outlines, and where visible vertices have gone beyond the bones' motion.

T is the number of frames, V of vertices, n of followed vertices; pictures have `SIDE` pixels along their longer side.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..fit.evidence import Evidence
from ..render import Topology, interpolate, rasterize, silhouette, topology
from ..types import Clip, Float32, Float64, Mesh, View
from ..video.flow import DIS, Follower
from ..video.pictures import sample
from ..workers import each

SIDE = 256
FOLLOWED = 1500
"""About as many vertices are followed by optical flow."""

AGREED = 1.0
"""Pixels by which flow there and back may miss and still count half."""

OUTLIER = 6.0
"""Pixels of a residual from which flow counts as wrong (Geman and McClure's function)."""

LEFT = 1.5
"""Pixels outside the subject from which a target is no part of it."""

BATCH = 16
"""Frames drawn at once."""


@dataclass(frozen=True)
class Footage:
    """The video of one subject, as its flesh is compared with it.

    covered: float32[T, H, W], share of each pixel that is subject. lengths: float32[T], pixels of outline, at least 1.
    world_to_clip: float32[4, 4]. colours: float32[V, 3], 0 to 1, as frame 0 shows them. visible: int64[n], vertices that frame 0 shows.
    targets: float32[T, n, 2], pixels, where the flow says that they are; trust: float32[T, n], 0 to 1.
    flow: how the drawn surface is found in a frame.
    """

    evidence: Evidence
    covered: Tensor
    lengths: Tensor
    triangles: Tensor
    surface: Topology
    world_to_clip: Tensor
    colours: Float32
    visible: np.ndarray
    targets: Float32
    trust: Float32
    flow: Follower

    @staticmethod
    def of(mesh: Mesh, view: View, clip: Clip, flow: Follower = DIS) -> "Footage":
        """Nothing is followed yet."""
        small = view.resized(SIDE)
        evidence = Evidence.of(clip, small.width, small.height)
        triangles = torch.as_tensor(mesh.triangles)
        footage = Footage(
            evidence,
            torch.as_tensor(evidence.coverage).float() / 255,
            torch.tensor([max(1.0, float(len(evidence[frame].outline))) for frame in range(len(evidence))]),
            triangles,
            topology(triangles, mesh.vertices),
            torch.as_tensor(small.world_to_clip, dtype=torch.float32),
            np.zeros((len(mesh.vertices), 3), np.float32),
            np.zeros(0, np.int64),
            np.zeros((len(clip.frames), 0, 2), np.float32),
            np.zeros((len(clip.frames), 0), np.float32),
            flow,
        )
        places = footage._pixels(mesh.vertices[None])[0]
        seen = footage._seen(mesh.vertices)
        step = max(1, len(seen) // FOLLOWED)
        return replace(footage, colours=sample(evidence[0].image, places), visible=seen[::step])

    def followed(self, vertices: Float32) -> "Footage":
        """With optical flow from the drawing of an estimate, float32[T, V, 3] world space, to each frame."""
        found = each(lambda frame: self._follow(frame, vertices[frame]), range(len(vertices)))
        targets, trust = (np.array(part, np.float32) for part in zip(*found, strict=True))
        return replace(self, targets=targets, trust=trust)

    def difference(self, vertices: Float32) -> tuple[float, Float64]:
        """How badly a motion float32[T, V, 3] explains the video: squared pixels, the mean over the points, summed over the frames.

        Returns it and its derivative float64[T, V, 3].
        """
        parts = each(lambda first: self._difference(vertices, first), range(0, len(vertices), BATCH))
        totals, gradients = zip(*parts, strict=True)
        return sum(totals), np.concatenate(gradients).astype(np.float64)

    def _difference(self, vertices: Float32, first: int) -> tuple[float, Float32]:
        """The same of a batch of frames from `first` on."""
        part = torch.as_tensor(vertices[first : first + BATCH]).requires_grad_()
        clip = torch.nn.functional.pad(part, (0, 1), value=1.0) @ self.world_to_clip.T
        loss = self._outline_loss(clip, first) + self._flow_loss(clip, first)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach()), part.grad.numpy()  # type: ignore[union-attr]

    def _outline_loss(self, clip: Tensor, first: int) -> Tensor:
        """Squared difference of the coverage over the length of the outline."""
        chosen = slice(first, first + len(clip))
        wanted = self.covered[chosen]
        drawn = silhouette(clip, self.triangles, self.surface, *wanted.shape[1:])
        return (((drawn - wanted) ** 2).sum(dim=(1, 2)) / self.lengths[chosen]).sum()

    def _flow_loss(self, clip: Tensor, first: int) -> Tensor:
        """Robust squared distance of the followed vertices from where the flow puts them."""
        chosen = slice(first, first + len(clip))
        trust, targets = torch.as_tensor(self.trust[chosen]), torch.as_tensor(self.targets[chosen])
        if trust.shape[1] == 0:
            return clip.sum() * 0.0
        squared = ((self._screen(clip[:, self.visible]) - targets) ** 2).sum(-1)
        robust = squared / (1 + squared / OUTLIER**2)
        return ((robust * trust).sum(1) / trust.sum(1).clamp(min=0.1 * trust.shape[1])).sum()

    def _screen(self, clip: Tensor) -> Tensor:
        """Pixels [..., 2] (x, y) of clip-space positions [..., 4]."""
        height, width = self.evidence.coverage.shape[1:]
        return torch.stack([0.5 * width * (1 + clip[..., 0] / clip[..., 3]), 0.5 * height * (1 - clip[..., 1] / clip[..., 3])], -1)

    def _clip_space(self, points: Float32) -> Tensor:
        return torch.nn.functional.pad(torch.as_tensor(points, dtype=torch.float32), (0, 1), value=1.0) @ self.world_to_clip.T

    def _pixels(self, points: Float32) -> Float32:
        return self._screen(self._clip_space(points)).numpy()

    def _seen(self, points: Float32) -> np.ndarray:
        """int64[n]: vertices of triangles that the camera sees."""
        height, width = self.evidence.coverage.shape[1:]
        ids = rasterize(self._clip_space(points[None]), self.triangles, height, width).triangle_ids
        return np.unique(self.triangles[ids[ids >= 0].long()].numpy())

    def _follow(self, frame: int, points: Float32) -> tuple[Float32, Float32]:
        """Where flow puts the followed vertices, float32[n, 2], pixels, and how far it is trusted, float32[n]. points: float32[V, 3], the estimate."""
        ready, start = self.evidence[frame], self._pixels(points[None, self.visible])[0]
        followed = self.flow.follow(self._drawing(frame, points), ready.image, start)
        target = start + followed.moved
        shown = np.isin(self.visible, self._seen(points)) & (sample(ready.distance, target) < LEFT)
        trust = shown * followed.shown / (1 + (followed.missed / AGREED) ** 2)
        return target, trust.astype(np.float32)

    def _drawing(self, frame: int, points: Float32) -> Float32:
        """float32[H, W, 3]: the subject with the colours of frame 0 before the frame's own surroundings."""
        background = self.evidence[frame].background
        height, width = background.shape[:2]
        raster = rasterize(self._clip_space(points[None]), self.triangles, height, width)
        drawn = interpolate(torch.as_tensor(self.colours), raster, self.triangles)[0].numpy()
        return np.where(raster.covered[0].numpy()[..., None], drawn, background).astype(np.float32)
