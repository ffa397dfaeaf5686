"""Few editable keys from many frames."""

from .bezier import BezierKeys, bezier_through, evaluate
from .choose import choose_keys, reduced

__all__ = ["BezierKeys", "bezier_through", "choose_keys", "evaluate", "reduced"]
