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
