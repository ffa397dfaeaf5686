"""Scene -> job folder: the subject as the start frame shows it, the camera's picture of it, and the driving video."""

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np

from ..core import job
from ..core.errors import InputError
from ..core.settings import Settings
from ..core.types import Float32, Int32, Mesh, Rig
from . import results
from .camera import check_in_view, frame_subject, view_of
from .captured import Captured, CapturedCamera, CapturedMesh, read_captured, write_captured
from .datablocks import CameraObject, Context, Scene
from .driving import place_video
from .evaluated import FAR_APART, evaluated_mesh, modelled_vertices, triangle_array, world_vertices
from .job_folder import make_folder, writing
from .kept_rig import Pose, kept_rig, pose_of
from .scene_state import at_frame, in_object_mode, in_rest_pose, switched_off
from .softness_group import painted_softness
from .subject import Subject, check_meshes, check_own_data, check_shape_keys, left_out, with_kept_rig
from .view_render import render_view

__all__ = ["Captured", "capture", "capture_generation", "check_generation", "read_captured"]

START_PICTURE = {"longer_side": 1280, "samples": 32}
"""How the view is rendered for a model to start from, rather than for a check alone."""


def capture_generation(context: Context, subject: Subject, settings: Settings, folder: Path) -> Captured:
    """Write the job of making driving videos for `subject`, see `capture`. A video that is chosen already does not count."""
    without = replace(settings, video=replace(settings.video, video="", mask_video=""))
    return capture(context, subject, without, folder, job.Task.GENERATE)


def capture(context: Context, subject: Subject, settings: Settings, folder: Path, task: job.Task = job.Task.ANIMATE) -> Captured:
    """Write the job of animating `subject` into `folder`, and return what baking its result will need.

    The mesh is the evaluated one, in world space, at the start frame; with `settings.rig.rig` KEEP its armature goes along, and
    its pose at that frame is the pose of the first video frame. The scene is as before when this returns, also by an error.

    Raises InputError for what cannot be animated (each with its sentence), EngineError where the folder cannot be written.
    """
    keep_rig = settings.rig.rig == "KEEP"
    if keep_rig:
        subject = with_kept_rig(subject)
    check_visible(context, subject)
    soft = settings.tissue.tissue != "OFF"
    if soft or not keep_rig:
        check_own_data(subject)
    if soft:
        check_shape_keys(subject)
    start_frame, frame_count = _frames(context.scene, settings)
    make_folder(folder)
    with (
        writing(folder),
        in_object_mode(context),
        at_frame(context.scene, start_frame),
        switched_off(context, results.switches_to_plain(subject.meshes, keep_rig)),
    ):
        video, mask = _place_videos(settings, folder)
        return _write_scene(context, subject, settings, folder, (start_frame, frame_count, video, mask), task)


def _write_scene(context: Context, subject: Subject, settings: Settings, folder: Path, clip: tuple[int, int, str, str], task: job.Task) -> Captured:
    start_frame, frame_count, video, mask = clip
    scene, keep_rig = context.scene, settings.rig.rig == "KEEP"
    mesh, counts = subject_mesh(context, subject)
    rig: Rig | None = None
    pose: Pose | None = None
    notes = _left_out_note(subject)
    if keep_rig and subject.armature is not None:
        pose = pose_of(subject.armature, context.evaluated_depsgraph_get())
        rig, notes = kept_rig(context, subject, mesh, pose)
    meshes = captured_meshes(context, subject, counts, mesh.diagonal, keep_rig)
    made = frame_subject(scene, mesh.vertices) if settings.video.camera == "FRAME" else None
    try:
        camera = made or scene.camera
        context.view_layer.update()
        view = view_of(scene, camera, context.evaluated_depsgraph_get())
        check_in_view(subject.name, mesh.vertices, view)
        render_view(scene, camera, subject, folder / job.VIEW_FILE, **({} if video else START_PICTURE))
        captured_camera = _captured_camera(made) if made is not None else None
    finally:
        if made is not None:
            results.discard(made, made.data)
    captured = Captured(
        subject=subject.name,
        scene=scene.name,
        start_frame=start_frame,
        keep_rig=keep_rig,
        armature=subject.armature.name if subject.armature is not None else "",
        meshes=meshes,
        bones=pose.names if pose is not None else (),
        pose=pose.posed if pose is not None else np.zeros((0, 4, 4)),
        armature_world=np.array(subject.armature.matrix_world if subject.armature is not None else np.eye(4), np.float64),
        camera=captured_camera,
        notes=notes,
    )
    fps = scene.render.fps / scene.render.fps_base
    video_name, mask_name = (Path(one).name for one in (settings.video.video, settings.video.mask_video))
    job.write_request(folder, job.Request(settings, mesh, rig, view, fps, video, mask, frame_count, video_name, mask_name, task, softness=painted_softness(context, subject)))
    write_captured(folder, captured)
    return captured


