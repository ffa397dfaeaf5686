"""Skeleton and skin weights for a mesh that has none."""

from .build import build_rig, weigh_rig

__all__ = ["build_rig", "weigh_rig"]
