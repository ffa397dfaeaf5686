"""What the panels draw, on a layout that takes notes: Blender itself draws only in a window."""


DRAW = """
import scenes
from types import SimpleNamespace
session, main, subpanels = part("animamimic_addon.session"), part("panels.main"), part("panels.settings")
engine_setup, environment = part("animamimic_addon.engine_setup"), part("core.environment")

class Notes:
    "A layout that writes down what is asked of it. What is set on it is kept; rows and columns write into the same notes."
    def __init__(self, notes):
        self.notes = notes
    def __getattr__(self, name):
        def called(*args, **values):
            self.notes.append({"kind": name, "text": str(values.get("text", "")), "what": str(args[-1]) if args else "", "factor": values.get("factor"), "icon": values.get("icon")})
            return Notes(self.notes)
        return called

def draw(panel, width=292):
    notes = []
    context = bpy.context
    style = SimpleNamespace(widget=SimpleNamespace(points=11.0))
    window = {"region": SimpleNamespace(width=width), "preferences": SimpleNamespace(system=SimpleNamespace(ui_scale=1.0), ui_styles=[style])}
    seen = SimpleNamespace(scene=context.scene, view_layer=context.view_layer, **window)
    holder = SimpleNamespace(layout=Notes(notes), buttons=getattr(panel, "buttons", ()), names=getattr(panel, "names", tuple))
    panel.draw(holder, seen)
    return notes
def shown(notes, kind):
    return [one["what"] for one in notes if one["kind"] == kind]
def texts(notes):
    return " ".join(one["text"] for one in notes if one["text"])
bar = scenes.make_bar_scene(32)
bpy.context.scene.animamimic.video = __import__("pretend").__file__
"""


def test_the_idle_panel_shows_the_inputs_and_the_button(blender):
    ran = blender(DRAW + """
notes = draw(main.ANIMAMIMIC_PT_main)
tell(properties=shown(notes, "prop"), operators=shown(notes, "operator"), texts=texts(notes))
""")
    assert ran["properties"] == ["video", "camera", "rig", "frame_start", "frame_end", "tissue"]
    assert ran["operators"] == [*["animamimic.use_preset"] * 3, "animamimic.animate_from_video", "animamimic.auto_rig"]
    assert "Bar" in ran["texts"]


def test_without_a_camera_the_panel_offers_one_and_says_why_the_button_is_grey(blender):
    ran = blender(DRAW + """
bpy.context.scene.camera = None
notes = draw(main.ANIMAMIMIC_PT_main)
tell(operators=shown(notes, "operator"), texts=texts(notes))
""")
    assert ran["operators"] == ["animamimic.frame_subject", *["animamimic.use_preset"] * 3, "animamimic.animate_from_video", "animamimic.auto_rig"]
    assert "The scene has no camera. Press Frame Subject" in ran["texts"]


def test_a_run_shows_its_stage_how_far_it_is_and_how_to_end_it(blender):
    ran = blender(DRAW + """
session._session.run = session.Run(None, Path(), None, None, stage="Fitting the motion", text="frame 3 of 9", fraction=0.42, seconds_left=75.2)
notes = draw(main.ANIMAMIMIC_PT_main)
can_stop = bpy.ops.animamimic.stop_and_keep.poll()
session._session.run.stage = "Choosing keys"
later = bpy.ops.animamimic.stop_and_keep.poll()
session._session.run = None
tell(can_stop=[can_stop, later], operators=shown(notes, "operator"), texts=texts(notes), factor=[one["factor"] for one in notes if one["kind"] == "progress"])
""")
    assert ran["operators"] == ["animamimic.cancel", "animamimic.stop_and_keep"]
    assert ran["can_stop"] == [True, False]  # half a choice of keys is worth nothing
    assert "Fitting the motion 42 %, 1 min 15 s left frame 3 of 9" in ran["texts"]
    assert ran["factor"] == [0.42]


