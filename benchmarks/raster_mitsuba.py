"""Mitsuba 3 on the scene of `raster.py`, which runs this in a process of its own, by a Python that has Mitsuba.

    python benchmarks/raster_mitsuba.py TRIANGLES SIZE INTEGRATOR

Answers each line of the standard input, the name of one of `WORKS`, by the milliseconds of one run. It stays for as long as it is asked, so that its
runs can take turns with others'.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
from raster_scene import lumpy_ball, timed

INTEGRATORS = {"direct": {}, "direct_projective": {"sppi": 0}}
"""Mitsuba's ways to a gradient: `direct` knows the surface's inside alone, `direct_projective` also the silhouette (without the shadows'
edges, `sppi`, which this scene's loss does not need and whose guiding did not end within a minute)."""
WORKS = ("forward", "both", "with loss")
"""The picture; the positions' gradient from a given one of the picture, which is computed too; the same from a sum of squares."""


def mitsuba(vertices: np.ndarray, triangles: np.ndarray, size: int, integrator: str) -> dict[str, Callable[[], None]]:
    """The works, by Mitsuba 3 (LLVM, one thread, 1 sample a pixel)."""
    import drjit
    import mitsuba as mi

    mi.set_variant("llvm_ad_rgb")
    mi.set_log_level(mi.LogLevel.Error)  # a warning leaves colour codes in the output
    drjit.set_thread_count(1)
    mesh = mi.Mesh("ball", len(vertices), len(triangles))
    values = mi.traverse(mesh)
    values["vertex_positions"] = vertices.ravel()
    values["faces"] = triangles.ravel()
    values.update()
    film = {"type": "hdrfilm", "width": size, "height": size, "rfilter": {"type": "box"}}
    camera = {"type": "perspective", "fov": 43.6, "to_world": mi.ScalarTransform4f().look_at([0, 0, 5], [0, 0, 0], [0, 1, 0]), "film": film}
    scene = mi.load_dict({"type": "scene", "mesh": mesh, "sensor": camera, "light": {"type": "constant"}})
    parameters = mi.traverse(scene)
    name = next(key for key in parameters.keys() if key.endswith("vertex_positions"))  # noqa: SIM118 (not a dict)
    method = mi.load_dict({"type": integrator, **INTEGRATORS[integrator]})
    given = mi.Float(np.random.default_rng(0).standard_normal(size * size * 3).astype(np.float32))
    drjit.eval(given)

    def forward() -> None:
        drjit.eval(mi.render(scene, integrator=method, spp=1))
        drjit.sync_thread()

    def backward(loss: Callable[[object], object]) -> None:
        drjit.disable_grad(parameters[name])  # forgets the last run's gradient
        drjit.enable_grad(parameters[name])
        parameters.update()
        image = mi.render(scene, parameters, integrator=method, spp=1).array
        drjit.eval(image)  # else a loss that is linear in it would leave it out
        drjit.backward(drjit.sum(loss(image)))
        drjit.eval(drjit.grad(parameters[name]))
        drjit.sync_thread()

    works = (forward, lambda: backward(lambda image: image * given), lambda: backward(lambda image: image * image))
    return dict(zip(WORKS, works, strict=True))


if __name__ == "__main__":
    count, pixels, integrator = sys.argv[1:]
    works = mitsuba(*lumpy_ball(int(count)), int(pixels), integrator)
    turns = {name: timed(work, time.process_time) for name, work in works.items()}
    for line in sys.stdin:
        print(turns[line.strip()](), flush=True)
