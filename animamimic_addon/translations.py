"""The interface in other languages. Labels and tooltips are looked up by Blender; what has blanks or is chosen by our own code, by
`sentence` and `tooltip`. What the engine says, errors among it, stays English: job folders travel.
"""

from typing import Any

import bpy

from ..core.settings import declared
from . import ROOT_PACKAGE
from .german.settings import CHOICES, SETTINGS
from .german.texts import BUTTONS, LABELS, TOOLTIPS
from .properties import choice_title

ANY = "*"
"""Blender's name for the default context."""

OPERATOR = "Operator"
"""The context of buttons' names."""

Messages = dict[tuple[str, str], str]
"""(context, English) -> German."""


def sentence(text: str, **values: Any) -> str:
    """A sentence in the interface's language, with its blanks filled in."""
    translations: Any = bpy.app.translations
    return str(translations.pgettext_iface(text)).format(**values)


def tooltip(text: str) -> str:
    """A tooltip that our own code chooses, in the interface's language."""
    translations: Any = bpy.app.translations
    return str(translations.pgettext_tip(text))


def german() -> Messages:
    """All that the interface says, in German."""
    texts = {(ANY, english): text for english, text in (*LABELS.items(), *TOOLTIPS.items())}
    return _of_settings() | texts | {(OPERATOR, english): text for english, text in BUTTONS.items()}


def _of_settings() -> Messages:
    """Labels, tooltips and choices of the settings: the English as it is declared."""
    found: Messages = {}
    for one in declared():
        label, effect = SETTINGS.get(one.name, (one.label, one.effect))
        found |= {(ANY, one.label): label, (ANY, one.effect): effect}
        for choice, meaning in (one.choices or {}).items():
            title, explained = CHOICES.get(one.name, {}).get(choice, (choice_title(choice), meaning))
            found |= {(ANY, choice_title(choice)): title, (ANY, meaning): explained}
    return found


def register() -> None:
    """Tell Blender."""
    translations: Any = bpy.app.translations
    messages = german()
    translations.register(ROOT_PACKAGE, {"de_DE": messages, "de": messages})  # the language has had both names


def unregister() -> None:
    """Take them away."""
    bpy.app.translations.unregister(ROOT_PACKAGE)
