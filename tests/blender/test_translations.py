"""Every label and tooltip has its German: what Blender shows of our classes, and what our own code writes into the panels."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SHOWN = """
translations, settings = part("animamimic_addon.translations"), part("core.settings")
shown = []
def show(context, *texts):
    shown.extend([context, text] for text in texts if text)
def show_properties(owner, base=None):
    given = {"rna_type", *(base.bl_rna.properties.keys() if base is not None else ())}
    for one in owner.properties:
        if one.identifier not in given:
            show("*", one.name, one.description)
            for item in one.enum_items_static if one.type == "ENUM" else ():
                show("*", item.name, item.description)
for name in dir(bpy.ops.animamimic):
    rna = getattr(bpy.ops.animamimic, name).get_rna_type()
    show("Operator", rna.name)
    show("*", rna.description)
    show_properties(rna)
show_properties(part("animamimic_addon.preferences").ANIMAMIMIC_AP_preferences.bl_rna, bpy.types.AddonPreferences)
show_properties(part("animamimic_addon.properties").ANIMAMIMIC_PG_settings.bl_rna, bpy.types.PropertyGroup)
soft = bpy.types.Object.bl_rna.properties["animamimic_soft_tissue"]
show("*", soft.name, soft.description)
for kind in (bpy.types.Panel, bpy.types.FileHandler):
    show("*", *(one.bl_label for one in kind.__subclasses__() if "animamimic" in one.__module__))
show("*", *part("animamimic_addon.session").STAGE_TITLES.values(), *part("core.presets").EFFECTS.values(), *part("animamimic_addon.queued").State)
show("*", part("animamimic_addon.session").Run.stage, *part("panels.main").LABELS.values(), *part("operators.presets").PRESET_TITLES.values())
show("Operator", *part("operators.presets").PRESET_TITLES.values())
known = [[*key, german] for key, german in translations.german().items()]
declared = settings.declared()
tell(shown=shown, known=known, names=sorted(one.name for one in declared), in_german=sorted(translations.SETTINGS),
     choices={one.name: list(one.choices) for one in declared if one.choices}, choices_in_german={name: list(each) for name, each in translations.CHOICES.items()},
     overridden=[one.name for one in declared if translations.german()["*", one.label] != translations.SETTINGS[one.name][0]])
"""

ROWS = {("*", name) for name in ("Armature", "Bones", "Action", "Keys", "Shape Keys", "Silhouette IoU")}
"""Of the results box."""


def written():
    """What our code writes into layouts by itself, text=... and the sentences that are filled in: (context, English)."""
    for file in (one for folder in ("panels", "operators", "animamimic_addon") for one in (ROOT / folder).rglob("*.py")):
        for call in (node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            texts = call.args[:1] if name == "sentence" else [one.value for one in call.keywords if one.arg == "text" and isinstance(call.func, ast.Attribute)]
            yield from (("Operator" if name == "operator" else "*", one.value) for one in texts if isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value)


def test_every_label_and_tooltip_has_its_german_and_no_german_is_left_over(blender):
    ran = blender(SHOWN)
    shown = {tuple(one) for one in ran["shown"]} | set(written()) | ROWS
    known = {(context, english) for context, english, _ in ran["known"]}
    assert len(shown) > 200
    assert shown - known == set()
    assert known - shown == set()
    assert (ran["in_german"], ran["choices_in_german"]) == (ran["names"], ran["choices"])


def test_one_english_label_means_one_german_label(blender):
    assert blender(SHOWN)["overridden"] == []
