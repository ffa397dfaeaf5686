"""Scene -> job folder for motion beyond the bones alone: the character, and what its armature does over the frame range as the scene plays it."""

from pathlib import Path

import numpy as np
from mathutils import Matrix

from ..core import job
from ..core.bone_scale import parted
from ..core.errors import InputError
from ..core.settings import Settings
from ..core.types import Float64, Int32, Mesh, Motion, Rig, View
from . import results
from .bone_motion import SAME_SIZE
from .camera import check_in_view, view_of
from .capture import captured_meshes, check_online, check_visible, subject_mesh
from .captured import Captured, write_captured
from .datablocks import Context, Scene
from .fitted_flesh import remembered
from .job_folder import make_folder, writing
from .kept_rig import kept_rig, pose_of
from .scene_state import at_frame, in_object_mode, switched_off
from .softness_group import painted_softness
from .subject import Subject, check_own_data, check_shape_keys, with_kept_rig
from .view_render import render_view

SHEAR = 0.03
"""Largest cosine between two axes of a bone above which the user is told that its shear over the motion is not followed."""

STILL = 1e-6
"""Fraction of the subject's size, or radians, by which bones that stand still may stray."""


def capture_motion(context: Context, subject: Subject, settings: Settings, folder: Path, task: job.Task = job.Task.TISSUE) -> Captured:
    """Write the job of finding what `subject` does beyond its armature's motion into `folder`; task: by simulating its flesh, or RESTORE.

    The frame range is that of `settings.video`, or the scene's. The scene is as before when this returns, also by an error.
    Raises InputError for what cannot be simulated (each with its sentence), EngineError where the folder cannot be written.
    """
    if subject.armature is None:
        raise InputError(f"'{subject.name}' has no armature whose motion its flesh could follow.", "Animate it first, or select a rigged character.")
    subject = with_kept_rig(subject)
    check_visible(context, subject)
    check_own_data(subject)
    check_shape_keys(subject)
    frames = _frames(context.scene, settings)
    make_folder(folder)
    with (
        writing(folder),
        in_object_mode(context),
        at_frame(context.scene, frames.start),
        switched_off(context, results.switches_to_plain(subject.meshes, True)),
    ):
        return _write_scene(context, subject, settings, folder, frames, task)


def capture_coarse(context: Context, subject: Subject, settings: Settings, folder: Path) -> Captured:
    """As `capture_motion`, for a video model that shall imagine what the bones leave out: with the scene camera's picture."""
    check_online(settings.generate.allow_download)
    return capture_motion(context, subject, settings, folder, job.Task.RESTORE)


def _frames(scene: Scene, settings: Settings) -> range:
    start = settings.video.frame_start or scene.frame_start
    end = settings.video.frame_end or scene.frame_end
    if end <= start:
        raise InputError(f"The frame range {start} to {end} has no motion in it.", "Set Frame Start and End, or the scene's range, to at least two frames.")
    return range(start, end + 1)


def _write_scene(context: Context, subject: Subject, settings: Settings, folder: Path, frames: range, task: job.Task) -> Captured:
    scene, armature = context.scene, subject.armature
    assert armature is not None
    mesh, counts = subject_mesh(context, subject)
    pose = pose_of(armature, context.evaluated_depsgraph_get())
    rig, notes = kept_rig(context, subject, mesh, pose)
    view = _picture(context, subject, mesh, folder) if task is job.Task.RESTORE else None
    motion, told = motion_of(rig, _poses(context, subject, frames), mesh.diagonal)
    captured = Captured(
        subject=subject.name,
        scene=scene.name,
        start_frame=frames.start,
        keep_rig=True,
        armature=armature.name,
        meshes=captured_meshes(context, subject, counts, mesh.diagonal, True),
        bones=pose.names,
        pose=pose.posed,
        armature_world=np.array(armature.matrix_world, np.float64),
        notes=notes + told,
    )
    fps = scene.render.fps / scene.render.fps_base
    softness, fitted = painted_softness(context, subject), remembered(subject.meshes)
    request = job.Request(settings, mesh, rig, view, fps, frame_count=len(frames), task=task, motion=motion, softness=softness, fitted=fitted)
    job.write_request(folder, request)
    write_captured(folder, captured)
    return captured


def _picture(context: Context, subject: Subject, mesh: Mesh, folder: Path) -> View:
    """What the scene's camera sees of the subject as it stands, rendered into the job folder."""
    view = view_of(context.scene, context.scene.camera, context.evaluated_depsgraph_get())
    check_in_view(subject.name, mesh.vertices, view)
    render_view(context.scene, context.scene.camera, subject, folder / job.VIEW_FILE)
    return view


def _poses(context: Context, subject: Subject, frames: range) -> Float64:
    """float64[T, B, 4, 4]: where the bones are in every frame, world space; leaves the scene at the first."""
    found = []
    for frame in frames:
        if frame != frames.start:
            context.scene.frame_set(frame)
        found.append(pose_of(subject.armature, context.evaluated_depsgraph_get()).posed)
    context.scene.frame_set(frames.start)
    return np.array(found)


def motion_of(rig: Rig, poses: Float64, diagonal: float) -> tuple[Motion, tuple[str, ...]]:
    """What the bones do, see `core.types.Motion`, and what the user should know about it.

    rig: in the first frame. poses: float64[T, B, 4, 4], world space.
    """
    moved = poses @ np.linalg.pinv(poses[0])
    local = moved.copy()
    for bone, parent in enumerate(rig.parents.tolist()):
        if parent >= 0:
            local[:, bone] = np.linalg.pinv(moved[:, parent]) @ moved[:, bone]
    turns, scales, shear = parted(rig, local[..., :3, :3])
    heads = rig.heads
    translations = np.einsum("tbij,bj->tbi", local[..., :3, :3], heads) + local[..., :3, 3] - heads
    told: tuple[str, ...] = ()
    if shear > SHEAR:
        told += ("Some bones are sheared in this motion, which the simulated flesh does not follow.",)
    if np.abs(moved[1:] - np.eye(4)).max() < STILL * max(1.0, diagonal):
        told += ("The armature does not move in this frame range.",)
    scales[np.abs(scales - 1) < SAME_SIZE] = 1.0
    return Motion(_rotations(turns), translations, np.ones(len(rig.names), np.float32), scales), told


def _rotations(matrices: Float64) -> Float64:
    """float64[T, B, 4]: quaternions of matrices [T, B, 3, 3], continuous in time."""
    found = np.array([[Matrix(one).to_quaternion()[:] for one in row] for row in matrices.tolist()], np.float64)
    flips: Int32 = np.cumsum((found[1:] * found[:-1]).sum(-1) < 0, axis=0)
    found[1:] *= np.where(flips % 2 == 1, -1.0, 1.0)[..., None]
    return found / np.linalg.norm(found, axis=-1, keepdims=True)
