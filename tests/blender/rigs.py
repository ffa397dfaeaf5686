"""Runs inside Blender: subjects with and without rigs, motions, and what linear blend skinning should make of them."""

import bpy
import numpy as np
from animamimic.core.types import Keys, Motion
from mathutils import Matrix


def world_vertices(objects, frame=None):
    """float64[V, 3]: the evaluated vertices of the objects, one after the other, at a scene frame."""
    scene = bpy.context.scene
    if frame is not None:
        scene.frame_set(frame)
    bpy.context.view_layer.update()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    parts = []
    for one in objects:
        evaluated = one.evaluated_get(depsgraph)
        mesh = evaluated.to_mesh()
        local = np.array([vertex.co[:] for vertex in mesh.vertices], np.float64)
        world = np.array(evaluated.matrix_world, np.float64)
        parts.append(local @ world[:3, :3].T + world[:3, 3])
        evaluated.to_mesh_clear()
    return np.concatenate(parts)


def add_bar(name="Bar", rings=9, length=2.0, at=(0.0, 0.0, 0.0)):
    """A square bar 0.4 m thick along +Z from z = 0 to `length`, with rings of four vertices; active and selected."""
    z = np.linspace(0.0, length, rings)
    square = 0.2 * np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
    vertices = np.concatenate([np.c_[square, np.full(4, height)] for height in z]) + at
    faces = [(4 * r + i, 4 * r + (i + 1) % 4, 4 * r + 4 + (i + 1) % 4, 4 * r + 4 + i) for r in range(rings - 1) for i in range(4)]
    faces += [(3, 2, 1, 0), tuple(4 * (rings - 1) + i for i in range(4))]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], faces)
    bar = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(bar)
    select(bar)
    return bar


def select(*objects):
    """Select these alone; the first is active."""
    bpy.context.view_layer.update()
    for one in bpy.context.view_layer.objects:
        one.select_set(one in objects)
    bpy.context.view_layer.objects.active = objects[0]


def add_camera(location=(0.0, -8.0, 1.0), **data):
    """The scene's camera, looking along +Y."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    for name, value in data.items():
        setattr(camera.data, name, value)
    camera.location, camera.rotation_euler = location, (np.pi / 2, 0.0, 0.0)
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    return camera


def add_arm(bar, mode="QUATERNION", connected=True, name="Arm"):
    """Two bones of 1 m up the bar, weights blending over the middle half; the bar becomes the armature's child."""
    data = bpy.data.armatures.new(name)
    arm = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(arm)
    select(arm)
    bpy.ops.object.mode_set(mode="EDIT")
    lower = data.edit_bones.new("lower")
    lower.head, lower.tail = (0, 0, 0), (0, 0, 1)
    upper = data.edit_bones.new("upper")
    upper.head, upper.tail = (0, 0, 1), (0, 0, 2)
    upper.parent, upper.use_connect = lower, connected
    bpy.ops.object.mode_set(mode="OBJECT")
    for bone in arm.pose.bones:
        bone.rotation_mode = mode
    for group in ("lower", "upper"):
        bar.vertex_groups.new(name=group)
    for vertex in bar.data.vertices:
        share = float(np.clip((vertex.co.z - 0.5) / 1.0, 0.0, 1.0))
        bar.vertex_groups["lower"].add((vertex.index,), 1.0 - share, "REPLACE")
        bar.vertex_groups["upper"].add((vertex.index,), share, "REPLACE")
    modifier = bar.modifiers.new("Armature", "ARMATURE")
    modifier.object = arm
    bar.parent = arm
    select(arm)
    bpy.context.view_layer.update()
    return arm


def pose(bone, angle, axis=(1.0, 0.0, 0.0)):
    """Turn a pose bone about an axis of its own."""
    turn = Matrix.Rotation(angle, 4, axis)
    bone.matrix_basis = turn
    bpy.context.view_layer.update()


def swing(rig, frames=7, angle=0.8, slide=0.0, seed=0, stretch=0.0):
    """A motion in which every bone swings about an axis of its own and roots move `slide` metres; frame 0 is the identity.

    stretch: the bones become so much longer and thinner, and shorter and thicker, in turn.
    """
    random = np.random.default_rng(seed)
    count = len(rig.names)
    axes = random.normal(size=(count, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    time = np.linspace(0.0, 1.0, frames)
    angles = angle * np.sin(4.0 * time)[:, None] * random.uniform(0.4, 1.0, count)
    rotations = np.concatenate([np.cos(angles / 2)[..., None], np.sin(angles / 2)[..., None] * axes], -1)
    translations = np.zeros((frames, count, 3))
    translations[:, rig.parents < 0] = slide * time[:, None, None] * np.array([1.0, -0.5, 0.25])
    longer = np.exp(stretch * np.sin(5.0 * time)[:, None] * (-1.0) ** np.arange(count))
    scales = np.stack([longer**-0.5, longer, longer**-0.5], -1)
    return Motion(rotations, translations, np.ones(count, np.float32), scales)


def every_frame(motion):
    """Keys on every frame."""
    frames = np.arange(len(motion.rotations), dtype=np.int32)
    return Keys(tuple(frames for _ in range(motion.rotations.shape[1])), frames, 0.0)


def skinned(rig, motion, offsets=None):
    """float64[T, V, 3]: linear blend skinning straight from the definitions in core.types, point by point.

    offsets: float[T, V, 3] added to the rest vertices, or None.
    """
    frames = []
    for t in range(len(motion.rotations)):
        world = []
        for b, parent in enumerate(rig.parents):
            local = np.eye(4)
            w, x, y, z = motion.rotations[t, b]
            skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
            local[:3, :3] = np.eye(3) + 2 * w * skew + 2 * skew @ skew
            y = (rig.tails[b] - rig.heads[b]) / np.linalg.norm(rig.tails[b] - rig.heads[b])
            x = np.cross(y, rig.z_axes[b]) / np.linalg.norm(np.cross(y, rig.z_axes[b]))
            axes = np.stack([x, y, np.cross(x, y)], 1)
            local[:3, :3] = local[:3, :3] @ axes @ np.diag(motion.scales[t, b]) @ axes.T
            local[:3, 3] = rig.heads[b] + motion.translations[t, b] - local[:3, :3] @ rig.heads[b]
            world.append(local if parent < 0 else world[parent] @ local)
        bound = [matrix[:3] @ np.vstack([rig.bind[b], [0, 0, 0, 1]]) for b, matrix in enumerate(world)]
        rest = rig.rest.astype(np.float64) + (0.0 if offsets is None else offsets[t])
        points = np.zeros_like(rest)
        for k in range(rig.influences.shape[1]):
            chosen = np.array(bound)[rig.influences[:, k]]
            points += rig.weights[:, k, None] * (np.einsum("vij,vj->vi", chosen[:, :, :3], rest) + chosen[:, :, 3])
        frames.append(points)
    return np.array(frames)
