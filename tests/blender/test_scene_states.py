"""Scenes as people leave them: other modes, hidden things, shared data, several scenes. Right, or refused with a sentence."""

STATES = """
import pretend, scenes
process, session = part("animamimic_addon.process"), part("animamimic_addon.session")
process.SCRIPT = pretend.FAKE
os.environ["FAKE_ENGINE"] = "animate"
folder = Path(arguments[0])
video = folder / "clip.mp4"
video.write_bytes(b"the pretending engine does not look")
def run(prepare, **settings):
    "What comes of a run on a bar that was prepared, and the mode afterwards."
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bar = scenes.make_bar_scene()
    prepare(bar)
    outcome, error = pretend.press(video=str(video), job_folder=str(folder / "job"), **settings)
    return [outcome, error, bpy.context.mode]
"""


def test_modes_and_other_scenes_do_not_matter(blender, tmp_path):
    ran = blender(STATES + """
def posing(bar):
    armature = scenes.add_armature(bar)
    bpy.context.view_layer.objects.active = armature
    armature.select_set(True)
    bpy.ops.object.mode_set(mode="POSE")
def painting(bar):
    bpy.ops.object.mode_set(mode="WEIGHT_PAINT")
def editing(bar):
    bpy.ops.object.mode_set(mode="EDIT")
def elsewhere(bar):
    other = bpy.data.scenes.new("Other")
    extra = bar.copy()
    extra.data = bar.data.copy()
    other.collection.objects.link(extra)
tell(posing=run(posing, rig="KEEP"), painting=run(painting), editing=run(editing), elsewhere=run(elsewhere),
     others=[one.name for one in bpy.data.objects if one.find_armature() is not None])
""", tmp_path)
    assert ran["posing"] == ["FINISHED", "", "POSE"]
    assert ran["painting"] == ["FINISHED", "", "PAINT_WEIGHT"]
    assert ran["editing"] == ["FINISHED", "", "EDIT_MESH"]
    assert ran["elsewhere"] == ["FINISHED", "", "OBJECT"]
    assert ran["others"] == ["Bar"]  # the copy in the other scene got nothing


def test_the_result_comes_into_the_scene_of_the_capture_whichever_is_shown_then(blender, tmp_path):
    ran = blender(STATES + """
driven = {}
def switch(bar):
    other = bpy.data.scenes.new("Other")
    start = session._start_engine
    def started(python, place):
        bpy.context.window.scene = other
        return start(python, place)
    session._start_engine = started
    driven["scene"] = bpy.context.scene.name
    other.frame_start, other.frame_end = 7, 8
ran = run(switch)
other = bpy.data.scenes["Other"]
scene = bpy.data.scenes[driven["scene"]]
tell(ran=ran[:2], shown=bpy.context.window.scene.name, others=[len(other.objects), other.frame_start, other.frame_end],
     rigged=bpy.data.objects["Bar"].find_armature().name in scene.objects, end=scene.frame_end)
""", tmp_path)
    assert ran["ran"] == ["FINISHED", ""]
    assert ran["shown"] == "Other"
    assert ran["others"] == [0, 7, 8]
    assert ran["rigged"]


def test_data_of_other_files_is_refused_and_an_override_too(blender, tmp_path):
    ran = blender(STATES + """
library = str(folder / "library.blend")
bar = scenes.make_bar_scene()
bpy.data.libraries.write(library, {bar, bpy.context.scene})
def linked(bar):
    with bpy.data.libraries.load(library, link=True) as (there, here):
        here.objects = ["Bar"]
    bpy.data.objects.remove(bar)
    bpy.context.scene.collection.objects.link(here.objects[0])
    here.objects[0].select_set(True)
    bpy.context.view_layer.objects.active = here.objects[0]
def overridden(bar):
    linked(bar)
    bpy.context.view_layer.objects.active.override_create(remap_local_usages=True)
    made = next(one for one in bpy.context.scene.objects if one.override_library is not None)
    bpy.context.view_layer.objects.active = made
    made.select_set(True)
def linked_mesh(bar):
    with bpy.data.libraries.load(library, link=True) as (there, here):
        here.meshes = there.meshes[:1]
    bar.data = here.meshes[0]
tell(linked=run(linked), overridden=run(overridden), mesh=run(linked_mesh))
""", tmp_path)
    for case in ("linked", "overridden", "mesh"):
        assert ran[case][0] == "ERROR"
        assert "is linked from another file and cannot be changed here. Make it local first" in ran[case][1], case


def test_undo_and_redo_take_the_result_away_and_bring_it_back(blender, tmp_path):
    ran = blender(STATES + """
def found():
    return [len(bpy.data.armatures), len(bpy.data.actions), len(bpy.data.objects["Bar"].vertex_groups)]
def before(bar):
    bpy.ops.ed.undo_push(message="before")
made = run(before)
bpy.ops.ed.undo_push(message="made")
told = [found()]
bpy.ops.ed.undo()
told.append(found())
again = pretend.press(video=str(video), job_folder=str(folder / "job"))
bpy.ops.ed.undo_push(message="again")
told.append(found())
bpy.ops.ed.undo()
bpy.ops.ed.redo()
told.append(found())
bpy.ops.animamimic.remove_result()
told.append(found())
tell(made=made[:2], again=again, told=told)
""", tmp_path)
    assert ran["made"] == ["FINISHED", ""] and ran["again"] == ["FINISHED", ""]
    assert ran["told"] == [[1, 1, 2], [0, 0, 0], [1, 1, 2], [1, 1, 2], [0, 0, 0]]


def test_what_cannot_be_animated_is_refused_with_a_sentence(blender, tmp_path):
    ran = blender(STATES + """
def hidden(bar):
    bar.hide_viewport = True
def twin(bar):
    bpy.context.scene.collection.objects.link(bar.copy())
    for one in bpy.context.view_layer.objects:
        one.select_set(one == bar)
def excluded(bar):
    collection = bpy.data.collections.new("Away")
    bpy.context.scene.collection.children.link(collection)
    collection.objects.link(bar)
    bpy.context.scene.collection.objects.unlink(bar)
    bpy.context.view_layer.layer_collection.children["Away"].hide_viewport = True
    bpy.context.view_layer.objects.active = bar
tell(hidden=run(hidden), twin=run(twin), excluded=run(excluded))
""", tmp_path)
    for case, words in (("hidden", "is hidden"), ("twin", "is shared by 2 objects"), ("excluded", "is hidden")):
        outcome, error, _ = ran[case]
        assert outcome == "ERROR"
        assert words in error or error.startswith("Nothing is selected."), case


def test_a_saved_file_knows_its_result_after_it_is_opened_again(blender, tmp_path):
    ran = blender(STATES + """
tell(made=run(lambda bar: None))
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "saved.blend"))
bpy.ops.wm.open_mainfile(filepath=str(folder / "saved.blend"))
bar = bpy.data.objects["Bar"]
tell(plays=bar.find_armature().animation_data.action.name)
again, error = pretend.press(video=str(video), job_folder=str(folder / "job"))
tell(again=again, armatures=len(bpy.data.armatures), actions=len(bpy.data.actions))
bpy.ops.animamimic.remove_result()
tell(left=[len(bpy.data.armatures), len(bpy.data.actions), len(bar.modifiers), len(bar.vertex_groups)])
""", tmp_path)
    assert (ran["made"][0], ran["plays"], ran["again"]) == ("FINISHED", "Bar Motion", "FINISHED")
    assert (ran["armatures"], ran["actions"]) == (1, 1)
    assert ran["left"] == [0, 0, 0, 0]
