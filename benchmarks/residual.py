"""The residual layer in figures: a body whose cape no bone reaches, its rendered truth, and what of the surface's error is left.

    python benchmarks/residual.py [--degrees 35 0 70] [--side 192] [--write]

For every camera: the error of the bones alone and with the layer on top, with the bones' true motion, with that which the fit of bones alone
finds in the same film, and with that found beneath the layer, as a run with `--tissue RESIDUAL` or `RESTORED` does; and for the true motion with
the camera going half around the subject. Mean over surface and frames, in % of the diagonal,
in the picture's plane and along the line of sight, of which one picture says little.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests" / "core"))  # the subject and films of the tests

import caped  # noqa: E402
from animamimic.core.fit import OWN_RIG, fit_motion, skin  # noqa: E402
from animamimic.core.residual import fit_residual, settled  # noqa: E402
from animamimic.core.residual.orbit import turned  # noqa: E402
from animamimic.core.settings import FitSettings, ResidualSettings  # noqa: E402

TABLE = ROOT / "benchmarks" / "residual.md"
HEAD = "| camera | bones | layer | whole | cape | cape in the plane | cape in depth | body | CPU s |\n|---|---|---|---|---|---|---|---|---|"
ORBIT = 180.0
CENTRE = np.array([0.0, 0.0, 0.6])


def main() -> int:
    """Print the table, write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--degrees", type=float, nargs="+", default=[35.0, 0.0, 70.0])
    parser.add_argument("--side", type=int, default=192, help="pixels of the film")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    subject = caped.caped()
    rows = [HEAD]
    for degrees in options.degrees:
        rows += table_rows(subject, degrees, options.side)
        print("\n".join(rows[-7:]), flush=True)
    if options.write:
        TABLE.write_text("# The residual layer in figures\n\nMade by `python benchmarks/residual.py --write`, see there.\n\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return 0


def table_rows(subject, degrees, side):
    """What one camera sees."""
    view = caped.camera(side, degrees)
    clip = caped.film(subject, view)
    alone, beneath = fitted(subject, view, clip)
    rows = []
    for name, motion in (("true", subject.motion), ("fitted", alone), ("beneath the layer", beneath)):
        rows.append(row(subject, view, (degrees, name, "no"), skin(subject.rig, motion).astype(float), 0.0))
        points, seconds = with_layer(subject, view, clip, motion, motion)
        rows.append(row(subject, view, (degrees, name, "yes"), points, seconds))
    around = turned(subject.rig, subject.motion, CENTRE, ORBIT)
    seen = caped.film(caped.turned_truth(subject, CENTRE, ORBIT), view)
    points, seconds = with_layer(subject, view, seen, around, subject.motion)
    rows.append(row(subject, view, (f"{degrees:.0f}, half around", "true", "yes"), points, seconds))
    return rows


def fitted(subject, view, clip):
    """The motion that is found for bones alone, and beneath the layer."""
    alone = []

    def settle(solver, poses, smoothness, stop):
        alone.append(solver.problem.motion(poses, np.ones(solver.problem.joints, np.float32)))
        return settled(solver, poses, smoothness, stop, mesh=subject.mesh, settings=ResidualSettings())

    beneath, _ = fit_motion(subject.mesh, subject.rig, view, clip, FitSettings(fit_resolution=view.width), base=OWN_RIG, settle=settle)
    return alone[0], beneath


def with_layer(subject, view, clip, shown, motion):
    """float[T, V, 3] of a motion with the keys that the clip gives on top, and CPU seconds. shown: the motion as the clip shows it."""
    begun = time.process_time()
    tissue, _ = fit_residual(subject.mesh, subject.rig, shown, view, clip, resolution=view.width, settings=ResidualSettings(), max_keys=12)
    seconds = time.process_time() - begun
    return caped.with_keys(subject, tissue, motion), seconds


def row(subject, view, names, got, seconds):
    """One line of the table."""
    off = got - subject.truth
    ray = view.camera_to_world[:3, 2]
    depth = off @ ray
    plane = np.linalg.norm(off - depth[..., None] * ray, axis=2)
    whole, percent, cape = np.linalg.norm(off, axis=2), 100 / subject.mesh.diagonal, subject.cape
    figures = (whole, whole[:, cape], plane[:, cape], np.abs(depth[:, cape]), whole[:, ~cape])
    return "| " + " | ".join([*map(str, names), *(f"{percent * one.mean():.2f}" for one in figures), f"{seconds:.0f}"]) + " |"


if __name__ == "__main__":
    sys.exit(main())
