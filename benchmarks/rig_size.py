"""What a rig costs as the mesh grows: seconds and memory of `build_rig` on one subject with more and more triangles.

    python benchmarks/rig_size.py [--triangles 10000 500000 1000000] [--unwelded] [--shared FOLDER]

The subject is the first model of the measuring clips, or a made tube without them, subdivided. Each size runs in a process of its own.
Prints a Markdown table.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import made_jobs
import numpy as np
from animamimic.core.rig import build_rig
from animamimic.core.settings import RigSettings
from animamimic.core.types import Mesh

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--triangles", type=int, nargs="+", default=[10_000, 500_000, 1_000_000])
    parser.add_argument("--unwelded", action="store_true", help="give each triangle vertices of its own")
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--one", type=int, help="measure this size in this process and print it as JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(subject(options.shared, options.one, options.unwelded))))
        return 0
    print("| triangles | vertices | processor seconds | seconds | peak MB | bones |\n|---|---|---|---|---|---|")
    for count in options.triangles:
        command = [sys.executable, __file__, "--one", str(count), "--shared", str(options.shared), *(["--unwelded"] if options.unwelded else [])]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        row = json.loads(done.stdout.splitlines()[-1])
        print("| {triangles:,} | {vertices:,} | {cpu:.1f} | {wall:.1f} | {peak:.0f} | {bones} |".format(**row), flush=True)
    return 0


def measure(mesh: Mesh) -> dict[str, float]:
    """One size in this process. peak: megabytes of the whole process."""
    begun, cpu = time.perf_counter(), time.process_time()
    rig = build_rig(mesh, RigSettings())
    return {
        "triangles": len(mesh.triangles),
        "vertices": len(mesh.vertices),
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - begun,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "bones": len(rig.names),
    }


def subject(shared: Path, triangles: int, unwelded: bool) -> Mesh:
    """A subject of at least so many triangles."""
    cases = sorted((shared / "cases").iterdir()) if (shared / "cases").is_dir() else []
    if cases:
        with np.load(cases[0] / "truth.npz") as truth:
            mesh = Mesh(truth["vertices"][0].astype(np.float32), truth["triangles"].astype(np.int32))
    else:
        mesh = made_jobs.tube(5000)
    while len(mesh.triangles) < triangles:
        mesh = subdivided(mesh, -(-(triangles - len(mesh.triangles)) // 3))
    if unwelded:
        mesh = Mesh(mesh.vertices[mesh.triangles].reshape(-1, 3), np.arange(mesh.triangles.size, dtype=np.int32).reshape(-1, 3))
    return mesh


def subdivided(mesh: Mesh, most: int) -> Mesh:
    """The mesh with its `most` first triangles cut in four."""
    cut, kept = mesh.triangles[:most], mesh.triangles[most:]
    edges = np.sort(cut[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    pairs, place = np.unique(edges, axis=0, return_inverse=True)
    middle = place.reshape(-1, 3) + len(mesh.vertices)
    a, b, c = cut.T
    ab, bc, ca = middle.T
    fine = np.concatenate([np.stack(one, 1) for one in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    vertices = np.concatenate([mesh.vertices, mesh.vertices[pairs].mean(1, dtype=np.float32)])
    return Mesh(vertices, np.concatenate([fine, kept]).astype(np.int32))


if __name__ == "__main__":
    sys.exit(main())
