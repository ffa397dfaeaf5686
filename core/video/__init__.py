"""Where driving frames come from: decoding, timing, letterboxing, masks; and the films that show the result."""

from .driving_check import check_driving
from .film import side_by_side, write_film
from .first_frame import check_first_frame, subject_coverage
from .load import load_clip

__all__ = ["check_driving", "check_first_frame", "load_clip", "side_by_side", "subject_coverage", "write_film"]
