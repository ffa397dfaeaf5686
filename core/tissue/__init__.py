"""Soft tissue: what the flesh does beyond the bones, as shape keys."""

from .material import start_parameters
from .material_fit import MaterialFit, fit_material
from .softbody import SoftBody, TissueReport, bake, simulate, soft_body

__all__ = ["MaterialFit", "SoftBody", "TissueReport", "bake", "fit_material", "simulate", "soft_body", "start_parameters"]
