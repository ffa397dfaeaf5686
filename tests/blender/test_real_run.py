"""The whole way with the real engine: a bar, a video in which it moves 1 m to the right, and what stands in the scene then."""


import pytest

RUN = """
import pretend, scenes
session = part("animamimic_addon.session")
clips, folder, rig = Path(arguments[0]), Path(arguments[1]), arguments[2]
bar = scenes.make_bar_scene()
if rig == "KEEP":
    scenes.add_armature(bar)
bar.data.materials.append(bpy.data.materials.new("Skin"))
vertices = [tuple(vertex.co) for vertex in bar.data.vertices]
def middle(frame):
    "The middle of the bar's bounding box at a frame."
    bpy.context.scene.frame_set(frame)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    evaluated = bar.evaluated_get(depsgraph)
    mesh = evaluated.to_mesh()
    points = [evaluated.matrix_world @ vertex.co for vertex in mesh.vertices]
    evaluated.to_mesh_clear()
    return [(min(p[axis] for p in points) + max(p[axis] for p in points)) / 2 for axis in range(3)]
outcome, error = pretend.press(video=str(clips / "good.mp4"), job_folder=str(folder), fit_resolution=64, rig=rig)
tell(outcome=outcome, error=error)
assert outcome == "FINISHED", error
armature = bar.find_armature()
tell(
    made=session.last_made().as_json(), report=session.last_report(), heavy=sorted({"torch", "scipy", "cv2", "av"} & set(sys.modules)),
    first=middle(3), last=middle(11), armature=armature.name, action=armature.animation_data.action.name,
    frames=list(armature.animation_data.action.frame_range), bones=len(armature.data.bones),
    weights=[min(sums), max(sums)] if (sums := [sum(g.weight for g in v.groups) for v in bar.data.vertices]) else [],
    vertices=vertices == [tuple(vertex.co) for vertex in bar.data.vertices], materials=[one.name for one in bar.data.materials],
    files=sorted(one.name for one in folder.iterdir()),
)
"""


@pytest.mark.parametrize("rig", ["AUTO", "KEEP"])
def test_a_bar_follows_its_video(blender, clips, tmp_path, rig):
    ran = blender(RUN, clips, tmp_path / "job", rig, timeout=300)
    assert (ran["outcome"], ran["error"]) == ("FINISHED", "")
    right = ran["last"][0] - ran["first"][0]
    assert right == pytest.approx(1.0, abs=0.15)  # metres; a pixel of the fit is 0.125
    assert ran["last"][2] - ran["first"][2] == pytest.approx(0.0, abs=0.1)
    assert ran["first"] == pytest.approx([0.0, 0.0, 0.0], abs=1e-3)  # the video's first frame is the scene's start frame, 3
    assert ran["frames"] == [3, 11]  # nine frames of video
    assert ran["weights"] == pytest.approx([1.0, 1.0], abs=1e-4)
    assert ran["vertices"] and ran["materials"] == ["Skin"]
    assert ran["heavy"] == []
    made = ran["made"]
    if rig == "KEEP":
        assert (ran["armature"], ran["bones"]) == ("Skeleton", 1)
    assert (made["armature"], made["action"], made["bones"]) == (ran["armature"], ran["action"], ran["bones"])
    assert made["silhouette_iou"] > 0.8  # at 64 pixels the bar is 8 wide: its edges alone cost a tenth
    assert ran["report"]["frames"] == 9
    assert {"job.json", "result.json", "result.npz", "engine.log", "progress.jsonl"} <= set(ran["files"])
