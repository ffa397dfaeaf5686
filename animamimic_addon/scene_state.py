"""Look at the scene in another state, and leave it as it was: each a context manager, restored also after errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy

from .datablocks import ArmatureObject, Context, Scene


@contextmanager
def in_scene(context: Context, name: str) -> Iterator[None]:
    """In the scene of that name, whichever the window shows: operators act on the window's. Where there is none, in the one that is shown."""
    scene, window = bpy.data.scenes.get(name), context.window
    if scene is None or window is None or scene == context.scene:
        yield
        return
    shown, layer = window.scene, window.view_layer
    window.scene = scene
    try:
        yield
    finally:
        window.scene = shown
        window.view_layer = layer


@contextmanager
def at_frame(scene: Scene, frame: int) -> Iterator[None]:
    """Stand at `frame`. Where the scene stands there already it is not touched, so that poses without keys stay."""
    before, subframe = scene.frame_current, scene.frame_subframe
    moved = (before, subframe) != (frame, 0.0)
    if moved:
        scene.frame_set(frame)
    try:
        yield
    finally:
        if moved:
            scene.frame_set(before, subframe=subframe)


@contextmanager
def in_object_mode(context: Context) -> Iterator[None]:
    """Object mode, so that edits still in Edit Mode count. Mode, active object and selection come back."""
    layer = context.view_layer
    active, selected = layer.objects.active, [one for one in layer.objects if one.select_get(view_layer=layer)]
    mode: Any = active.mode if active is not None else "OBJECT"
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    try:
        yield
    finally:
        if layer.objects.active is not None and layer.objects.active.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        for one in layer.objects:
            one.select_set(one in selected, view_layer=layer)
        layer.objects.active = active
        if mode != "OBJECT":
            bpy.ops.object.mode_set(mode=mode)


@contextmanager
def in_rest_pose(context: Context, armature: ArmatureObject) -> Iterator[None]:
    """The armature in its rest pose."""
    before = armature.data.pose_position
    armature.data.pose_position = "REST"
    context.view_layer.update()
    try:
        yield
    finally:
        armature.data.pose_position = before
        context.view_layer.update()


@contextmanager
def switched_off(context: Context, switches: list[tuple[Any, str, bool]]) -> Iterator[None]:
    """Set each (owner, attribute) to the value given."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in switches]
    for owner, name, value in switches:
        setattr(owner, name, value)
    if switches:
        context.view_layer.update()
    try:
        yield
    finally:
        for owner, name, old in before:
            setattr(owner, name, old)
        if switches:
            context.view_layer.update()