def _left_out_note(subject: Subject) -> tuple[str, ...]:
    """What to tell where a part of a character was chosen, most often by mistake."""
    others = left_out(subject)
    if not others:
        return ()
    some = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
    return (f"Only a part of the character is chosen: its armature also moves {some}. Select them too, or the armature, if the video shows them.",)


def check_generation(settings: Settings) -> None:
    """Raise InputError unless the settings and Blender's preferences allow a video to be made."""
    wanted = settings.generate
    if not wanted.prompt.strip():
        raise InputError("No driving video is chosen.", "Choose one that shows the subject move, or write a prompt that says what it shall do.")
    check_online(wanted.allow_download or wanted.hosted)


def check_online(needed: bool) -> None:
    """Raise InputError where the network is needed and Blender's preferences forbid it."""
    if needed and not bpy.app.online_access:
        raise InputError("Blender's 'Allow Online Access' is off.", "Switch it on in the preferences (System), or use a model that is on this machine.")


def check_visible(context: Context, subject: Subject) -> None:
    """Raise InputError where an object of the subject is hidden."""
    for one in subject.meshes:
        if not one.visible_get(view_layer=context.view_layer):
            raise InputError(f"'{one.name}' is hidden in this scene.", "Show it, with its collection, in the viewport.")


def _frames(scene: Scene, settings: Settings) -> tuple[int, int]:
    """Start frame, and the number of frames wanted (0: as long as the video lasts)."""
    start = settings.video.frame_start or scene.frame_start
    end = settings.video.frame_end
    if end and end <= start:
        raise InputError(f"The frame range ends at {end}, which is not after its start at {start}.", "Set End to a later frame, or to 0.")
    return start, end - start + 1 if end else 0


def _place_videos(settings: Settings, folder: Path) -> tuple[str, str]:
    """The driving video and its mask inside the folder, '' for none."""
    wanted = settings.video
    if not wanted.video:
        check_generation(settings)
        return "", ""
    video = place_video(Path(bpy.path.abspath(wanted.video)).expanduser(), folder, "driving")
    mask = place_video(Path(bpy.path.abspath(wanted.mask_video)).expanduser(), folder, "mask") if wanted.mask_video else ""
    return video, mask


def subject_mesh(context: Context, subject: Subject) -> tuple[Mesh, list[int]]:
    """All objects' evaluated meshes in one, world space, and how many vertices each has."""
    depsgraph = context.evaluated_depsgraph_get()
    vertices: list[Float32] = []
    triangles: list[Int32] = []
    counts: list[int] = []
    for one in subject.meshes:
        with evaluated_mesh(one, depsgraph) as (evaluated, mesh):
            triangles.append(triangle_array(mesh, evaluated.matrix_world.is_negative) + sum(counts))
            vertices.append(world_vertices(evaluated, mesh))
            counts.append(len(mesh.vertices))
    whole = Mesh(np.concatenate(vertices), np.concatenate(triangles).astype(np.int32))
    check_meshes(subject, whole.vertices, whole.triangles)
    return whole, counts


def captured_meshes(context: Context, subject: Subject, counts: list[int], diagonal: float, keep_rig: bool) -> tuple[CapturedMesh, ...]:
    """How each object's modelled vertices lie in the job's mesh, counts[i] vertices of it being the i-th object's."""
    modelled = []
    for one in subject.meshes:
        indices, apart = modelled_vertices(one, context)
        if apart > FAR_APART * diagonal and not keep_rig:
            raise InputError(
                f"A modifier of '{one.name}' makes distant copies of its vertices (Mirror, Array), which cannot have bones of their own.",
                "Apply that modifier, or keep a rig of your own.",
            )
        modelled.append(indices)
    if keep_rig:
        with in_rest_pose(context, subject.armature):
            worlds = [np.array(one.matrix_world, np.float64) for one in subject.meshes]
    else:
        worlds = [np.array(one.matrix_world, np.float64) for one in subject.meshes]
    first = 0
    found = []
    for one, count, indices, world in zip(subject.meshes, counts, modelled, worlds, strict=True):
        found.append(CapturedMesh(one.name, first, count, indices + first, world))
        first += count
    return tuple(found)


def _captured_camera(camera: CameraObject) -> CapturedCamera:
    return CapturedCamera(np.array(camera.matrix_world, np.float64), camera.data.clip_start, camera.data.clip_end)