def test_after_a_run_the_panel_shows_what_was_made_as_long_as_it_is_there(blender):
    ran = blender(DRAW + """
data = bpy.data.armatures.new("Bar Rig")
armature = bpy.data.objects.new("Bar Rig", data)
bpy.context.scene.collection.objects.link(armature)
session._session.made = session.Made("Bar Rig", "Bar Motion", 12, 345, 6, ("The tail was never seen.",), ("tail", "ear.L"), {"fit": {"mean_iou": 0.9371, "iou": [1.0, 0.9, 0.95]}})
notes = draw(main.ANIMAMIMIC_PT_main)
tell(there=texts(notes), operators=shown(notes, "operator"))
bpy.data.objects.remove(armature)
tell(gone=texts(draw(main.ANIMAMIMIC_PT_main)))
""")
    assert "Action Bar Motion Bones 12 Keys 345 Shape Keys 6 Silhouette IoU 0.937 Silhouette Error by Frame ▁█▅ Largest at frame 2 of 3: 10 %" in ran["there"]
    assert "The video tells least about tail, ear.L. The tail was never seen." in ran["there"]
    assert ran["operators"][-4:] == ["animamimic.animate_from_video", "animamimic.flip_limb", "animamimic.keep_take", "animamimic.remove_result"]
    assert "Bar Motion" not in ran["gone"]


def test_an_error_stays_in_the_panel_in_lines_that_fit(blender):
    ran = blender(DRAW + """
errors = part("core.errors")
session._session.error = errors.InputError("The video clip.mp4 is wholly one colour: no subject stands out.", "Choose another one that shows it.")
notes = draw(main.ANIMAMIMIC_PT_main)
lines = [one["text"] for one in notes if one["kind"] == "label" and one["icon"] in ("ERROR", "BLANK1")]
blf = importlib.import_module("blf")
blf.size(0, 11.0)
tell(lines=lines, widths=[blf.dimensions(0, one)[0] for one in lines])
""")
    assert " ".join(ran["lines"]) == "The video clip.mp4 is wholly one colour: no subject stands out. Choose another one that shows it."
    assert len(ran["lines"]) >= 3
    assert max(ran["widths"]) <= 292 - 54 - 16 - 10 - 20  # the tabs, the box, the label's own border, the icon


def test_a_cancelled_run_is_not_drawn_as_an_error(blender):
    ran = blender(DRAW + """
errors = part("core.errors")
def icons():
    return [one["icon"] for one in draw(main.ANIMAMIMIC_PT_main) if one["icon"] in ("ERROR", "INFO") and "run" in one["text"]]
session._session.error = errors.CancelledError("The run was cancelled.")
cancelled = icons()
session._session.error = errors.EngineError("The run failed.")
tell(cancelled=cancelled, failed=icons())
""")
    assert (ran["cancelled"], ran["failed"]) == (["INFO"], ["ERROR"])


def test_the_panels_together_show_every_setting_once(blender):
    ran = blender(DRAW + """
found = shown(draw(main.ANIMAMIMIC_PT_main), "prop")
for panel in subpanels.PANELS:
    found += shown(draw(panel), "prop")
tell(found=sorted(found), declared=sorted(one.name for one in part("core.settings").declared()))
""")
    assert ran["found"] == ran["declared"]


def test_labels_stand_above_what_they_name_where_the_panel_is_narrow(blender):
    ran = blender(DRAW + """
def beside(width):
    notes = draw(subpanels.ANIMAMIMIC_PT_motion, width)
    return [one["factor"] for one in notes if one["kind"] == "split"], [one["text"] for one in notes if one["kind"] == "label"]
tell(wide=beside(292), narrow=beside(182))
""")
    factors, _ = ran["wide"]
    assert len(factors) == 6 and len(set(factors)) == 1 and 0.4 <= factors[0] <= 0.6  # five labels and a checkbox, in line
    assert ran["narrow"] == [[], ["Resolution", "Stay Near Rest", "Smoothness", "Stretch", "Key Tolerance"]]  # the checkbox has its label itself


