"""The residual layer: what the surface does beyond its bones, found in a video and told as shape keys."""

from .layer import ResidualReport, fit_residual

__all__ = ["ResidualReport", "fit_residual"]
