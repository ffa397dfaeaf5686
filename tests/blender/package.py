"""Makes the checkout importable as `animamimic` in a Python where it is not installed: one that holds bpy and pytest alone."""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def make_importable():
    """What the command line does when it is started by its path."""
    if importlib.util.find_spec("animamimic") is not None:
        return
    spec = importlib.util.spec_from_file_location("animamimic", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    module = importlib.util.module_from_spec(spec)
    sys.modules["animamimic"] = module
    spec.loader.exec_module(module)
