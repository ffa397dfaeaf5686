"""The driving video of the sample, shortened: ten frames are enough to see a run."""

import av
from animamimic.core.video.film import write_film

FRAMES, FPS = 10, 12.0


def shorten(source, target):
    """The first frames of a video as another one."""
    with av.open(str(source)) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame, _ in zip(video.decode(video=0), range(FRAMES), strict=False)]
    write_film(target, frames, FPS)
