"""Soft tissue in figures: convergence of a beam in time step and cage, materials found again in films, and times.

    python benchmarks/tissue.py [--only beam material speed fit] [--write]

Times are CPU seconds of one thread, so that other programs on the machine count little. Without --write the tables are only printed; with
it, each takes the place of the section of its name in `tissue.md`, whose other sections stay.
"""

import argparse
import re
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests" / "core"))  # the subjects and films of the tests

from animamimic.core.fit import skin  # noqa: E402
from animamimic.core.tissue import SoftBody, draft_resolution, fit_material, soft_body  # noqa: E402
from animamimic.core.tissue.adjoint import material_gradient  # noqa: E402
from animamimic.core.tissue.cage_motion import move_cage  # noqa: E402
from animamimic.core.tissue.elasticity import DENSITY, Elasticity  # noqa: E402
from animamimic.core.tissue.implicit import State, Step, advance  # noqa: E402
from animamimic.core.types import Motion, Rig, TissueParameters  # noqa: E402
from bars import YOUNG, at_rest, bar  # noqa: E402
from log_plot import log_plot, side_by_side  # noqa: E402
from soft_films import film, front_view  # noqa: E402
from soft_subjects import FPS, SETTINGS, column, hinge, motion_of, one_bone  # noqa: E402

TABLE = ROOT / "benchmarks" / "tissue.md"
PLOT = ROOT / "docs" / "convergence.svg"
LENGTH, GRAVITY = 1.0, 0.05


def main() -> int:
    """Print the tables, write them if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=list(PARTS))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    for name in options.only:
        section = PARTS[name]()
        print(section + "\n", flush=True)
        if options.write:
            TABLE.write_text(with_section(TABLE.read_text(encoding="utf-8"), section), encoding="utf-8")
    return 0


def with_section(page: str, section: str) -> str:
    """The page with this section in place of the one of the same heading, or at its end where it has none."""
    heading = section.splitlines()[0]
    parts = [part.rstrip("\n") for part in re.split(r"(?m)^(?=## )", page)]
    places = [number for number, part in enumerate(parts) if part.splitlines()[:1] == [heading]]
    if places:
        parts[places[0]] = section
    else:
        parts.append(section)
    return "\n\n".join(parts) + "\n"


def beam(cells: int) -> tuple[np.ndarray, Elasticity]:
    """A slender clamped beam, `cells` thick, ten times as long, Poisson's ratio 0."""
    nodes, tetrahedra = bar((10 * cells, cells, cells), LENGTH / (10 * cells))
    return nodes, Elasticity(nodes, tetrahedra, YOUNG, nodes[:, 0] > 0, poisson_ratio=0.0)


def tip(nodes: np.ndarray, positions: np.ndarray) -> float:
    """Metres that the free end has moved upwards."""
    return float((positions - nodes)[nodes[:, 0] == LENGTH, 2].mean())


def sag(cells: int) -> float:
    """Metres that the beam hangs down under a little gravity."""
    nodes, body = beam(cells)
    state = at_rest(nodes)
    for _ in range(4):
        state, _ = advance(body, state, nodes, np.tile([0, 0, -GRAVITY], (len(nodes), 1)), Step(1e3, 0.0, 1e-8))
    return -tip(nodes, state.positions)


def swing(steps: int, seconds: float = 0.4) -> float:
    """Where the tip of a beam is some time after gravity is switched on."""
    nodes, body = beam(2)
    state = State(nodes, nodes, nodes)
    for _ in range(steps):
        state, _ = advance(body, state, nodes, np.tile([0, 0, -GRAVITY], (len(nodes), 1)), Step(seconds / steps, 0.0, 1e-10))
    return tip(nodes, state.positions)


def convergence() -> str:
    """The beam's errors as cage and time step become finer."""
    expected = DENSITY * 0.01 * GRAVITY * LENGTH**4 / (8 * YOUNG * 0.1**4 / 12)
    lines = ["## Convergence", "", "A clamped beam ten times as long as thick, stiffness 1e5 Pa, against beam theory; linear tetrahedra promise order 2.", ""]
    cages = [(cells, 100 * (expected / sag(cells) - 1)) for cells in (1, 2, 4)]
    lines += _table(("cells across", "too stiff by %", "order"), cages, float)
    reference = swing(2048)
    rows = [(steps, 100 * abs(swing(steps) / reference - 1)) for steps in (16, 32, 64, 128, 256)]
    lines += ["", "Its tip 0.4 s after gravity is switched on, against 2048 steps; implicit Euler promises order 1.", ""]
    plots = [log_plot("too stiff by %", "cells across", cages, 2), log_plot("error %", "steps in 0.4 s", rows, 1)]
    PLOT.write_text(side_by_side(plots), encoding="utf-8")
    lines += [*_table(("steps", "error %", "order"), rows, float), "", "![Convergence](../docs/convergence.svg)"]
    return "\n".join(lines)


def _table(head, rows, size) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|---|---|---|"]
    for number, (name, error) in enumerate(rows):
        order = ""
        if number:
            before = rows[number - 1]
            order = f"{np.log(before[1] / error) / np.log(size(name) / size(before[0])):.2f}"
        lines.append(f"| {name} | {error:.3g} | {order} |")
    return lines


def bent_column(resolution: float):
    """A column bent back and forth for 49 frames: mesh, rig, motion and its soft body. resolution: the cage's, %."""
    mesh = column(sides=24, rings=40)
    rig, motion = hinge(mesh), motion_of(angles=0.6 * np.sin(np.arange(49) / FPS * 2 * np.pi * 1.5), bones=2, bone=1)
    return mesh, rig, motion, soft_body(mesh, rig, motion, FPS, replace(SETTINGS, tissue_resolution=resolution))


