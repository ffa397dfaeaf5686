"""How near the automatic rig comes to the rigs that artists made: joints and bones of the models of the measuring clips.

    python benchmarks/rig.py [--cases NAME ...] [--shared FOLDER] [--write] [--picture FILE.png]

The models are not part of the project; they are looked for in the folder `shared` beside the repository. Needs bpy, to read them.
Without --write the table is only printed; with it, it is written to rig.md.

J2J and B2B are Chamfer distances between the joints, and between points along the bones, of both skeletons: the mean of both
directions, in % of the model's diagonal (Xu et al. 2020, "RigNet", who divide by its longest side). The author's joints outside the
model's bounding box (targets and poles of inverse kinematics) do not count, nor bones marked as not deforming.
"""

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from animamimic.core.rig import build_rig
from animamimic.core.settings import RigSettings
from animamimic.core.types import Mesh
from rig_picture import write_sheet
from scipy.spatial import cKDTree

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "benchmarks" / "rig.md"

MARGIN = 0.02
"""How far outside the bounding box a joint may lie, fraction of the diagonal."""

BONE_SAMPLES = 16


@dataclass(frozen=True)
class Skeleton:
    """heads, tails: float64[B, 3], world space."""

    heads: np.ndarray
    tails: np.ndarray

    @property
    def joints(self) -> np.ndarray:
        """float64[J, 3]: heads and tails, each place once."""
        return np.unique(np.concatenate([self.heads, self.tails]).round(6), axis=0)

    @property
    def starts(self) -> np.ndarray:
        """float64[J, 3]: heads, each place once."""
        return np.unique(self.heads.round(6), axis=0)

    @property
    def points(self) -> np.ndarray:
        """float64[B * 16, 3]: points along the bones."""
        steps = np.linspace(0, 1, BONE_SAMPLES)[:, None, None]
        return (self.heads + steps * (self.tails - self.heads)).reshape(-1, 3)


def main() -> int:
    """Measure every model; 1 where one could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--cases", nargs="+")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--picture", type=Path, help="write a contact sheet of the skeletons inside their meshes")
    options = parser.parse_args()
    cases = options.shared / "cases"
    if not cases.is_dir():
        print(f"skipped: the measuring clips are not in {options.shared}")
        return 0
    names = options.cases or sorted(path.name for path in cases.iterdir() if path.is_dir())
    measured = [measure(cases / name) for name in names]
    text = table([one.row for one in measured])
    print(text)
    if options.picture:
        write_sheet(options.picture, [(one.row[0], one.mesh, (one.ours, one.theirs)) for one in measured])
    if options.write:
        TABLE.write_text(head() + text + "\n" + rest(), encoding="utf-8")
    return 0


@dataclass(frozen=True)
class Measured:
    """row: (name, J2J %, B2B %, our bones, the author's bones, seconds)."""

    row: tuple
    mesh: Mesh
    ours: Skeleton
    theirs: Skeleton


def measure(case: Path) -> Measured:
    """Rig a model and compare."""
    mesh, author = read_mesh(case / "static.blend"), read_author(case / "rigged.blend")
    begun = time.process_time()
    rig = build_rig(mesh, RigSettings())
    seconds = time.process_time() - begun
    ours, theirs = Skeleton(rig.heads, rig.tails), inside(author, mesh)
    scale = 100 / mesh.diagonal
    distances = scale * chamfer(ours.joints, theirs.starts), scale * chamfer(ours.points, theirs.points)
    return Measured((case.name, *distances, len(rig.names), len(theirs.starts), seconds), mesh, ours, theirs)


def chamfer(one: np.ndarray, other: np.ndarray) -> float:
    """The mean distance to the nearest point of the other set, averaged over both directions."""
    return float((cKDTree(one).query(other)[0].mean() + cKDTree(other).query(one)[0].mean()) / 2)


def inside(skeleton: Skeleton, mesh: Mesh) -> Skeleton:
    """The bones whose head lies in the mesh's bounding box."""
    low, high = mesh.vertices.min(0) - MARGIN * mesh.diagonal, mesh.vertices.max(0) + MARGIN * mesh.diagonal
    kept = ((skeleton.heads >= low) & (skeleton.heads <= high)).all(1)
    return Skeleton(skeleton.heads[kept], skeleton.tails[kept])


def read_mesh(path: Path) -> Mesh:
    """The subject of a case, as one mesh in world space."""
    import bpy

    bpy.ops.wm.open_mainfile(filepath=str(path))
    evaluated = bpy.data.objects["Subject"].evaluated_get(bpy.context.evaluated_depsgraph_get())
    data = evaluated.to_mesh()
    data.calc_loop_triangles()
    vertices, triangles = np.empty(3 * len(data.vertices), np.float32), np.empty(3 * len(data.loop_triangles), np.int32)
    data.vertices.foreach_get("co", vertices)
    data.loop_triangles.foreach_get("vertices", triangles)
    matrix = np.array(evaluated.matrix_world)
    world = vertices.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
    return Mesh(world.astype(np.float32), triangles.reshape(-1, 3))


def read_author(path: Path) -> Skeleton:
    """The author's deforming bones at the pose of the first frame, as lines from each bone's head to the heads of its children.

    Files converted from glTF have tails of no meaning, so a bone without children is its head alone.
    """
    import bpy

    bpy.ops.wm.open_mainfile(filepath=str(path))
    heads, tails = [], []
    for armature in (one for one in bpy.data.objects if one.type == "ARMATURE"):
        bones = [bone for bone in armature.pose.bones if bone.bone.use_deform]
        for bone in bones or list(armature.pose.bones):
            children = [child for child in bone.children if not bones or child.bone.use_deform]
            start = armature.matrix_world @ bone.head
            for end in [armature.matrix_world @ child.head for child in children] or [start]:
                heads.append(tuple(start))
                tails.append(tuple(end))
    return Skeleton(np.array(heads), np.array(tails))


def table(rows: list[tuple]) -> str:
    """A Markdown table with the median in its last row."""
    lines = ["| model | J2J % | B2B % | bones | author's bones | seconds |", "|---|---|---|---|---|---|"]
    lines += [f"| {name} | {j2j:.1f} | {b2b:.1f} | {bones} | {theirs} | {seconds:.1f} |" for name, j2j, b2b, bones, theirs, seconds in rows]
    middle = [statistics.median(row[k] for row in rows) for k in range(1, 6)]
    lines.append("| **median** | {:.1f} | {:.1f} | {:.0f} | {:.0f} | {:.1f} |".format(*middle))
    return "\n".join(lines)


def rest() -> str:
    """What stands below the table in rig.md, written by hand: it stays."""
    below = TABLE.read_text(encoding="utf-8").partition("| **median** |")[2] if TABLE.is_file() else ""
    return below.partition("\n")[2]


def head() -> str:
    """What stands above the table in rig.md."""
    return "\n".join(
        [
            "# The automatic rig against the rigs that artists made",
            "",
            "J2J: Chamfer distance between the joints; B2B: between points along the bones; mean of both directions, in % of the model's",
            "diagonal, on the models of the measuring clips. The author's joints outside the bounding box do not count. Bones of the author",
            "end at the bones that hang on them. `seconds` of one processor.",
            "",
            "Made by `python benchmarks/rig.py --write`.",
            "",
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
