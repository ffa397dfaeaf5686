"""Few editable keys from many frames."""

from .bezier import BezierKeys, bezier_through, evaluate
from .choose import choose_keys, choose_tissue_keys, reduced

__all__ = ["BezierKeys", "bezier_through", "choose_keys", "choose_tissue_keys", "evaluate", "reduced"]
