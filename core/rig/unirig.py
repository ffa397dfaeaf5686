"""UniRig's learned skeleton (Zhang et al. 2025, arXiv 2504.12451), where the user has UniRig and its weights.

UniRig has no interface but its programs. Three of them are run one after the other in its folder, in its own environment:

    python -m src.data.extract   subject.obj   -> subject/raw_data.npz
    python run.py                              -> skeleton.fbx, which holds the mesh as well, in a unit cube
    python -m src.data.extract   skeleton.fbx  -> skeleton/raw_data.npz: vertices, joints, tails, parents (None for the root), names

Both boxes around the mesh tell how to come back from the cube. Its shell scripts do the same but install packages on the way.
"""

import logging
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..types import Float64, Int32, Mesh, Progress, Rig
from .bones import roll_axis

log = logging.getLogger(__name__)

RAW_FILE = "raw_data.npz"
EXTRACT, PREDICT = "src/data/extract.py", "run.py"
TASK = "configs/task/quick_inference_skeleton_articulationxl_ar_256.yaml"
EXTRACT_CONFIG = "configs/data/quick_inference.yaml"
FACES = 50_000
"""UniRig's own number of faces for extraction."""

SEED = 12345
"""The seed of its own scripts."""

REMEDY = "Check that folder with UniRig's own example, or leave UniRig empty for the skeleton from the shape."

SHORTEST_BONE = 0.01
"""Fraction of the diagonal; a shorter bone without children is drawn out to it."""


@dataclass(frozen=True)
class RawSkeleton:
    """What UniRig wrote, in its own cube.

    vertices: float64[N, 3], the mesh, decimated. joints, tails: float64[B, 3]. parents: int32[B], -1 for the root. names: B strings.
    """

    vertices: Float64
    joints: Float64
    tails: Float64
    parents: Int32
    names: tuple[str, ...]


def learned_rig(mesh: Mesh, folder: str, python: str, progress: Progress) -> Rig:
    """UniRig's skeleton for `mesh`, without weights. folder: UniRig's. python: its interpreter, '' for the usual places.

    Raises InputError where there is no UniRig, where it fails, or where it gives no skeleton.
    """
    home, interpreter = _home(folder), _interpreter(Path(folder), python)
    with tempfile.TemporaryDirectory(prefix="animamimic-unirig-") as made:
        place = Path(made)
        _write_obj(place / "subject.obj", mesh)
        progress(0.0, "UniRig reads the subject")
        _run(home, interpreter, _extraction(place / "subject.obj", place))
        progress(0.2, "UniRig finds the skeleton")
        _run(home, interpreter, _prediction(place))
        progress(0.9, "reading UniRig's skeleton")
        _run(home, interpreter, _extraction(place / "skeleton.fbx", place))
        raw = read_raw(place / "skeleton" / RAW_FILE)
    return as_rig(mesh, raw)


def read_raw(path: Path) -> RawSkeleton:
    """Read raw_data.npz of UniRig's extraction. Raises InputError where it holds no skeleton."""
    try:
        # Lists with None in them are pickled there; it is the user's own program that wrote the file a moment ago.
        with np.load(path, allow_pickle=True) as file:
            data: dict[str, Any] = {name: file[name][()] for name in ("vertices", "joints", "tails", "parents", "names")}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"UniRig left no skeleton ({error}).", REMEDY) from error
    joints = data["joints"]
    if joints is None or data["parents"] is None or not len(joints):
        raise InputError("UniRig found no bone in the subject.", REMEDY)
    parents = np.array([-1 if parent is None else int(parent) for parent in data["parents"]], np.int32)
    if not (parents < np.arange(len(parents))).all() or not len(parents) == len(joints) == len(data["names"]):
        raise InputError("UniRig's skeleton is not in the order that it promises.", REMEDY)
    return RawSkeleton(
        vertices=np.asarray(data["vertices"], np.float64),
        joints=np.asarray(joints, np.float64),
        tails=np.asarray(joints if data["tails"] is None else data["tails"], np.float64),
        parents=parents,
        names=tuple(str(name) for name in data["names"]),
    )


