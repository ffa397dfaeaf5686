"""The residual layer: what the surface does beyond its bones, found in a video and told as shape keys."""

from .beneath import settled
from .layer import ResidualReport, fit_residual

__all__ = ["ResidualReport", "fit_residual", "settled"]
