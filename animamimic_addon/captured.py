"""What Blender must remember of a capture to bake its result, as plain data beside the job.

    scene.json, scene.npz   in the job folder, written by `write_captured`

With them a result can be baked later, from the folder alone, into the scene that it came from.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.files import read_arrays, write_arrays, write_text
from ..core.types import Float64, Int32

SCENE_FILE = "scene.json"
ARRAYS_FILE = "scene.npz"
FORMAT = 1


@dataclass(frozen=True)
class CapturedMesh:
    """One mesh object of the subject.

    name: the object's. first, count: its vertices in the job's mesh. modelled: int32[N], where in the job's mesh each vertex of
    the mesh datablock went. world: float64[4, 4], the object's matrix at the start frame, with the kept rig in rest pose.
    """

    name: str
    first: int
    count: int
    modelled: Int32
    world: Float64


@dataclass(frozen=True)
class CapturedCamera:
    """A camera that was made for the capture, to be made again with the result."""

    world: Float64
    clip_start: float
    clip_end: float


@dataclass(frozen=True)
class Captured:
    """The scene as captured.

    subject: what people call it. scene: the scene's name. start_frame: scene frame of the first video frame.
    keep_rig: whether `armature` is the user's own and kept. armature: its name, '' where there was none.
    bones: names of its bones in the job's order. pose: float64[B, 4, 4], their world matrices at the start frame.
    armature_world: float64[4, 4], the armature object's. camera: a new one, or None for the scene's own.
    notes: what the user should know about the capture, one sentence each.
    """

    subject: str
    scene: str
    start_frame: int
    keep_rig: bool
    armature: str
    meshes: tuple[CapturedMesh, ...]
    bones: tuple[str, ...]
    pose: Float64
    armature_world: Float64
    camera: CapturedCamera | None = None
    notes: tuple[str, ...] = ()


def write_captured(folder: Path, captured: Captured) -> None:
    """Write scene.json and scene.npz into the job folder."""
    camera = captured.camera
    head: dict[str, Any] = {
        "format": FORMAT,
        **{name: getattr(captured, name) for name in ("subject", "scene", "start_frame", "keep_rig", "armature", "bones", "notes")},
        "meshes": [{"name": one.name, "first": one.first, "count": one.count} for one in captured.meshes],
        "camera": None if camera is None else {**vars(camera), "world": camera.world.tolist()},
    }
    arrays: dict[str, Any] = {"pose": captured.pose, "armature_world": captured.armature_world}
    for number, one in enumerate(captured.meshes):
        arrays |= {f"{number}.modelled": one.modelled, f"{number}.world": one.world}
    write_arrays(folder / ARRAYS_FILE, arrays)
    write_text(folder / SCENE_FILE, json.dumps(head, indent=1))


def read_captured(folder: Path) -> Captured:
    """Read what `write_captured` wrote. Raises InputError where the folder holds no capture of this format."""
    try:
        head = json.loads((folder / SCENE_FILE).read_text(encoding="utf-8"))
        arrays = read_arrays(folder / ARRAYS_FILE)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} holds no captured scene ({error}).", "Name a job folder that Blender wrote.") from error
    if head.pop("format") != FORMAT:
        raise InputError(f"The scene in {folder} was captured by another version.", "Run the job again from Blender.")
    meshes = tuple(
        CapturedMesh(one["name"], one["first"], one["count"], arrays[f"{number}.modelled"], arrays[f"{number}.world"])
        for number, one in enumerate(head.pop("meshes"))
    )
    camera = head.pop("camera")
    if camera is not None:
        camera = CapturedCamera(**{**camera, "world": np.array(camera["world"])})
    head |= {"bones": tuple(head["bones"]), "notes": tuple(head["notes"])}
    return Captured(meshes=meshes, camera=camera, pose=arrays["pose"], armature_world=arrays["armature_world"], **head)
