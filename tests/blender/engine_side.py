"""What the soft-tissue tests ask of the engine: in this Python, or in the engine's where this one lacks torch, as Blender's own does.

    python engine_side.py JOB OUT.npz     # what the simulation itself says about a job
"""

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from animamimic.core import job

HERE_TOO = find_spec("torch") is not None


def run(folder):
    """Run a job; the engine's exit code."""
    if not HERE_TOO:
        return subprocess.run([_engine_python(), "-m", "animamimic", "run", folder], capture_output=True, timeout=300).returncode
    from animamimic.core import pipeline

    return pipeline.run(folder)


def simulated_surface(folder):
    """float[T, V, 3] twice: the bones' motion of a job, and what its simulation adds, straight from the cage."""
    if HERE_TOO:
        return _simulated(job.read_request(folder))
    with tempfile.TemporaryDirectory() as place:
        found = Path(place) / "surface.npz"
        subprocess.run([_engine_python(), __file__, folder, found], check=True, capture_output=True, timeout=300)
        with np.load(found) as arrays:
            return arrays["plain"], arrays["soft"]


def _simulated(request):
    from animamimic.core.fit import skin
    from animamimic.core.tissue import soft_body, start_parameters
    from animamimic.core.tissue.cage_motion import move_cage

    settings = request.settings.tissue
    body = soft_body(request.mesh, request.rig, request.motion, request.fps, settings, request.softness)
    course, cage = move_cage(body.motion, body.recipe.material(start_parameters(settings))), body.recipe.cage
    soft = np.einsum("vk,tvki->tvi", cage.vertex_barycentric, course.offsets[:, cage.vertex_nodes])
    return skin(request.rig, request.motion).astype(np.float64), soft


def _engine_python():
    return os.environ.get("ANIMAMIMIC_PYTHON", sys.executable)


if __name__ == "__main__":
    plain, soft = _simulated(job.read_request(Path(sys.argv[1])))
    np.savez(sys.argv[2], plain=plain, soft=soft)
