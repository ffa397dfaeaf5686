"""The result leaves Blender and comes back: skeleton, clip and shape keys through FBX, glTF and USD."""

import pytest

EXPORT = """
import numpy as np
import pretend, rigs, scenes
from mathutils.kdtree import KDTree
process = part("animamimic_addon.process")
process.SCRIPT = pretend.FAKE
os.environ["FAKE_ENGINE"], os.environ["FAKE_TISSUE"], os.environ["FAKE_STRETCH"] = "animate", "1", "1"
folder, kind = Path(arguments[0]), arguments[1]
(folder / "clip.mp4").write_bytes(b"the pretending engine does not look")
FRAMES = 5
for name in ("io_scene_fbx", "io_scene_gltf2"):
    addon_utils.enable(name)
bar = scenes.make_bar_scene()
outcome, error = pretend.press(video=str(folder / "clip.mp4"), job_folder=str(folder / "job"), tissue="PHYSICS")
assert outcome == "FINISHED", error
scene = bpy.context.scene
first = int(bar.find_armature().animation_data.action.frame_range[0])
scene.frame_start, scene.frame_end = first, first + FRAMES - 1
before = [rigs.world_vertices([bar], frame) for frame in range(first, first + FRAMES)]
rest_keys = {one.name for one in bar.data.shape_keys.key_blocks[1:]}
bones = {one.name for one in bar.find_armature().data.bones}
path = str(folder / ("out." + {"FBX": "fbx", "GLTF": "glb", "USD": "usdc"}[kind]))
rigs.select(bar, bar.find_armature())
if kind == "FBX":
    bpy.ops.export_scene.fbx(filepath=path, use_selection=True, add_leaf_bones=False, bake_anim_simplify_factor=0.0, object_types={"ARMATURE", "MESH"})
elif kind == "GLTF":
    bpy.ops.export_scene.gltf(filepath=path, use_selection=True, export_animation_mode="ACTIVE_ACTIONS")
else:
    bpy.ops.wm.usd_export(filepath=path, selected_objects_only=True, export_animation=True, export_armatures=True, export_shapekeys=True)
bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
for name in ("io_scene_fbx", "io_scene_gltf2"):
    addon_utils.enable(name)
if kind == "FBX":
    bpy.ops.import_scene.fbx(filepath=path)
elif kind == "GLTF":
    bpy.ops.import_scene.gltf(filepath=path)
else:
    bpy.ops.wm.usd_import(filepath=path)
(armature,) = [one for one in bpy.data.objects if one.type == "ARMATURE"]
(mesh,) = [one for one in bpy.data.objects if one.type == "MESH" and one.find_armature() is not None]
begins = int(min((one.frame_range[0] for one in bpy.data.actions), default=first)) if kind != "USD" else first
def furthest(points, others):
    tree = KDTree(len(others))
    for index, one in enumerate(others):
        tree.insert(one, index)
    tree.balance()
    return max(tree.find(one)[2] for one in points)
errors, still = [], []
for index, points in enumerate(before):
    found = rigs.world_vertices([mesh], begins + index)
    errors.append(max(furthest(points, found), furthest(found, points)))
    still.append(float(np.abs(points - before[0]).max()))
heights = [float(np.ptp(points[:, 2])) for points in before]
diagonal = float(np.linalg.norm(np.ptp(before[0], axis=0)))
keys = mesh.data.shape_keys
tell(errors=[one / diagonal for one in errors], moves=max(still) / diagonal, taller=heights[-1] / heights[0], bones=sorted(bones), found=sorted(one.name for one in armature.data.bones),
     keys=sorted(rest_keys), found_keys=sorted(one.name for one in keys.key_blocks[1:]) if keys else [])
"""


@pytest.mark.parametrize("kind", ["FBX", "GLTF", "USD"])
def test_skeleton_clip_and_shape_keys_come_back(blender, tmp_path, kind):
    ran = blender(EXPORT, tmp_path, kind)
    assert ran["moves"] > 0.1  # standing still would not do
    assert ran["taller"] > 1.1  # nor would bones that keep their size
    assert max(ran["errors"]) < 0.01  # of the diagonal
    assert [name.replace("_", ".") for name in ran["found"]] == ran["bones"]
    assert [name.replace("_", " ") for name in ran["found_keys"]] == ran["keys"]
