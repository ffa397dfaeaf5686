"""Mitsuba 3 on the scene of `raster.py`, which runs this in a process of its own, by a Python that has Mitsuba.

    python benchmarks/raster_mitsuba.py TRIANGLES SIZE INTEGRATOR SECONDS
"""

import sys
import time

import numpy as np
from raster_scene import lumpy_ball, milliseconds

INTEGRATORS = {"direct": {}, "direct_projective": {"sppi": 0}}
"""Mitsuba's ways to a gradient: `direct` knows the surface's inside alone, `direct_projective` also the silhouette (without the shadows'
edges, `sppi`, which this scene's loss does not need and whose guiding did not end within a minute)."""


def mitsuba(vertices: np.ndarray, triangles: np.ndarray, size: int, integrator: str, seconds: float) -> tuple[float, float]:
    """Milliseconds of Mitsuba 3 (LLVM, one thread, 1 sample a pixel), compiling not counted."""
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

    def forward() -> None:
        drjit.eval(mi.render(scene, integrator=method, spp=1))
        drjit.sync_thread()

    def both() -> None:
        drjit.disable_grad(parameters[name])  # forgets the last run's gradient
        drjit.enable_grad(parameters[name])
        parameters.update()
        image = mi.render(scene, parameters, integrator=method, spp=1)
        drjit.backward(drjit.sum(image.array * image.array))
        drjit.eval(drjit.grad(parameters[name]))
        drjit.sync_thread()

    return milliseconds(forward, seconds, time.process_time), milliseconds(both, seconds, time.process_time)


if __name__ == "__main__":
    wanted, pixels, integrator, seconds = sys.argv[1:]
    print(*mitsuba(*lumpy_ball(int(wanted)), int(pixels), integrator, float(seconds)))
