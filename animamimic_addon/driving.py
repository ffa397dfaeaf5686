"""Brings the driving video into the job folder: a file as driving.<ext>, an image sequence as the folder driving/."""

import os
import re
import shutil
from pathlib import Path

from ..core.errors import InputError
from .job_folder import unwritable

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}
LINEAR_SUFFIXES = {".exr", ".hdr"}
"""Images without a display's range of colours, which the engine does not read."""


def place_video(source: Path, folder: Path, name: str) -> str:
    """Link or copy `source` into `folder` under `name`; returns the path relative to the folder.

    source: a video, one image of a numbered sequence (the sequence counts from there on), or a folder of images.
    Images keep their names, by which the engine speaks of them. Raises InputError where the source cannot be used, EngineError
    where the folder cannot be written.
    """
    kind = "driving video" if name == "driving" else "mask video"
    if folder.resolve() in source.resolve().parents and source.resolve().relative_to(folder.resolve()).parts[0] == name:
        return name  # the sequence of an earlier run in this very folder
    if not source.exists():
        raise InputError(f"The {kind} {source} does not exist.", "Choose the file again.")
    if source.suffix.lower() in LINEAR_SUFFIXES:
        raise InputError(f"The {kind} {source} is an image with linear colours.", "Save the sequence as PNG or JPEG.")
    images = _sequence(source)
    if images is None:
        target = name + source.suffix.lower()
        place_file(source, folder / target, kind)
        return target
    if not images:
        raise InputError(f"The folder {source} holds no images.", "Choose a video, or a folder of PNG, JPEG or TIFF images.")
    if len(images) < 2:
        raise InputError(f"The {kind} {source} is a single image.", "Choose a video, or the first image of a numbered sequence.")
    try:
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
    except OSError as error:
        raise unwritable(folder, error) from error
    for image in images:
        place_file(image, folder / name / image.name, kind)
    return name


def place_file(source: Path, target: Path, kind: str) -> None:
    """Hard-link `source` as `target`, or copy it where the file system cannot link."""
    try:
        with source.open("rb") as file:
            if not file.read(1):
                raise InputError(f"The {kind} {source} is empty.", "Choose another file.")
    except OSError as error:
        raise InputError(f"The {kind} {source} cannot be read ({error.strerror}).", "Check its permissions.") from error
    try:
        if target.exists() and target.samefile(source):
            return
        target.unlink(missing_ok=True)
        try:
            os.link(source.resolve(), target)
        except OSError:  # another drive, or a file system without links
            shutil.copyfile(source, target)
    except OSError as error:
        raise unwritable(target.parent, error) from error


def _sequence(source: Path) -> list[Path] | None:
    """The images of a sequence, in order; None for a video file. Raises InputError for one with a hole: time would jump there."""
    if source.is_dir():
        return sorted((one for one in source.iterdir() if one.suffix.lower() in IMAGE_SUFFIXES), key=_natural)
    if source.suffix.lower() not in IMAGE_SUFFIXES:
        return None
    parts = re.fullmatch(r"(.*?)(\d+)", source.stem)
    if parts is None:
        return [source]
    pattern = re.compile(re.escape(parts[1]) + r"(\d+)")
    found: dict[int, Path] = {}
    for one in source.parent.iterdir():
        match = pattern.fullmatch(one.stem)
        if match and one.suffix.lower() == source.suffix.lower() and int(match[1]) >= int(parts[2]):
            found[int(match[1])] = one
    numbers = sorted(found)
    missing = next((number for number in range(numbers[0], numbers[-1]) if number not in found), None)
    if missing is not None:
        raise InputError(f"Image {missing} of the sequence {source} is missing.", "Add it, or choose a folder that holds only the images to use.")
    return [found[number] for number in numbers]


def _natural(path: Path) -> tuple[object, ...]:
    """Sort key by which frame10 comes after frame9."""
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"(\d+)", path.name))
