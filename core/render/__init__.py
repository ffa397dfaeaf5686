"""Differentiable rendering: rasterize, interpolate, antialias, texture (the operations of Laine et al. 2020).

    surface = topology(triangles, rest_vertices)          # once a mesh
    raster = rasterize(clip, triangles, height, width)
    image = antialias(interpolate(colours, raster, triangles), raster, clip, triangles, surface)
    image = draw(colours, raster, triangles, surface)     # the same, faster

Three backends, see `backend`: our Warp kernels (CPU and CUDA), plain torch with the same answers, nvdiffrast on CUDA.
"""

from .antialias import antialias, draw, silhouette
from .backends import backend
from .raster import Raster, interpolate, rasterize
from .texture import texture
from .topology import Topology, topology

__all__ = ["Raster", "Topology", "antialias", "backend", "draw", "interpolate", "rasterize", "silhouette", "texture", "topology"]
