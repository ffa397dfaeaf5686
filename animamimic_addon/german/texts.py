"""What is written on buttons and between them, and the tooltips of operators, in German. Keyed by the English that the code holds."""

BUTTONS = {
    "Animate from Video": "Nach Video animieren",
    "Set Up Engine": "Engine einrichten",
    "Check Engine": "Engine prüfen",
    "Cancel": "Abbrechen",
    "Stop and Keep": "Beenden und behalten",
    "Rig Only": "Nur Rig",
    "Flip Limb in Depth": "Glied in der Tiefe spiegeln",
    "Re-bake Soft Tissue": "Weichgewebe neu berechnen",
    "Restore Motion": "Bewegung wiederherstellen",
    "Use Preset": "Vorgabe verwenden",
    "Draft": "Entwurf",
    "Normal": "Normal",
    "Best": "Beste",
    "Queue": "Einreihen",
    "Run Queue": "Warteschlange abarbeiten",
    "Write Job": "Auftrag schreiben",
    "Bring into the Scene": "In die Szene holen",
    "Try Again": "Noch einmal",
    "Remove from Queue": "Aus der Warteschlange nehmen",
    "Load Sample": "Beispiel laden",
    "Frame Subject": "Motiv einrahmen",
    "Overlay Video": "Video überlagern",
    "Keep as Take": "Als Take behalten",
    "Remove Result": "Ergebnis entfernen",
    "Open Job Folder": "Auftragsordner öffnen",
    "Re-run Fit": "Anpassung wiederholen",
    "Generate Video": "Video erzeugen",
    "Save Start Picture": "Startbild speichern",
    "Use as Driving Video": "Als steuerndes Video nehmen",
    "Open Contact Sheet": "Kontaktbogen öffnen",
}

