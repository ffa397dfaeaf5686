"""Runs in the engine's Python: driving videos for the bar scene of `scenes.py`, good and bad. make_clips.py FOLDER"""

import sys
from pathlib import Path

import numpy as np
import package

package.make_importable()

from animamimic.core.video.film import write_film  # noqa: E402

SIDE = 192
METRE = SIDE // 8  # the camera's picture is 8 m wide
FPS = 24.0


def picture(x=0.0, z=0.0, size=1.0):
    """A dark bar, 1 m x 4 m times `size`, `x` m right of and `z` m above the middle, with a pattern to follow."""
    frame = np.full((SIDE, SIDE, 3), 245, np.uint8)
    width, height = METRE * size, 4 * METRE * size
    left, top = SIDE / 2 + x * METRE - width / 2, SIDE / 2 - z * METRE - height / 2
    left, top, right, bottom = (round(value) for value in (left, top, left + width, top + height))
    frame[top:bottom, left:right] = (60, 90, 160)
    frame[top : (top + bottom) // 2, left:right, 0] = 140
    return frame


def make(folder):
    """good.mp4 moves the bar 1 m to the right, mask.mp4 shows where it stands; the others are bad as their names say."""
    good = [picture(x=0.125 * step) for step in range(9)]
    write_film(folder / "good.mp4", good, FPS)
    standing = (picture() < 245).any(-1, keepdims=True).repeat(3, -1)
    write_film(folder / "mask.mp4", [standing * np.uint8(255)] * 9, FPS)
    write_film(folder / "one-frame.mp4", good[:1], FPS)
    write_film(folder / "one-colour.mp4", [np.full((SIDE, SIDE, 3), 128, np.uint8)] * 5, FPS)
    write_film(folder / "elsewhere.mp4", [picture(x=2.0, z=0.5, size=0.5)] * 5, FPS)
    noise = np.random.default_rng(0)
    write_film(folder / "noise.mp4", [noise.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8) for _ in range(30)], FPS)
    whole = (folder / "noise.mp4").read_bytes()
    (folder / "truncated.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("This is a letter, not a film.\n" * 100)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
