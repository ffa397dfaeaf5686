"""The scene's camera as the engine sees it, and a new camera that holds the subject."""

import math

import bpy
import numpy as np
from mathutils import Matrix

from ..core.errors import InputError
from ..core.types import Float64, View
from .datablocks import CameraObject, Scene

NEW_CAMERA = "AnimaMimic Camera"
LENS, SENSOR = 50.0, 36.0
"""Of the new camera, millimetres."""

AZIMUTH, ELEVATION = math.radians(35.0), math.radians(12.0)
"""Where the new camera stands: to the side of the front (Blender's front view looks along +Y) and a little above, so that
left and right limbs do not hide each other."""

FILL = 0.6
"""How much of the picture the still subject fills: the rest is room to move."""

TOUCH_REMEDY = "Move the camera so that it sees the subject, or set Camera to Frame the Subject."


def view_of(scene: Scene, camera: CameraObject | None, depsgraph: bpy.types.Depsgraph) -> View:
    """The picture that `camera` takes with the scene's render size, exactly as Blender renders it.

    Perspective and orthographic; lens, sensor fit, shift, clipping, pixel aspect and resolution percentage are all in it.
    Raises InputError where there is no camera, or one whose picture is not flat.
    """
    if camera is None or camera.type != "CAMERA":
        raise InputError("The scene has no camera.", "Add one that sees the subject, or set Camera to Frame the Subject.")
    data = camera.data
    if data.type not in {"PERSP", "ORTHO"}:
        raise InputError(f"The camera '{camera.name}' is panoramic.", "Set its lens to Perspective or Orthographic.")
    render = scene.render
    width, height = (max(1, int(side * render.resolution_percentage / 100)) for side in (render.resolution_x, render.resolution_y))
    projection = camera.calc_matrix_camera(
        depsgraph, x=width, y=height, scale_x=render.pixel_aspect_x, scale_y=render.pixel_aspect_y
    )
    world = camera.evaluated_get(depsgraph).matrix_world.normalized()  # Blender's cameras know no scale
    return View(width, height, np.array(world, np.float64), np.array(projection, np.float64))


def check_in_view(name: str, vertices: np.ndarray, view: View) -> None:
    """Raise InputError unless the camera sees at least one vertex [V, 3] of the subject called `name`."""
    clip = vertices.astype(np.float64) @ view.world_to_clip[:, :3].T + view.world_to_clip[:, 3]
    in_front = clip[:, 2] > -clip[:, 3]
    if not in_front.any():
        raise InputError(f"'{name}' is behind the camera.", TOUCH_REMEDY)
    if not (in_front & (np.abs(clip[:, :2]) < clip[:, 3:]).all(axis=1)).any():
        raise InputError(f"'{name}' is outside the camera's picture.", TOUCH_REMEDY)


def frame_subject(scene: Scene, vertices: np.ndarray) -> CameraObject:
    """Add a 50 mm camera to the scene that looks at the vertices [V, 3] and holds all of them, with room to move.

    The scene's active camera stays what it is.
    """
    backward = np.array([math.sin(AZIMUTH) * math.cos(ELEVATION), -math.cos(AZIMUTH) * math.cos(ELEVATION), math.sin(ELEVATION)])
    right = np.array([math.cos(AZIMUTH), math.sin(AZIMUTH), 0.0])
    axes = np.stack([right, np.cross(backward, right), backward], axis=1)
    half = _half_extents(scene) * FILL
    centre, distance = _stand_off(vertices.astype(np.float64), axes, half)
    world = np.eye(4)
    world[:3, :3], world[:3, 3] = axes, centre + backward * distance
    return add_camera(scene, world, distance / 1000.0, distance * 10.0)


def add_camera(scene: Scene, world: Float64, clip_start: float, clip_end: float) -> CameraObject:
    """Add a perspective camera of `LENS` and `SENSOR` with world matrix [4, 4] to the scene."""
    data = bpy.data.cameras.new(NEW_CAMERA)
    data.lens, data.sensor_width, data.sensor_fit = LENS, SENSOR, "AUTO"
    data.clip_start, data.clip_end = clip_start, clip_end
    camera: CameraObject = bpy.data.objects.new(NEW_CAMERA, data)
    scene.collection.objects.link(camera)
    camera.matrix_world = Matrix(world.tolist())
    return camera


def _half_extents(scene: Scene) -> Float64:
    """Half the picture's width and height at distance 1, sensor fit AUTO."""
    render = scene.render
    sides = np.array([render.resolution_x * render.pixel_aspect_x, render.resolution_y * render.pixel_aspect_y], np.float64)
    return 0.5 * SENSOR / LENS * sides / sides.max()


def _stand_off(vertices: Float64, axes: Float64, half: Float64) -> tuple[Float64, float]:
    """Where to look and from how far, so that the projected bounds are centred and just reach `half`."""
    centre = 0.5 * (vertices.min(axis=0) + vertices.max(axis=0))
    local = (vertices - centre) @ axes
    distance = 0.0
    for _ in range(3):  # centring the projection changes the distance needed; converges fast
        distance = float((np.abs(local[:, :2]) / half + local[:, 2:]).max())
        projected = local[:, :2] / (distance - local[:, 2:])
        shift = 0.5 * (projected.min(axis=0) + projected.max(axis=0)) * distance
        local[:, :2] -= shift
        centre = centre + axes[:, :2] @ shift
    return centre, max(distance, float((np.abs(local[:, :2]) / half + local[:, 2:]).max()))
