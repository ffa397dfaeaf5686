"""A camera for a subject that has none."""

import numpy as np

from .camera import frame_subject
from .datablocks import CameraObject, Context
from .evaluated import evaluated_mesh, triangle_array, world_vertices
from .readiness import chosen_subject
from .subject import check_meshes


def frame_selected(context: Context) -> CameraObject:
    """Add a camera that holds all of the selected subject as it stands now, and make it the scene's.

    Raises InputError where there is nothing to look at.
    """
    subject = chosen_subject(context)
    depsgraph = context.evaluated_depsgraph_get()
    vertices = []
    for one in subject.meshes:
        with evaluated_mesh(one, depsgraph) as (evaluated, mesh):
            found = world_vertices(evaluated, mesh)
            check_meshes(subject, found, triangle_array(mesh, False))
            vertices.append(found)
    camera = frame_subject(context.scene, np.concatenate(vertices))
    context.scene.camera = camera
    return camera
