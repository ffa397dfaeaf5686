"""Reading a driving video: film files through FFmpeg's libraries (PyAV), image sequences through OpenCV.

Pictures come one at a time, so that a long clip never lies in memory as a whole.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from ..errors import InputError
from ..types import UInt8

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")
REMEDY = "Choose a video (mp4, mov, webm, gif) or the first image of a sequence."
LOST_FRAMES = 2
"""Containers may announce this many frames more than they hold without being damaged (edit lists, encoder delay)."""


@dataclass(frozen=True)
class Picture:
    """One decoded frame.

    seconds: when it is shown; of an image sequence its index.
    rgb: uint8[H, W, 3]. alpha: uint8[H, W], or None where the file holds none.
    """

    seconds: float
    rgb: UInt8
    alpha: UInt8 | None


@dataclass(frozen=True)
class Film:
    """An opened driving video.

    path: as given. name: what its owner calls it, for error sentences.
    images: files of the sequence in order; empty for a film file.
    fps: the film's own, 0 for an image sequence, which has none.
    announced: frames that the file says it holds, 0 where it does not say.
    pixel_aspect: width over height of a pixel.
    """

    path: Path
    name: str
    images: tuple[Path, ...]
    fps: float
    announced: int
    pixel_aspect: float


def open_film(path: Path, name: str = "") -> Film:
    """Look at a video's head, or list a sequence's images.

    name: what its owner calls it, where that is not the path's own name: a job folder holds videos under names of its own.

    Raises InputError for a file that is missing, empty or no video, and for a sequence with a hole.
    """
    if not path.exists():
        raise InputError(f"The video {name or path} does not exist.", REMEDY)
    name = name or path.name
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return Film(path, name, images_of(path, name), 0.0, 0, 1.0)
    if path.stat().st_size == 0:
        raise InputError(f"The video {name} is empty (0 bytes).", "Save or download it again.")
    with _container(path, name) as container:
        stream = container.streams.video[0]
        aspect = float(stream.sample_aspect_ratio or 1)
        rate = float(stream.average_rate or stream.guessed_rate or 24)
        return Film(path, name, (), rate, stream.frames or _frames_of_duration(stream, rate), aspect if aspect > 0 else 1.0)


def pictures(film: Film) -> Iterator[Picture]:
    """Decode from the first frame to the last.

    Raises InputError where decoding fails or ends before the announced end; the sentence says how many frames were readable.
    """
    return _images(film) if film.images else _frames(film)


def images_of(path: Path, called: str = "") -> tuple[Path, ...]:
    """The images of a sequence: every one of a folder in natural order, or the given one and those numbered on from it.

    called: what its owner calls it, for the error sentences.
    """
    if path.is_dir():
        found = tuple(sorted((one for one in path.iterdir() if one.suffix.lower() in IMAGE_SUFFIXES), key=_natural))
        if not found:
            raise InputError(f"The folder {called or path} holds no images.", REMEDY)
        return found
    name = re.fullmatch(r"(.*?)(\d+)(\D*)", path.name)
    if name is None:
        return (path,)
    before, first, after = name.group(1), int(name.group(2)), name.group(3)
    numbered: dict[int, Path] = {}
    for one in path.parent.iterdir():
        match = re.fullmatch(re.escape(before) + r"(\d+)" + re.escape(after), one.name)
        if match is not None and int(match.group(1)) >= first:
            numbered[int(match.group(1))] = one
    missing = next(number for number in range(first, first + len(numbered) + 1) if number not in numbered)
    if max(numbered) > missing:
        raise InputError(f"Image {missing} of the sequence {called or path.name} is missing.", "Add it, or give a folder that holds only the images to use.")
    return tuple(numbered[number] for number in sorted(numbered))


def shown_size(path: Path, name: str = "") -> tuple[int, int]:
    """Width and height, in square pixels, at which a film's first frame is shown. Raises InputError where it holds none."""
    film = open_film(path, name)
    first = next(pictures(film), None)
    if first is None:
        raise InputError(f"The video {film.name} holds no frames.", "Save or download it again.")
    height, width = first.rgb.shape[:2]
    return round(width * film.pixel_aspect), height