RELEVANCE = [
    ("rig_detail", {"rig": "AUTO"}, True), ("rig_detail", {"rig": "KEEP"}, False),
    ("softness", {"tissue": "OFF"}, False), ("softness", {"tissue": "PHYSICS"}, True), ("softness", {"tissue": "RESIDUAL"}, False),
    ("stiffness", {"tissue": "PHYSICS", "material": "FAT"}, False), ("stiffness", {"tissue": "PHYSICS", "material": "CUSTOM"}, True),
    ("handle_distance", {"tissue": "PHYSICS"}, False), ("handle_distance", {"tissue": "RESTORED"}, True),
    ("key_tolerance", {"every_frame": True}, False), ("key_tolerance", {"every_frame": False}, True),
    ("candidates", {"prompt": ""}, False), ("candidates", {"prompt": "it swims"}, True), ("quantize", {"prompt": "it swims", "hosted": True}, False),
]


def test_settings_that_make_no_difference_are_grey(blender):
    ran = blender(DRAW + f"""
settings = bpy.context.scene.animamimic
relevance = part("animamimic_addon.relevance")
found = []
for name, values, _ in {RELEVANCE!r}:
    for one, value in values.items():
        setattr(settings, one, value)
    found.append(relevance.counts(name, settings))
tell(found=found, unknown=sorted(set(relevance.RULES) - {{one.name for one in part("core.settings").declared()}}))
""")
    assert ran["found"] == [counts for _, _, counts in RELEVANCE]
    assert ran["unknown"] == []


def test_the_queue_shows_its_jobs_and_what_can_be_done_with_each(blender):
    ran = blender(DRAW + """
queued, queue = part("animamimic_addon.queued"), part("panels.queue")
idle = texts(draw(queue.ANIMAMIMIC_PT_queue))
jobs = tuple(queued.QueuedJob(Path(f"/queue/000{number}-Bar"), "Bar", "/files/other.blend" if number == 4 else "", state, "The video is empty." if number == 3 else "")
             for number, state in enumerate(queued.State, 1))
queued.queued_jobs = lambda: jobs
session._session.run = session.Run(None, jobs[1].folder, None, None, fraction=0.42)
notes = draw(queue.ANIMAMIMIC_PT_queue)
session._session.run = None
tell(idle=idle, texts=texts(notes), operators=shown(notes, "operator"))
""")
    assert ran["idle"] == "Nothing is queued"
    assert ran["texts"] == "1. Bar: Waiting 2. Bar: 42 % 3. Bar: Failed The video is empty. 4. Bar: Done from other.blend 5. Bar: In the Scene"
    add, run, *each = (one.removeprefix("animamimic.") for one in ran["operators"])
    assert (add, run) == ("queue_animation", "run_queue")
    assert each == ["remove_queued", "remove_queued", "retry_queued", "remove_queued", "bake_queued", "remove_queued", "bake_queued", "remove_queued"]


def test_without_an_engine_the_panel_offers_to_set_it_up_or_to_take_a_python(blender):
    ran = blender(DRAW + """
readiness = part("animamimic_addon.readiness")
readiness.lacks_engine = lambda: "There is no Python for the engine yet."
idle = draw(main.ANIMAMIMIC_PT_main)
engine_setup._state.current = engine_setup.SetUp(Path(), None, text="finding torch", fraction=0.25)
busy = draw(main.ANIMAMIMIC_PT_main)
engine_setup._state.current = None
tell(operators=shown(idle, "operator"), properties=shown(idle, "prop"), told=texts(idle), busy=texts(busy), ways=shown(busy, "operator"))
""")
    assert "animamimic.set_up_engine" in ran["operators"] and "engine_python" in ran["properties"]
    assert ran["told"].count("There is no Python for the engine yet.") == 1
    assert "Setting up the engine 25 % finding torch" in ran["busy"]
    assert ran["ways"][0] == "animamimic.cancel_set_up"


def test_without_a_video_the_panel_offers_the_sample(blender):
    ran = blender(DRAW + """
bpy.context.scene.animamimic.video = ""
tell(operators=shown(draw(main.ANIMAMIMIC_PT_main), "operator"))
""")
    assert "animamimic.load_sample" in ran["operators"]