TOOLTIPS = {
    "Rig the selected subject and give it the motion of the driving video": "Dem gewählten Motiv ein Rig und die Bewegung des steuernden Videos geben",
    "End the run that is under way; the scene stays as it is": "Den laufenden Lauf beenden; die Szene bleibt, wie sie ist",
    "End the fit that is under way and keep the motion found so far; frames not looked at yet stay as the last one":
        "Die laufende Anpassung beenden und die bisher gefundene Bewegung behalten; noch nicht angesehene Frames bleiben wie der letzte",
    "Look whether the engine's Python has what it needs, and copy what was found to the clipboard; takes some seconds":
        "Nachsehen, ob das Python der Engine hat, was sie braucht, und den Befund in die Zwischenablage kopieren; dauert einige Sekunden",
    "Turn the selected bone's limb to its other depth: seen from the scene's camera it looks the same":
        "Das Glied des gewählten Knochens in seine andere Tiefe drehen: von der Kamera der Szene aus sieht es gleich aus",
    "Where the limb begins; empty: the active bone": "Wo das Glied beginnt; leer: der aktive Knochen",
    "Flip in all frames of the Action": "In allen Frames der Action spiegeln",
    "First frame to flip, where it is not the whole Action": "Erster Frame, der gespiegelt wird, wenn nicht die ganze Action",
    "Last frame to flip, where it is not the whole Action": "Letzter Frame, der gespiegelt wird, wenn nicht die ganze Action",
    "Make driving videos from a picture of the subject and the prompt": "Steuernde Videos aus einem Bild des Motivs und dem Prompt erzeugen",
    "Make a file the driving video: one that was dropped onto the viewport, or another of the generated ones":
        "Eine Datei zum steuernden Video machen: eine, die auf den Viewport gezogen wurde, oder ein anderes der erzeugten",
    "The video to take": "Das Video, das genommen wird",
    "Show some frames of every candidate side by side": "Einige Bilder aller Kandidaten nebeneinander zeigen",
    "Save the picture that a video has to start with and the prompt, for use with any service":
        "Das Bild, mit dem ein Video anfangen muss, und den Prompt speichern, für jeden Dienst",
    "The PNG file to write; the prompt goes beside it": "Die PNG-Datei, die geschrieben wird; der Prompt kommt daneben",
    "Set resolution, keys and soft tissue to values that go together": "Auflösung, Keyframes und Weichgewebe auf Werte setzen, die zusammenpassen",
    "Which one": "Welche",
    "A quick look: compares small pictures, keeps fewest keys": "Ein schneller Blick: vergleicht kleine Bilder, behält am wenigsten Keyframes",
    "What suits most clips": "Was den meisten Videos entspricht",
    "Compares larger pictures, which helps thin limbs, and takes about twice the time of Normal":
        "Vergleicht größere Bilder, was dünnen Gliedern hilft, und braucht etwa doppelt so lange wie Normal",
    "Keep the selected subject, the video and the settings as they are now as a job for the queue, instead of running it":
        "Motiv, Video und Einstellungen, wie sie jetzt sind, als Auftrag in die Warteschlange stellen, statt gleich zu rechnen",
    "Write the selected subject, the video and the settings into a job folder, for an engine anywhere to run":
        "Motiv, Video und Einstellungen in einen Auftragsordner schreiben, den irgendeine Engine abarbeitet",
    "Run the queue's jobs one after another; the scene stays as it is until a finished one is brought into it":
        "Die Aufträge der Warteschlange nacheinander abarbeiten; die Szene bleibt, wie sie ist, bis ein fertiger hineingeholt wird",
    "Name of the job's folder": "Name des Auftragsordners",
    "Bring this job's result into the scene that it was made from, whose file must be open":
        "Das Ergebnis dieses Auftrags in die Szene holen, aus der er stammt und deren Datei offen sein muss",
    "Let this failed job wait again": "Diesen gescheiterten Auftrag wieder warten lassen",
    "Take this job out of the queue, with its result; what is in a scene stays there":
        "Diesen Auftrag mit seinem Ergebnis aus der Warteschlange nehmen; was in einer Szene ist, bleibt dort",
    "Render the selected character's motion, let the chosen video model restore what its bones leave out, and bake it to shape keys":
        "Die Bewegung der gewählten Figur rendern, das gewählte Videomodell ergänzen lassen, was ihre Knochen auslassen, und es zu Shape Keys machen",
    "Take away what AnimaMimic made for the selected subject: armature, action, weights and shape keys":
        "Wegnehmen, was AnimaMimic für das gewählte Motiv gemacht hat: Armature, Action, Gewichte und Shape Keys",
    "Keep a copy of the subject's Action, which the next run would replace; choose between takes in the Action Editor":
        "Eine Kopie der Action des Motivs behalten, die der nächste Lauf ersetzen würde; zwischen Takes wählt man im Action Editor",
    "Show the last run's files: what the engine was given, its log and its result":
        "Die Dateien des letzten Laufs zeigen: was die Engine bekam, ihr Protokoll und ihr Ergebnis",
    "Give the selected subject an armature and weights, without animating it; or weights alone, for an armature of its own that moves none of it yet":
        "Dem gewählten Motiv Armature und Gewichte geben, ohne es zu animieren; oder nur Gewichte, für eine eigene Armature, die es noch nicht bewegt",
    "Add a scene with a fish and the video that drives it, ready for the button; your own scenes stay as they are":
        "Eine Szene mit einem Fisch und dem Video hinzufügen, das ihn steuert, bereit für den Knopf; eigene Szenen bleiben, wie sie sind",
    "Make an environment for the engine (torch, OpenCV, Warp) in a folder of its own and use it; nothing is installed into Blender's own Python":
        "Eine Umgebung für die Engine (torch, OpenCV, Warp) in einem eigenen Ordner machen und benutzen; in Blenders Python wird nichts installiert",
    "Where the engine's environment is made; it must be empty, or hold an earlier try":
        "Wo die Umgebung der Engine entsteht; der Ordner muss leer sein oder einen früheren Versuch enthalten",
    "End setting the engine up; what was fetched so far stays for the next try": "Das Einrichten beenden; was schon geholt ist, bleibt für den nächsten Versuch",
    "Simulate the flesh of the selected character on its armature's motion as it is now, and replace the soft shape keys":
        "Das Fleisch der gewählten Figur auf der jetzigen Bewegung ihrer Armature simulieren und die weichen Shape Keys ersetzen",
    "How much of the simulated soft motion is played; 0 plays the bones alone": "Wie viel der simulierten weichen Bewegung gespielt wird; 0 spielt die Knochen allein",
    "Add a camera that holds all of the selected subject, with room to move, and make it the scene's":
        "Eine Kamera hinzufügen, die das ganze Motiv mit Platz für Bewegung zeigt, und sie zur Kamera der Szene machen",
    "Show the driving video behind the scene's camera, each of its frames at the scene frame that it drives; press again to take it away":
        "Das steuernde Video vor die Kamera der Szene legen, jedes Bild in dem Frame, den es steuert; noch einmal drücken nimmt es weg",
    "Where to keep the run's files; empty: a place of the extension's own": "Wohin die Dateien des Laufs kommen; leer: ein Ort der Erweiterung",
    "The Python that runs the engine; empty: the one of the preferences": "Das Python, in dem die Engine läuft; leer: das der Einstellungen",
    "The Python program that has torch and the engine's other packages; empty: the one that the environment variable ANIMAMIMIC_PYTHON names, or Blender's own if it has torch":
        "Das Python mit torch und den anderen Paketen der Engine; leer: das, das die Umgebungsvariable ANIMAMIMIC_PYTHON nennt, oder Blenders eigenes, wenn es torch hat",
    "Address of PyTorch's own package index, without the /cpu or /cu... at its end, which is chosen by what this machine has. "
    "Empty: torch comes from where pip takes the rest, on Linux with the libraries for CUDA":
        "Adresse des Paketverzeichnisses von PyTorch, ohne /cpu oder /cu... am Ende, das nach diesem Rechner gewählt wird. "
        "Leer: torch kommt daher, wo pip das Übrige holt, unter Linux mit den Bibliotheken für CUDA",
    "Of your account on the model hub, for hosted generation and for models that want one; empty: the environment's HF_TOKEN, or that of the "
    "hub's own login. It is handed to the engine alone, and written into no job folder and no log":
        "Der des eigenen Kontos auf dem Hub, für gehostetes Erzeugen und Modelle, die einen verlangen; leer: HF_TOKEN der Umgebung oder der der "
        "Anmeldung des Hubs. Nur die Engine bekommt ihn, und er steht in keinem Auftragsordner und keinem Protokoll",
}

