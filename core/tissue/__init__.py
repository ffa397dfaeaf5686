"""Soft tissue: what the flesh does beyond the bones, as shape keys."""

from .material import for_regions, start_parameters
from .material_fit import MaterialFit, draft_resolution, fit_material
from .softbody import SoftBody, TissueReport, bake, no_flesh, simulate, soft_body

__all__ = ["MaterialFit", "SoftBody", "TissueReport", "bake", "draft_resolution", "fit_material", "for_regions", "no_flesh", "simulate", "soft_body", "start_parameters"]
