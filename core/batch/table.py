"""The table of shots: read from a .csv or .json, and checked whole before anything starts.

Columns: `blend`, `out` and any setting by its name, of which `video` (or `prompt`) is needed; `object` and `camera` by name, as on the command line.
Or `job` alone: a job folder that Blender's queue or `animate --job` wrote, for machines without Blender. Paths are relative to the table.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..drive import AnimateRequest, check_request
from ..errors import AnimaMimicError, InputError
from ..job import JOB_FILE
from ..settings import Declared, Value, declared, from_flat

OWN_COLUMNS = ("blend", "out", "object", "camera", "job")
MOST_SENTENCES = 20
"""Wrong rows that are told before the rest is only counted."""

YES, NO = {"true", "yes", "1", "on"}, {"false", "no", "0", "off"}


@dataclass(frozen=True)
class Shot:
    """One row. Either `request` (a .blend is animated) or `job` (a job folder's engine runs) is there.

    row: its number, 1 for the first below the head. name: unique in the table, stable where rows are added or moved.
    """

    row: int
    name: str
    request: AnimateRequest | None = None
    job: str = ""

    @property
    def target(self) -> str:
        """The path that the shot makes: a .blend, or a job folder with its result."""
        return self.request.out if self.request is not None else self.job


def read_shots(table: Path) -> tuple[Shot, ...]:
    """The rows of a table. Raises InputError with a sentence for every wrong one, by its number."""
    shots: list[Shot] = []
    wrong: list[str] = []
    taken: dict[str, int] = {}
    for row, values in enumerate(_rows(table), 1):
        try:
            shot = _shot(row, values, table.resolve().parent)
            if shot.target in taken:
                raise InputError(f"It writes the same file as row {taken[shot.target]}, {shot.target}.", "Name another.")
            taken[shot.target] = row
            shots.append(shot)
        except AnimaMimicError as error:
            wrong.append(f"Row {row}: {error}")
    if wrong:
        more = [f"{len(wrong) - MOST_SENTENCES} more rows are wrong."] if len(wrong) > MOST_SENTENCES else []
        raise InputError(f"{table} cannot be run, nothing was started.", "\n".join(["", *wrong[:MOST_SENTENCES], *more]))
    if not shots:
        raise InputError(f"{table} holds no shots.", "Write a row for each.")
    return tuple(shots)


def chosen(shots: tuple[Shot, ...], rows: str) -> tuple[Shot, ...]:
    """The shots of some rows, such as "3" or "1-4,7". Raises InputError for what is no row of the table."""
    wanted: set[int] = set()
    for part in rows.split(","):
        first, dash, last = (one.strip() for one in part.partition("-"))
        if not (first.isdecimal() and (last.isdecimal() if dash else True)):
            raise InputError(f"{rows!r} names no rows.", "Write them like 3 or 1-4,7.")
        wanted |= set(range(int(first), int(last or first) + 1))
    if missing := wanted - {one.row for one in shots}:
        raise InputError(f"There is no row {min(missing)}.", f"The table has {len(shots)}.")
    return tuple(one for one in shots if one.row in wanted)


def _rows(table: Path) -> Iterator[Mapping[str, Any]]:
    """What each row gives, without what it leaves empty."""
    try:
        text = table.read_text(encoding="utf-8-sig")
        found = json.loads(text) if table.suffix.lower() == ".json" else list(csv.DictReader(text.splitlines()))
    except OSError as error:
        raise InputError(f"The table {table} cannot be read ({error.strerror}).", "Name a .csv or .json file of shots.") from error
    except ValueError as error:
        raise InputError(f"The table {table} is damaged ({error}).", "Save it again, as UTF-8.") from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InputError(f"{table} is no list of shots.", "Write a list of objects, one a shot.")
    for values in found:
        if None in values:  # what csv makes of values beyond the head's
            yield {"": "more values than columns"}
        else:
            yield {name.strip(): value for name, value in values.items() if value not in (None, "")}


def _shot(row: int, values: Mapping[str, Any], base: Path) -> Shot:
    settings = {one.name: one for one in declared() if one.name != "camera"}
    for name in values:
        if name not in OWN_COLUMNS and name not in settings:
            raise InputError(f"There is no column {name!r}.", f"The columns are {', '.join((*OWN_COLUMNS, *settings))}.")
    if "job" in values:
        return _job_shot(row, values, base)
    sources = [name for name in ("video", "prompt") if name in settings]  # a prompt where this version makes videos itself
    for names in (["blend"], ["out"], sources):
        if not any(name in values for name in names):
            raise InputError(f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} empty.", f"A shot needs blend, out and {' or '.join(sources)}, or else a job folder.")
    given = {name: _typed(settings[name], value, base) for name, value in values.items() if name in settings}
    camera = str(values.get("camera", ""))
    if camera.lower() == "frame":
        given["camera"], camera = "FRAME", ""
    from_flat(given)
    for name in ("video", "mask_video"):
        if name in given and not Path(str(given[name])).exists():
            raise InputError(f"There is no {name.replace('_', ' ')} {given[name]}.", "Correct its path.")
    blend, out = (str(_path(values[name], base)) for name in ("blend", "out"))
    request = AnimateRequest(blend=blend, out=out, object=str(values.get("object", "")), camera=camera, settings=given)
    check_request(request)
    if blend == out:
        raise InputError(f"It would write over its own {blend}.", "Name another file to write.")
    return Shot(row, _name(out), request)


def _job_shot(row: int, values: Mapping[str, Any], base: Path) -> Shot:
    if len(values) > 1:
        raise InputError("A job folder is given, and other columns too.", "The job's settings are in it already: leave the other columns empty.")
    folder = _path(values["job"], base)
    if not (folder / JOB_FILE).is_file():
        raise InputError(f"{folder} is not a job folder.", "Name one that Blender's queue or 'animamimic animate --job' wrote.")
    return Shot(row, _name(str(folder)), job=str(folder))


def _typed(one: Declared, value: Any, base: Path) -> Value:
    """A table's value as the setting's type; what does not fit is left as it is, for `from_flat` to refuse."""
    if one.path:
        return str(_path(value, base))
    if not isinstance(value, str):
        return value
    text = value.strip()
    if one.choices is not None:
        return text.upper()
    if one.type is bool:
        return True if text.lower() in YES else False if text.lower() in NO else text
    try:
        return one.type(text)
    except ValueError:
        return text


def _path(value: Any, base: Path) -> Path:
    return (base / Path(str(value).strip()).expanduser()).resolve()


def _name(target: str) -> str:
    """Readable, and of the target's whole path alone."""
    return f"{Path(target).stem}-{hashlib.blake2b(target.encode(), digest_size=4).hexdigest()}"
