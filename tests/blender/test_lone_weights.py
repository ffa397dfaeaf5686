"""Weights alone with the real engine: an armature that a user made and that moves nothing gets the mesh to bend."""

import pytest

RUN = """
import numpy as np, rigs, scenes
session = part("animamimic_addon.session")
bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
bar = rigs.add_bar(rings=17)
data = bpy.data.armatures.new("Arm")
arm = bpy.data.objects.new("Arm", data)
bpy.context.scene.collection.objects.link(arm)
rigs.select(arm)
bpy.ops.object.mode_set(mode="EDIT")
for name, head, tail, parent in (("floor", (0, -2, 0), (0, -3, 0), None), ("lower", (0, 0, 0.05), (0, 0, 1), "floor"), ("helper", (0, 0, 1), (1, 0, 1), "lower"), ("upper", (0, 0, 1), (0, 0, 1.95), "helper")):
    bone = data.edit_bones.new(name)
    bone.head, bone.tail, bone.use_deform = head, tail, name != "helper"
    bone.parent = data.edit_bones.get(parent) if parent else None
bpy.ops.object.mode_set(mode="OBJECT")
if arguments[1] == "bound":
    bar.modifiers.new("Mine", "ARMATURE").object = arm
    bar.vertex_groups.new(name="lower")
    bar.vertex_groups.new(name="Belt").add([0, 1], 0.5, "REPLACE")
    rigs.select(bar)
else:
    rigs.select(bar, arm) if arguments[1] == "mesh" else rigs.select(arm, bar)
rigs.pose(arm.pose.bones["upper"], 0.5)
before = scenes.fingerprint()
outcomes = [*bpy.ops.animamimic.auto_rig(job_folder=arguments[0]), *bpy.ops.animamimic.auto_rig(job_folder=arguments[0])]
bent = rigs.world_vertices([bar])
own = [bar.vertex_groups[name].index for name in ("lower", "upper")]
sums = [sum(group.weight for group in vertex.groups if group.group in own) for vertex in bar.data.vertices]
weight = lambda vertex, name: sum(group.weight for group in bar.data.vertices[vertex].groups if group.group == bar.vertex_groups[name].index)
tell(
    outcomes=outcomes, sums=[min(sums), max(sums)], armatures=len([one for one in bpy.data.objects if one.type == "ARMATURE"]),
    groups=sorted(group.name for group in bar.vertex_groups), modifiers=[one.name for one in bar.modifiers],
    low=weight(0, "lower"), high=weight(len(bar.data.vertices) - 1, "upper"), top=bent[-4:].mean(0).tolist(), foot=bent[:4].mean(0).tolist(),
    made=session.last_made().as_json(),
)
rigs.select(bar)
bpy.ops.animamimic.remove_result()
after = scenes.fingerprint()
tell(left_over=sorted(name for name in {*before, *after} if name not in {"active", "selected"} and before.get(name) != after.get(name)))
"""


@pytest.mark.parametrize(("how", "modifiers", "groups"), [("mesh", ["AnimaMimic"], ["lower", "upper"]), ("armature", ["AnimaMimic"], ["lower", "upper"]), ("bound", ["Mine"], ["Belt", "lower", "upper"])])
def test_an_armature_that_moves_nothing_gets_weights_and_nothing_else(blender, tmp_path, how, modifiers, groups):
    told = blender(RUN, tmp_path / "job", how, timeout=300)
    assert told["outcomes"] == ["FINISHED", "FINISHED"]  # the second run replaces the first
    assert (told["armatures"], told["modifiers"], told["groups"]) == (1, modifiers, groups)
    assert told["sums"] == pytest.approx([1.0, 1.0], abs=1e-4)
    assert told["low"] > 0.95 and told["high"] > 0.95
    assert told["foot"] == pytest.approx([0, 0, 0], abs=0.05)
    # The upper bone turns by 0.5 about its X, which lies across: the top moves 1 m * sin(0.5) aside and sinks by 1 - cos(0.5).
    assert abs(told["top"][1]) == pytest.approx(0.479, abs=0.05) and told["top"][2] == pytest.approx(1.878, abs=0.05)
    assert told["made"]["armature"] == "Arm" and told["made"]["action"] == ""
    moved_up = {"Bar/groups", "Bar/vertices"} if how == "bound" else set()  # its empty group went
    assert set(told["left_over"]) - {"objects/Bar"} == moved_up  # the object tells of its groups in Blender before 5.2 only