LABELS = {
    "Subject": "Motiv",
    "Video": "Video",
    "Motion": "Bewegung",
    "Advanced": "Erweitert",
    "Beyond the Bones": "Über die Knochen hinaus",
    "Restoration": "Wiederherstellung",
    "On Its Present Motion": "Auf der jetzigen Bewegung",
    "AnimaMimic": "AnimaMimic",
    "AnimaMimic Driving Video": "Steuerndes Video für AnimaMimic",
    "Queue": "Warteschlange",
    "{name} (1 mesh)": "{name} (1 Mesh)",
    "{name} ({count} meshes)": "{name} ({count} Meshes)",
    "Frame Start": "Start-Frame",
    "None": "Keine",
    "Draft": "Entwurf",
    "Normal": "Normal",
    "Best": "Beste",
    "Preset": "Vorgabe",
    "Bone": "Knochen",
    "Whole Action": "Ganze Action",
    "First": "Erster",
    "Last": "Letzter",
    "Job": "Auftrag",
    "Job Folder": "Auftragsordner",
    "Folder": "Ordner",
    "Picture": "Bild",
    "Engine Python": "Python der Engine",
    "PyTorch Index": "Verzeichnis von PyTorch",
    "Access Token": "Zugangsschlüssel",
    "Or Use": "Oder nimm",
    "Armature": "Armature",
    "Bones": "Knochen",
    "Action": "Action",
    "Keys": "Keyframes",
    "Silhouette IoU": "IoU des Umrisses",
    "Candidates": "Kandidaten",
    "Nothing is queued": "Nichts eingereiht",
    "Setting up the engine": "Die Engine wird eingerichtet",
    "Downloads up to 3 GB and takes up to 6 GB of disk: torch brings CUDA along.": "Lädt bis zu 3 GB und braucht bis zu 6 GB Platz: torch bringt CUDA mit.",
    "Blender stays usable meanwhile; the tab shows how far it is.": "Blender bleibt benutzbar; der Reiter zeigt, wie weit es ist.",
    "Starting the engine": "Die Engine startet",
    "Generating the video": "Das Video wird erzeugt",
    "Reading the video": "Das Video wird gelesen",
    "Building the rig": "Das Rig wird gebaut",
    "Fitting the motion": "Die Bewegung wird angepasst",
    "Looking for missing joints": "Fehlende Gelenke werden gesucht",
    "Fitting the refined rig": "Das verfeinerte Rig wird angepasst",
    "Simulating soft tissue": "Weichgewebe wird simuliert",
    "Restoring the video": "Das Video wird wiederhergestellt",
    "Following what the bones leave": "Was die Knochen übrig lassen, wird verfolgt",
    "Choosing keys": "Keyframes werden gewählt",
    "Silhouette Error by Frame": "Fehler des Umrisses je Frame",
    "Largest at frame {frame} of {count}: {percent:.0f} %": "Am größten in Frame {frame} von {count}: {percent:.0f} %",
    "The video tells least about {bones}.": "Am wenigsten sagt das Video über {bones}.",
    "{percent:.0f} %, {time} left": "{percent:.0f} %, noch {time}",
    "AnimaMimic: {stage}, {progress}. Esc cancels.": "AnimaMimic: {stage}, {progress}. Esc bricht ab.",
    "from {file}": "aus {file}",
    "The engine runs in {python}": "Die Engine läuft in {python}",
    "Waiting": "Wartet",
    "Begun": "Begonnen",
    "Failed": "Gescheitert",
    "Done": "Fertig",
    "In the Scene": "In der Szene",
}
