"""The rig by itself with the real engine: a body with two arms gets bones, weights and nothing else, and mirrors as Blender expects."""

import pytest

RUN = """
import scenes
from mathutils import Vector
session = part("animamimic_addon.session")
bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
def tube(location, rotation, radius, length):
    bpy.ops.mesh.primitive_cylinder_add(vertices=12, radius=radius, depth=length, location=location, rotation=rotation)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.mesh.subdivide(number_cuts=3)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.object.select_set(True)
    return bpy.context.object
parts = [tube((0, 0, 1), (0, 0, 0), 0.35, 2.0)] + [tube((x, 0, 1.4), (0, 1.5707963, 0), 0.12, 1.4) for x in (-0.9, 0.9)]
for one in parts:
    one.select_set(True)
bpy.ops.object.join()
body = bpy.context.object
body.name = "Body"
before = scenes.fingerprint()
def vertices():
    depsgraph = bpy.context.evaluated_depsgraph_get()
    evaluated = body.evaluated_get(depsgraph)
    return [tuple(evaluated.matrix_world @ vertex.co) for vertex in evaluated.data.vertices]
still = vertices()
outcome = bpy.ops.animamimic.auto_rig(job_folder=arguments[0])
first = body.find_armature().name
again = bpy.ops.animamimic.auto_rig(job_folder=arguments[0])
armature = body.find_armature()
moved = max((Vector(a) - Vector(b)).length for a, b in zip(still, vertices()))
sums = [sum(group.weight for group in vertex.groups) for vertex in body.data.vertices]
collections = {one.name: len(one.bones) for one in armature.data.collections}
tell(
    outcomes=[*outcome, *again], first=first, second=armature.name, armatures=len([one for one in bpy.data.objects if one.type == "ARMATURE"]),
    moved=moved, sums=[min(sums), max(sums)], animated=armature.animation_data is not None and armature.animation_data.action is not None,
    actions=len(bpy.data.actions), names=[bone.name for bone in armature.data.bones], collections=collections, made=session.last_made().as_json(),
)
left = [bone for bone in armature.pose.bones if bone.name.endswith(".L")]
bpy.context.view_layer.objects.active = armature
bpy.ops.object.mode_set(mode="POSE")
for bone in left:
    bone.rotation_quaternion = (0.9, 0.2, -0.3, 0.25)
bpy.ops.pose.select_all(action="SELECT")
bpy.context.view_layer.update()
posed = {bone.name: bone.tail.copy() for bone in left}
bent = max((bone.tail - bone.bone.tail_local).length for bone in left)
bpy.ops.pose.copy()
bpy.ops.pose.paste(flipped=True)
bpy.context.view_layer.update()
plane = Vector((2 * armature.data.bones["root"].head_local.x, 0, 0))
worst = max((plane + posed[bone.name] * Vector((-1, 1, 1)) - armature.pose.bones[bone.name[:-2] + ".R"].tail).length for bone in left)
bpy.ops.object.mode_set(mode="OBJECT")
bpy.context.view_layer.objects.active = body
tell(mirrored=worst, bent=bent, pairs=len(left))
bpy.ops.animamimic.remove_result()
after = scenes.fingerprint()
tell(left_over=sorted(name for name in {*before, *after} if before.get(name) != after.get(name)))
"""


@pytest.fixture
def rigged(blender, tmp_path):
    """What the script told."""
    return blender(RUN, tmp_path / "job", timeout=300)


def test_a_body_is_rigged_alone_mirrors_and_is_as_before_when_the_rig_is_removed(rigged):
    assert rigged["outcomes"] == ["FINISHED", "FINISHED"]
    assert (rigged["first"], rigged["second"], rigged["armatures"]) == ("Body Rig", "Body Rig", 1)  # the second run replaced the first
    assert rigged["moved"] < 1e-5
    assert rigged["sums"] == pytest.approx([1.0, 1.0], abs=1e-4)
    assert (rigged["animated"], rigged["actions"]) == (False, 0)
    assert rigged["names"][0] == "root"
    assert "Trunk" in rigged["collections"] and sum(rigged["collections"].values()) == len(rigged["names"])
    assert (rigged["made"]["armature"], rigged["made"]["bones"], rigged["made"]["action"]) == ("Body Rig", len(rigged["names"]), "")
    assert rigged["pairs"] >= 2 and rigged["bent"] > 0.1
    assert rigged["mirrored"] < 1e-4  # metres: the pose of the left side, pasted flipped, is the mirror image on the right
    assert rigged["left_over"] == []
