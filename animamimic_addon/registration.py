"""Classes that Blender is to know, added and taken away together."""

from collections.abc import Callable
from typing import Any

import bpy


def registering(*classes: type) -> tuple[Callable[[], None], Callable[[], None]]:
    """The functions `register` and `unregister` of a module with these classes: in this order, and in the reverse."""
    factory: Any = bpy.utils.register_classes_factory  # its stub says that it returns nothing
    made: tuple[Callable[[], None], Callable[[], None]] = factory(classes)
    return made