def speed() -> str:
    """Forward and gradient of 49 frames x 2 steps at two sizes."""
    lines = ["## Speed", "", "A column bent back and forth, 49 frames x 2 steps, stiffness 1e5 Pa; the time without the cage's making.", ""]
    lines += ["| tetrahedra | forward s | gradient s | gradient / forward | process peak GB |", "|---|---|---|---|---|"]
    for resolution in (5.2, 3.4):
        *_, body = bent_column(resolution)
        material = body.recipe.material(TissueParameters(np.array([1e5]), 4.0, 0.6))
        begun = time.process_time()
        course = move_cage(body.motion, material)
        forward = time.process_time() - begun
        begun = time.process_time()
        material_gradient(body.motion, material, course, course.offsets)
        gradient = time.process_time() - begun
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        lines.append(f"| {len(material.young)} | {forward:.1f} | {gradient:.1f} | {gradient / forward:.2f} | {peak:.2f} |")
    return "\n".join(lines)


def fit_speed() -> str:
    """How long a whole material fit takes, and what it finds."""
    mesh, rig, motion, body = bent_column(5.2)
    true = TissueParameters(np.array([3e4]), 3.0, 0.6)
    view = front_view(2.4, 256)
    clip = film(mesh, view, filmed_surface(body, rig, motion, true), FPS)
    draft = soft_body(mesh, rig, motion, FPS, replace(SETTINGS, tissue_resolution=draft_resolution(body)))
    lines = ["## Speed of a material fit", "", "The same column, filmed at 256 pixels, from ten times too stiff and twice the damping; the time without the cages' making.", ""]
    begun = time.process_time()
    found = fit_material(body, replace(true, stiffness=10 * true.stiffness, damping=6.0), motion, view, clip, draft=draft)
    seconds = time.process_time() - begun
    lines += ["| tetrahedra | of the draft | CPU s | stiffness off by % | damping (true 3) | px off before | after |", "|---|---|---|---|---|---|---|"]
    error = 100 * (found.parameters.stiffness[0] / true.stiffness[0] - 1)
    counts = f"{len(body.recipe.cage.tetrahedra)} | {len(draft.recipe.cage.tetrahedra)}"
    lines.append(f"| {counts} | {seconds:.0f} | {error:+.1f} | {found.parameters.damping:.2f} | {found.before:.2f} | {found.after:.2f} |")
    return "\n".join(lines)


def filmed_surface(body: SoftBody, rig: Rig, motion: Motion, parameters: TissueParameters) -> np.ndarray:
    """float32[T, V, 3]: the surface with flesh of this material."""
    course = move_cage(body.motion, body.recipe.material(parameters))
    return (skin(rig, motion) + body.recipe.cage.at_vertices(course.offsets)).astype(np.float32)


def subjects():
    """Three subjects and motions: a column shaken at its foot, a slim one that is whirled round, a stout one that hops."""
    time_ = np.arange(19) / FPS
    shaken, hop = np.zeros((len(time_), 3)), np.zeros((len(time_), 3))
    shaken[:, 0] = 0.3 * np.sin(2 * np.pi * 1.5 * time_) * np.minimum(1, 4 * time_)
    hop[:, 2] = 0.3 * np.abs(np.sin(2 * np.pi * 1.2 * time_))
    hop[:, 0] = 0.4 * time_
    tall, slim, stout = column(sides=16, rings=24), column(sides=16, rings=32, radius=0.15), column(sides=20, rings=20, height=0.8, radius=0.4)
    yield "column, foot shaken", tall, one_bone(tall), motion_of(places=shaken), 1.5e5
    yield "slim column, swung", slim, one_bone(slim), motion_of(angles=0.8 * np.sin(2 * np.pi * 1.2 * time_)), 3e5
    yield "stout column, hopping", stout, one_bone(stout), motion_of(places=hop), 3e4


def recovery() -> str:
    """Each subject simulated with a known material, filmed, and fitted from a stiffness ten times off and twice the damping."""
    lines = ["## Materials found again", "", "Filmed at 128 pixels, 19 frames, the bones' motion known; start: stiffness 10 times or a tenth, damping twice the true.", ""]
    lines += ["| subject | true Pa | start | found Pa | error % | damping (true 3) | CPU s |", "|---|---|---|---|---|---|---|"]
    for name, mesh, rig, motion, stiffness in subjects():
        body = soft_body(mesh, rig, motion, FPS, replace(SETTINGS, tissue_resolution=12.0))
        true = TissueParameters(np.array([stiffness]), 3.0, 0.6)
        view = front_view(2.4, 128)
        clip = film(mesh, view, filmed_surface(body, rig, motion, true), FPS)
        for wrong in (10.0, 0.1):
            begun = time.process_time()
            found = fit_material(body, replace(true, stiffness=wrong * true.stiffness, damping=6.0), motion, view, clip).parameters
            error = 100 * (found.stiffness[0] / stiffness - 1)
            lines.append(f"| {name} | {stiffness:.2g} | x {wrong:g} | {found.stiffness[0]:.3g} | {error:+.1f} | {found.damping:.2f} | {time.process_time() - begun:.0f} |")
            print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


PARTS = {"beam": convergence, "material": recovery, "speed": speed, "fit": fit_speed}

if __name__ == "__main__":
    sys.exit(main())
