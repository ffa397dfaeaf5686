"""What a video said about a character's flesh, kept with its meshes: baking again simulates the same flesh on other motion."""

from collections.abc import Iterable

import numpy as np

from ..core.types import Tissue, TissueParameters
from .datablocks import MeshObject
from .results import MeshRecord, mesh_record


def remember(record: MeshRecord, tissue: Tissue) -> None:
    """Tell the record of a mesh what was fitted; a run that fitted nothing leaves what an earlier one found."""
    if tissue.fitted is not None:
        record.fitted = {"stiffness": tissue.fitted.stiffness.tolist(), "damping": tissue.fitted.damping, "free_depth": tissue.fitted.free_depth}


def remembered(meshes: Iterable[MeshObject]) -> TissueParameters | None:
    """What the last fit found for any of the meshes, None where there was none."""
    for mesh in meshes:
        record = mesh_record(mesh)
        if record is not None and record.fitted:
            return TissueParameters(np.array(record.fitted["stiffness"], np.float64), record.fitted["damping"], record.fitted["free_depth"])
    return None
