"""Settings with their labels: beside them, or above them where the panel is too narrow for that."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..animamimic_addon import relevance
from ..animamimic_addon.datablocks import Context
from ..animamimic_addon.translations import sentence
from .text import share

USUAL_SHARE = 0.4
"""Of the width, for labels: as Blender's own panels have it."""

LARGEST_SHARE = 0.6
"""Labels that want more than this stand above."""

CHECKBOX = "    "
"""As wide as a checkbox beside its label."""


@dataclass(frozen=True)
class Fields:
    """Settings of a scene, one below the other, that share one width for their labels. Made by `Fields.of`.

    labels: name -> label in the interface's language. factor: part of the width that labels get, 0 for above.
    """

    settings: Any
    labels: dict[str, str]
    factor: float

    @classmethod
    def of(cls, context: Context, names: Iterable[str], labels: Mapping[str, str]) -> "Fields":
        """For the scene's settings of these names. labels: name -> label in English, where it is not the setting's own."""
        settings: Any = context.scene.animamimic
        texts = {name: sentence(labels.get(name) or settings.bl_rna.properties[name].name) for name in names}
        boxes = {name for name in texts if _is_checkbox(settings, name)}
        wanted = [share(context, text) for name, text in texts.items() if name not in boxes]
        return cls(settings, texts, label_share(wanted, [share(context, CHECKBOX + texts[name]) for name in boxes]))

    def draw(self, layout: Any, name: str) -> None:
        """One of them; grey where it makes no difference."""
        row = layout.column(align=True)
        row.active = relevance.counts(name, self.settings)
        box = _is_checkbox(self.settings, name)
        field = self.place(row, "" if box else self.labels[name])
        field.prop(self.settings, name, text=self.labels[name] if box else "", translate=False)

    def place(self, layout: Any, label: str) -> Any:
        """The layout of a value with this label: beside or below it."""
        if not self.factor:
            if label:
                layout.label(text=label, translate=False)
            return layout
        row = layout.split(factor=self.factor, align=True)
        before = row.row()
        before.alignment = "RIGHT"
        before.label(text=label, translate=False)
        return row.row(align=True)


def label_share(labels: Iterable[float], checkboxes: Iterable[float]) -> float:
    """Which part of the width labels get, 0 where they must stand above what they name.

    labels: the parts that they want. checkboxes: the parts that these want, which stand with their labels where the others' values do.
    """
    factor = max(labels, default=0.0)
    if factor > LARGEST_SHARE or factor + max(checkboxes, default=0.0) > 1.0:
        return 0.0
    return max(USUAL_SHARE, factor) if USUAL_SHARE + max(checkboxes, default=0.0) <= 1.0 else factor


def _is_checkbox(settings: Any, name: str) -> bool:
    return bool(settings.bl_rna.properties[name].type == "BOOLEAN")
