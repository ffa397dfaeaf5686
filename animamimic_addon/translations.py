"""The interface in other languages: what Blender's own catalogue does not hold. Labels are looked up by Blender; formatted sentences by
`sentence` before they are filled in."""

from typing import Any

import bpy

from . import ROOT_PACKAGE

ANY = "*"
"""Blender's name for the default context."""

OPERATOR = "Operator"
"""The context of buttons' names."""

GERMAN = {
    (OPERATOR, "Animate from Video"): "Nach Video animieren",
    (OPERATOR, "Set Up Engine"): "Engine einrichten",
    (OPERATOR, "Check Engine"): "Engine prüfen",
    (OPERATOR, "Cancel"): "Abbrechen",
    (OPERATOR, "Stop and Keep"): "Beenden und behalten",
    (OPERATOR, "Rig Only"): "Nur Rig",
    (OPERATOR, "Flip Limb in Depth"): "Glied in der Tiefe spiegeln",
    (OPERATOR, "Re-bake Soft Tissue"): "Weichgewebe neu berechnen",
    (OPERATOR, "Restore Motion"): "Bewegung wiederherstellen",
    (OPERATOR, "Use Preset"): "Vorgabe verwenden",
    (OPERATOR, "Draft"): "Entwurf",
    (OPERATOR, "Normal"): "Normal",
    (OPERATOR, "Best"): "Beste",
    (OPERATOR, "Queue"): "Einreihen",
    (OPERATOR, "Run Queue"): "Warteschlange abarbeiten",
    (OPERATOR, "Write Job"): "Auftrag schreiben",
    (OPERATOR, "Bring into the Scene"): "In die Szene holen",
    (OPERATOR, "Try Again"): "Noch einmal",
    (OPERATOR, "Remove from Queue"): "Aus der Warteschlange nehmen",
    (OPERATOR, "Load Sample"): "Beispiel laden",
    (OPERATOR, "Frame Subject"): "Motiv einrahmen",
    (OPERATOR, "Overlay Video"): "Video überlagern",
    (OPERATOR, "Keep as Take"): "Als Take behalten",
    (OPERATOR, "Remove Result"): "Ergebnis entfernen",
    (OPERATOR, "Open Job Folder"): "Auftragsordner öffnen",
    (OPERATOR, "Re-run Fit"): "Anpassung wiederholen",
    (ANY, "Subject"): "Motiv",
    (ANY, "Driving Video"): "Steuerndes Video",
    (ANY, "Soft Tissue"): "Weichgewebe",
    (ANY, "Advanced"): "Erweitert",
    (ANY, "Beyond the Bones"): "Über die Knochen hinaus",
    (ANY, "Restoration"): "Wiederherstellung",
    (ANY, "On Its Present Motion"): "Auf der jetzigen Bewegung",
    (ANY, "Queue"): "Warteschlange",
    (ANY, "Nothing is queued"): "Nichts eingereiht",
    (ANY, "Or Use"): "Oder nimm",
    (ANY, "Setting up the engine"): "Die Engine wird eingerichtet",
    (OPERATOR, "Generate Video"): "Video erzeugen",
    (OPERATOR, "Save Start Picture"): "Startbild speichern",
    (OPERATOR, "Use as Driving Video"): "Als steuerndes Video nehmen",
    (OPERATOR, "Open Contact Sheet"): "Kontaktbogen öffnen",
    (ANY, "Candidates"): "Kandidaten",
    (ANY, "Starting the engine"): "Die Engine startet",
    (ANY, "Looking for missing joints"): "Fehlende Gelenke werden gesucht",
    (ANY, "Fitting the refined rig"): "Das verfeinerte Rig wird angepasst",
    (ANY, "Simulating soft tissue"): "Weichgewebe wird simuliert",
    (ANY, "Restoring the video"): "Das Video wird wiederhergestellt",
    (ANY, "Following what the bones leave"): "Was die Knochen übrig lassen, wird verfolgt",
    (ANY, "Generating the video"): "Das Video wird erzeugt",
    (ANY, "Reading the video"): "Das Video wird gelesen",
    (ANY, "Building the rig"): "Das Rig wird gebaut",
    (ANY, "Fitting the motion"): "Die Bewegung wird angepasst",
    (ANY, "Choosing keys"): "Keyframes werden gewählt",
    (ANY, "Silhouette Error by Frame"): "Fehler des Umrisses je Frame",
    (ANY, "Largest at frame {frame} of {count}: {percent:.0f} %"): "Am größten in Frame {frame} von {count}: {percent:.0f} %",
    (ANY, "The video tells least about {bones}."): "Am wenigsten sagt das Video über {bones}.",
}


def sentence(text: str, **values: Any) -> str:
    """A sentence in the interface's language, with its blanks filled in."""
    translations: Any = bpy.app.translations
    return str(translations.pgettext_iface(text)).format(**values)


def register() -> None:
    """Tell Blender."""
    translations: Any = bpy.app.translations
    translations.register(ROOT_PACKAGE, {"de_DE": GERMAN, "de": GERMAN})  # the language has had both names


def unregister() -> None:
    """Take them away."""
    bpy.app.translations.unregister(ROOT_PACKAGE)
