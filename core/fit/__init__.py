"""From a mesh, a rig and a video to the motion of the bones."""

from .kinematics import bone_transforms, skin
from .motion import FitReport, fit_motion
from .solver import AUTOMATIC_RIG, OWN_RIG, Priors

__all__ = ["AUTOMATIC_RIG", "OWN_RIG", "FitReport", "Priors", "bone_transforms", "fit_motion", "skin"]
