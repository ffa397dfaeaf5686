"""Differentiable rendering: rasterize, interpolate, antialias, texture (the operations of Laine et al. 2020)."""

from .backends import backend
from .raster import Raster, interpolate, rasterize

__all__ = ["Raster", "backend", "interpolate", "rasterize"]