def read_rgba(path: Path) -> UInt8:
    """A picture file as uint8[H, W, 4], opaque where it holds no alpha. Raises InputError where it cannot be read."""
    if not path.is_file():
        raise InputError(f"The picture {path} does not exist.", REMEDY)
    picture = _read_image(path, 0)
    alpha = np.full(picture.rgb.shape[:2], 255, np.uint8) if picture.alpha is None else picture.alpha
    return np.dstack([picture.rgb, alpha])


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sorts image2 before image10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name.lower()) if part]


def _container(path: Path, called: str) -> Any:
    """The opened file, which has a video stream, or InputError."""
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{called} cannot be read as a video ({error.strerror}).", REMEDY) from error
    # FFmpeg draws any text file as a picture ("tty"): that is no driving video.
    if not container.streams.video or container.format.name == "tty":
        container.close()
        raise InputError(f"{called} is not a video.", REMEDY)
    return container


def _frames_of_duration(stream: Any, rate: float) -> int:
    """Frames announced by the stream's duration where no count is stored (webm writes it as a tag)."""
    if stream.duration is not None and stream.time_base is not None:
        return round(float(stream.duration * stream.time_base) * rate)
    clock = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if clock is None:
        return 0
    hours, minutes, seconds = (float(part) for part in clock.groups())
    return round((hours * 3600 + minutes * 60 + seconds) * rate)


def _frames(film: Film) -> Iterator[Picture]:
    count = 0
    with _container(film.path, film.name) as container:
        stream = container.streams.video[0]
        try:
            for frame in _decoded(container, stream):
                yield _picture(frame, count / film.fps)
                count += 1
        except av.FFmpegError as error:
            raise _damaged(film, count, str(error)) from error
    if count < film.announced - LOST_FRAMES:
        raise _damaged(film, count, "the file ends early")


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Decoded frames. FFmpeg's own VP8 and VP9 decoders drop the alpha that webm stores beside the picture; libvpx keeps it."""
    name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(stream.codec_context.name)
    if name is None or stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) != "1" or name not in av.codecs_available:
        yield from container.decode(stream)
        return
    decoder: Any = av.CodecContext.create(name, "r")
    for packet in container.demux(stream):
        for frame in decoder.decode(packet if packet.size else None):
            if frame.time_base is None:
                frame.time_base = stream.time_base
            yield frame


def _damaged(film: Film, count: int, why: str) -> InputError:
    of = f" of {film.announced}" if film.announced else ""
    return InputError(f"Only {count}{of} frames of {film.name} could be read ({why}).", "The file is damaged or cut off: save or download it again.")


def _picture(frame: Any, expected_seconds: float) -> Picture:
    seconds = expected_seconds if frame.time is None else float(frame.time)
    if any(component.is_alpha for component in frame.format.components) or frame.format.has_palette:
        rgba = frame.to_ndarray(format="rgba")
        rgb, alpha = rgba[..., :3], rgba[..., 3]
    else:
        rgb, alpha = frame.to_ndarray(format="rgb24"), None
    turns = round(getattr(frame, "rotation", 0) / 90) % 4
    if turns:  # Telephones store upright films lying on their side.
        rgb, alpha = np.rot90(rgb, turns), None if alpha is None else np.rot90(alpha, turns)
    return Picture(seconds, np.ascontiguousarray(rgb), None if alpha is None else np.ascontiguousarray(alpha))


def _images(film: Film) -> Iterator[Picture]:
    shape = None
    for index, path in enumerate(film.images):
        picture = _read_image(path, index)
        shape = shape or picture.rgb.shape
        if picture.rgb.shape != shape:
            raise InputError(f"The image {path.name} has another size than the first of its sequence.", "Save every image at one size.")
        yield picture


def _read_image(path: Path, index: int) -> Picture:
    # Not cv2.imread: on Windows it cannot open names beyond ASCII.
    data = np.fromfile(path, np.uint8)
    image: Any = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None:
        raise InputError(f"The image {path.name} cannot be read.", REMEDY)
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.dtype != np.uint8:
        raise InputError(f"The image {path.name} holds {image.dtype} values.", "Save the sequence as 8- or 16-bit PNG.")
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    alpha = np.ascontiguousarray(image[..., 3]) if image.shape[2] == 4 else None
    return Picture(float(index), np.ascontiguousarray(image[..., 2::-1]), alpha)
