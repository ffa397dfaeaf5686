"""From a mesh, a rig and a video to the motion of the bones."""

from .kinematics import bone_transforms, skin
from .motion import FitReport, fit_motion

__all__ = ["FitReport", "bone_transforms", "fit_motion", "skin"]
