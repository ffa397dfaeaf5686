"""Making the driving video: image-to-video models through diffusers, from a folder, the hub's cache, or a hosted service."""

from .kept import Models
from .make import Generated, generate

__all__ = ["Generated", "Models", "generate"]