def as_rig(mesh: Mesh, raw: RawSkeleton) -> Rig:
    """UniRig's skeleton brought back to where the mesh is, without weights; bones without children keep the tails it gave."""
    heads, tails = _back(raw.joints, raw.vertices, mesh), _back(raw.tails, raw.vertices, mesh)
    for bone in range(len(heads)):
        children = heads[raw.parents == bone]
        if len(children) == 1:
            tails[bone] = children[0]
        if np.linalg.norm(tails[bone] - heads[bone]) < SHORTEST_BONE * mesh.diagonal:
            tails[bone] = heads[bone] + SHORTEST_BONE * mesh.diagonal * _onward(heads, raw.parents, bone)
    z_axes = np.array([roll_axis(tail - head) for head, tail in zip(heads, tails, strict=True)])
    return Rig.bare(mesh, raw.names, raw.parents, heads, tails, z_axes)


def _onward(heads: Float64, parents: Int32, bone: int) -> Float64:
    """Unit vector: the way from the parent's joint to this bone's, or up."""
    along = heads[bone] - heads[parents[bone]] if parents[bone] >= 0 else np.zeros(3)
    length = float(np.linalg.norm(along))
    return along / length if length > 0 else np.array([0.0, 0.0, 1.0])


def _back(points: Float64, cube: Float64, mesh: Mesh) -> Float64:
    """Points of UniRig's cube in world space: both boxes around the mesh are the same box."""
    low, high = mesh.vertices.min(0).astype(np.float64), mesh.vertices.max(0).astype(np.float64)
    scale = float(np.linalg.norm(high - low)) / max(float(np.linalg.norm(np.ptp(cube, axis=0))), 1e-12)
    return np.asarray((points - (cube.min(0) + cube.max(0)) / 2) * scale + (low + high) / 2)


def _home(folder: str) -> Path:
    home = Path(folder).expanduser()
    missing = [name for name in (PREDICT, EXTRACT, TASK) if not (home / name).is_file()]
    if missing:
        raise InputError(f"There is no UniRig in {folder} ({missing[0]} is missing).", "Name the folder that UniRig was cloned into, or leave UniRig empty.")
    return home.resolve()


def _interpreter(home: Path, python: str) -> str:
    """Its interpreter: the given one, that of its own environment, or the one called python."""
    own = next((str(one.absolute()) for one in (home / ".venv/bin/python", home / ".venv/Scripts/python.exe") if one.is_file()), None)
    found = shutil.which(python) if python else own or shutil.which("python") or shutil.which("python3")
    if found is None:
        raise InputError(f"There is no Python for UniRig{f' at {python}' if python else ''}.", "Name the one that has what UniRig needs.")
    return found


def _write_obj(path: Path, mesh: Mesh) -> None:
    """The mesh as Wavefront OBJ with Y up, which UniRig's import turns back to Z up."""
    points = mesh.vertices[:, [0, 2, 1]] * np.array([1.0, 1.0, -1.0])
    with path.open("w", encoding="ascii") as file:
        np.savetxt(file, points, fmt="v %.9g %.9g %.9g")
        np.savetxt(file, mesh.triangles + 1, fmt="f %d %d %d")


def _extraction(source: Path, place: Path) -> list[str]:
    wanted = {"config": EXTRACT_CONFIG, "require_suffix": "obj,fbx", "faces_target_count": FACES, "num_runs": 1, "force_override": "true", "id": 0, "time": "animamimic"}
    return ["-m", "src.data.extract", *(f"--{name}={value}" for name, value in wanted.items()), f"--input={source}", f"--output_dir={place}"]


def _prediction(place: Path) -> list[str]:
    return [PREDICT, f"--task={TASK}", f"--seed={SEED}", f"--input={place / 'subject.obj'}", f"--output={place / 'skeleton.fbx'}", f"--npz_dir={place}"]


def _run(home: Path, interpreter: str, arguments: list[str]) -> None:
    """Run one of UniRig's programs in its folder. Its weights are taken from its cache: nothing is downloaded."""
    hidden = {"PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | {"HF_HUB_OFFLINE": "1"}
    try:
        done = subprocess.run([interpreter, *arguments], cwd=home, env=environment, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise InputError(f"UniRig's Python {interpreter} cannot be started ({error}).", REMEDY) from error
    log.info("%s %s\n%s\n%s", interpreter, " ".join(arguments), done.stdout, done.stderr)
    if done.returncode != 0:
        last = " / ".join([line.strip() for line in done.stderr.splitlines() if line.strip()][-1:]) or f"exit code {done.returncode}"
        raise InputError(f"UniRig failed: {last}.", REMEDY)
