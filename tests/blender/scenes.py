"""Runs inside Blender: small scenes to animate, and what a scene is, in a form that can be compared."""

import hashlib

import bpy

FRONT_CAMERA = (0.0, -20.0, 0.0)


def make_bar_scene(side=96):
    """A bar 1 x 1 x 4 m, standing, before an orthographic camera whose picture is 8 m wide; the bar is active and selected."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)  # read_factory_settings would disable the extension
    return add_bar(side)


def add_bar(side=96):
    """Bar and camera of `make_bar_scene`, in the scene as it is."""
    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = side
    scene.frame_start, scene.frame_end = 3, 20
    bpy.ops.mesh.primitive_cube_add(size=1.0)
    bar = bpy.context.object
    bar.name = bar.data.name = "Bar"
    bar.scale = (1.0, 1.0, 4.0)
    bpy.ops.object.transform_apply(location=False, rotation=False, scale=True)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.mesh.subdivide(number_cuts=5)
    bpy.ops.object.mode_set(mode="OBJECT")
    data = bpy.data.cameras.new("Camera")
    data.type, data.ortho_scale = "ORTHO", 8.0
    camera = bpy.data.objects.new("Camera", data)
    camera.location = FRONT_CAMERA
    camera.rotation_euler = (1.5707963, 0.0, 0.0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    bpy.context.view_layer.update()
    return bar


def add_armature(bar, weights=True):
    """An armature called Skeleton with one bone, `root`, along the bar, that deforms it; without weights it has no grip on it."""
    data = bpy.data.armatures.new("Skeleton")
    armature = bpy.data.objects.new("Skeleton", data)
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    bone = data.edit_bones.new("root")
    bone.head, bone.tail = (0.0, 0.0, -2.0), (0.0, 0.0, 2.0)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.objects.active = bar
    bar.modifiers.new("Armature", "ARMATURE").object = armature
    if weights:
        bar.vertex_groups.new(name="root").add(range(len(bar.data.vertices)), 1.0, "REPLACE")
    return armature


def fingerprint():
    """Everything of the file that a run could touch: name -> text. Equal before and after means unchanged."""
    bpy.context.view_layer.update()
    found = {"active": str(bpy.context.view_layer.objects.active), "mode": bpy.context.mode}
    found["selected"] = str(sorted(one.name for one in bpy.context.selected_objects))
    for kind in ("objects", "meshes", "armatures", "cameras", "actions", "collections", "materials", "images", "shape_keys", "scenes", "worlds", "lights"):
        for one in getattr(bpy.data, kind):
            if kind == "images" and one.type in {"RENDER_RESULT", "COMPOSITING"}:  # Blender's own buffers, not part of the file's content
                continue
            found[f"{kind}/{one.name}"] = _digest(_plain_values(one))
    for one in bpy.data.objects:
        found[f"{one.name}/modifiers"] = _digest([_plain_values(modifier) for modifier in one.modifiers])
        found[f"{one.name}/groups"] = str([group.name for group in one.vertex_groups])
        found[f"{one.name}/constraints"] = str([constraint.name for constraint in one.constraints])
        if one.pose is not None:
            found[f"{one.name}/pose"] = _digest([_plain_values(bone) for bone in one.pose.bones])
    for one in bpy.data.meshes:
        found[f"{one.name}/vertices"] = _digest([(tuple(vertex.co), [(g.group, g.weight) for g in vertex.groups]) for vertex in one.vertices])
        found[f"{one.name}/attributes"] = str(sorted(attribute.name for attribute in one.attributes))
    for one in bpy.data.scenes:
        found[f"{one.name}/render"] = _digest([_plain_values(one.render), _plain_values(one.render.image_settings), _plain_values(one.view_settings)])
    return found


def changes(before, after):
    """Names of what differs between two fingerprints."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _plain_values(owner):
    """Every property of a Blender struct that is not itself a collection; pointers by their text."""
    values = []
    for one in owner.bl_rna.properties:
        if one.type == "COLLECTION" or one.identifier in {"rna_type", "session_uid"}:
            continue
        value = getattr(owner, one.identifier)
        if one.type != "POINTER" and getattr(one, "is_array", False):
            value = str([tuple(row) if hasattr(row, "__len__") else row for row in value])
        if one.type == "POINTER":
            value = getattr(value, "name", "") if value is not None else None  # its address is no property of the scene
        values.append((one.identifier, str(value)))
    return values


def _digest(value):
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]
