"""What the soft-tissue tests ask of the engine: in this Python, or in the engine's where this one lacks torch, as Blender's own does.

    python engine_side.py JOB     # runs it, and leaves what the simulation itself says beside the result
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from animamimic.core import job, pipeline

HERE_TOO = find_spec("torch") is not None
SURFACE_FILE = "surface.npz"


def run(folder):
    """Run a job; the engine's exit code."""
    if HERE_TOO:
        return pipeline.run(folder)
    return subprocess.run([os.environ.get("ANIMAMIMIC_PYTHON", sys.executable), __file__, folder], capture_output=True, timeout=300).returncode


def simulated_surface(folder):
    """float[T, V, 3] twice, of a job that was run: the bones' motion, and what its simulation adds, straight from the cage."""
    if HERE_TOO:
        return _simulated(job.read_request(folder))
    with np.load(folder / SURFACE_FILE) as arrays:
        return arrays["plain"], arrays["soft"]


def _simulated(request):
    from animamimic.core.fit import skin
    from animamimic.core.tissue import soft_body, start_parameters
    from animamimic.core.tissue.cage_motion import move_cage

    settings = request.settings.tissue
    body = soft_body(request.mesh, request.rig, request.motion, request.fps, settings, request.softness)
    course = move_cage(body.motion, body.recipe.material(start_parameters(settings)))
    return skin(request.rig, request.motion).astype(np.float64), body.recipe.cage.at_vertices(course.offsets)


def main(folder):
    """The script above."""
    code = pipeline.run(folder)
    if code == 0:
        plain, soft = _simulated(job.read_request(folder))
        np.savez(folder / SURFACE_FILE, plain=plain, soft=soft)
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
