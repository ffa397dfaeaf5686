"""Soft tissue: what the flesh does beyond the bones, as shape keys."""

from .softbody import TissueReport, simulate

__all__ = ["TissueReport", "simulate"]
