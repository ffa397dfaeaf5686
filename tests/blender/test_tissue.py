"""Soft tissue in Blender: baked on the motion that is there, exact under the modifiers, scaled by one factor, and taken away again."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="the bpy module is not installed")
sys.path.append(str(Path(__file__).resolve().parent))

import engine_side  # noqa: E402
import rigs  # noqa: E402
import scenes  # noqa: E402
from animamimic.animamimic_addon import soft_factor  # noqa: E402
from animamimic.animamimic_addon.capture_motion import capture_motion  # noqa: E402
from animamimic.animamimic_addon.captured import read_captured  # noqa: E402
from animamimic.animamimic_addon.removal import remove  # noqa: E402
from animamimic.animamimic_addon.softness_group import NAME  # noqa: E402
from animamimic.animamimic_addon.subject import subject_of  # noqa: E402
from animamimic.animamimic_addon.tissue_bake import bake_tissue_job  # noqa: E402
from animamimic.core import job  # noqa: E402
from animamimic.core.errors import InputError  # noqa: E402
from animamimic.core.settings import from_flat  # noqa: E402
from animamimic.core.types import TissueParameters  # noqa: E402

pytestmark = pytest.mark.blender

START, END = 5, 16
QUICK = {"tissue_resolution": 8.0, "material": "CUSTOM", "stiffness": 1e5, "damping": 2.0, "tissue_limit": 50.0, "shape_keys": 32}


@pytest.fixture
def character():
    """A bar whose upper bone swings, keyed by hand from frame 5 to 16."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.render.fps = START, END, 24
    bar = rigs.add_bar(rings=17)
    arm = rigs.add_arm(bar, connected=False)
    swing(arm, 0.6)
    scene.frame_set(START)
    return bar, arm


def swing(arm, angle):
    bone = arm.pose.bones["upper"]
    for frame, share in ((START, 0.0), (8, 1.0), (11, -1.0), (END, 0.0)):
        rigs.pose(bone, share * angle)
        bone.keyframe_insert("rotation_quaternion", frame=frame)


def simulate(folder, *objects, **settings):
    """The operator's two halves with the engine between them; returns the request and what was made."""
    rigs.select(*objects)
    subject = subject_of(bpy.context.view_layer.objects.active, bpy.context.selected_objects)
    captured = capture_motion(bpy.context, subject, from_flat({**QUICK, **settings}), folder)
    assert engine_side.run(folder) == 0, (folder / job.PROGRESS_FILE).read_text()
    return job.read_request(folder), bake_tissue_job(bpy.context, captured, folder)


def assert_exact(meshes, folder):
    plain, soft = engine_side.simulated_surface(folder)
    diagonal = job.read_request(folder).mesh.diagonal
    assert np.abs(soft).max() > 0.01 * diagonal, "there is soft motion to get right"
    for number in range(len(plain)):
        found = rigs.world_vertices(meshes, START + number)
        assert np.linalg.norm(found - plain[number] - soft[number], axis=1).max() < 1e-3 * diagonal, f"frame {number}"


def test_what_blender_shows_is_the_simulation_and_nothing_else_changes(character, tmp_path):
    bar, arm = character
    before = scenes.fingerprint()
    _, made = simulate(tmp_path / "job", arm)
    np.testing.assert_allclose(engine_side.simulated_surface(tmp_path / "job")[0][3], plain_pose(bar, 8), atol=1e-4)
    assert_exact([bar], tmp_path / "job")
    bpy.context.scene.frame_set(START)
    changed = scenes.changes(before, scenes.fingerprint())
    assert made.shape_keys == len(bar.data.shape_keys.key_blocks) - 1
    assert not [name for name in changed if "Arm" in name and name.startswith(("objects/Arm", "armatures", "actions/Arm"))], changed


def plain_pose(bar, frame):
    """The bar without its soft shape keys."""
    for key in bar.data.shape_keys.key_blocks[1:]:
        key.mute = True
    found = rigs.world_vertices([bar], frame)
    for key in bar.data.shape_keys.key_blocks[1:]:
        key.mute = False
    return found


def test_it_is_exact_beside_shape_keys_of_the_user_and_a_scaled_turned_object(character, tmp_path):
    bar, arm = character
    bar.shape_key_add(name="Basis", from_mix=False)
    fat = bar.shape_key_add(name="Fat", from_mix=False)
    for vertex in fat.data:
        vertex.co.x *= 1.4
    fat.value = 0.5
    arm.rotation_euler, arm.scale = (0.2, 0.1, 0.5), (2.0, 2.0, 2.0)
    bpy.context.view_layer.update()
    simulate(tmp_path / "job", arm)
    assert_exact([bar], tmp_path / "job")
    assert fat.value == 0.5 and [key.name for key in bar.data.shape_keys.key_blocks][:2] == ["Basis", "Fat"]


def test_it_is_near_beside_subdivision(character, tmp_path):
    bar, arm = character
    bar.modifiers.new("Subdivision", "SUBSURF").levels = 1
    simulate(tmp_path / "job", arm)
    plain, soft = engine_side.simulated_surface(tmp_path / "job")
    assert len(plain[0]) > 3 * len(bar.data.vertices)
    missed = [np.linalg.norm(rigs.world_vertices([bar], START + number) - plain[number] - soft[number], axis=1).max() for number in range(len(plain))]
    assert max(missed) < 0.2 * np.linalg.norm(soft, axis=2).max()


def test_it_is_exact_at_the_modelled_vertices_beside_mirror(character, tmp_path):
    bar, arm = character
    for vertex in bar.data.vertices:
        vertex.co.x = max(vertex.co.x, 0.0) + 0.02
    mirror = bar.modifiers.new("Mirror", "MIRROR")
    mirror.use_mirror_merge = False
    bar.modifiers.move(1, 0)
    request, _ = simulate(tmp_path / "job", arm)
    plain, soft = engine_side.simulated_surface(tmp_path / "job")
    modelled = slice(0, len(bar.data.vertices))
    for number in range(len(plain)):
        found = rigs.world_vertices([bar], START + number)
        error = np.linalg.norm(found - plain[number] - soft[number], axis=1)
        assert error[modelled].max() < 1e-3 * request.mesh.diagonal


def test_baking_again_follows_the_new_keys_keeps_the_factor_and_replaces_only_ours(character, tmp_path):
    bar, arm = character
    simulate(tmp_path / "first", arm)
    soft_factor.set_factor(arm, 0.5)
    names = sorted(scenes.fingerprint())
    swing(arm, 0.3)
    bpy.context.scene.frame_set(START)
    simulate(tmp_path / "second", bar)
    assert sorted(scenes.fingerprint()) == names
    assert soft_factor.factor_of(arm) == pytest.approx(0.5)
    soft_factor.set_factor(arm, 1.0)
    assert_exact([bar], tmp_path / "second")


def test_fitted_plays_the_flesh_that_the_last_video_told_of(character, tmp_path):
    _, arm = character
    simulate(tmp_path / "untold", arm, tissue="FITTED")
    assert "No video has told" in (tmp_path / "untold" / job.PROGRESS_FILE).read_text()
    fitted = TissueParameters(np.array([4.5e5]), 7.0, 0.4)
    result = job.read_result(tmp_path / "untold")
    job.write_result(tmp_path / "untold", replace(result, tissue=replace(result.tissue, fitted=fitted)))
    bake_tissue_job(bpy.context, read_captured(tmp_path / "untold"), tmp_path / "untold")
    _, made = simulate(tmp_path / "preset", arm)
    assert made.report["tissue"]["stiffness"] == [QUICK["stiffness"]], "a preset is a preset"
    _, made = simulate(tmp_path / "told", arm, tissue="FITTED")
    assert made.report["tissue"]["stiffness"] == [4.5e5] and made.report["tissue"]["damping"] == 7.0
    assert "No video has told" not in (tmp_path / "told" / job.PROGRESS_FILE).read_text()


def test_the_factor_scales_all_soft_motion_and_survives_in_the_file(character, tmp_path):
    bar, arm = character
    simulate(tmp_path / "job", arm)
    plain, soft = engine_side.simulated_surface(tmp_path / "job")
    frame = int(np.abs(soft).max(axis=(1, 2)).argmax())
    full = rigs.world_vertices([bar], START + frame) - plain[frame]
    soft_factor.set_factor(arm, 0.25)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "kept.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "kept.blend"))
    bar, arm = bpy.data.objects["Bar"], bpy.data.objects["Arm"]
    assert soft_factor.factor_of(bar) == pytest.approx(0.25)
    np.testing.assert_allclose(rigs.world_vertices([bar], START + frame) - plain[frame], 0.25 * full, atol=2e-5)
    soft_factor.register()
    try:
        arm.animamimic_soft_tissue = 1.0  # as the panel's slider does
    finally:
        soft_factor.unregister()
    np.testing.assert_allclose(rigs.world_vertices([bar], START + frame) - plain[frame], full, atol=2e-5)


def test_the_softness_group_is_left_painted_respected_and_removed_only_if_untouched(character, tmp_path):
    bar, arm = character
    before = scenes.fingerprint()
    request, _ = simulate(tmp_path / "first", arm)
    assert request.softness is None
    group = bar.vertex_groups[NAME]
    assert group.weight(0) > 0.05
    rigs.select(bar)
    remove(bpy.context, subject_of(bar, [bar]))
    bpy.context.scene.frame_set(START)
    rigs.select(arm)
    assert scenes.changes(before, scenes.fingerprint()) == []

    top = [vertex.index for vertex in bar.data.vertices if vertex.co.z > 1.0]
    painted = bar.vertex_groups.new(name=NAME)
    painted.add(range(len(bar.data.vertices)), 0.0, "REPLACE")
    painted.add([vertex.index for vertex in bar.data.vertices if vertex.co.z <= 1.0], 1.0, "REPLACE")
    request, _ = simulate(tmp_path / "second", arm)
    np.testing.assert_allclose(request.softness[top], 0.0)
    offsets = np.abs(job.read_result(tmp_path / "second").tissue.offsets).max(axis=(0, 2))
    assert offsets[[vertex.index for vertex in bar.data.vertices if vertex.co.z > 1.6]].max() < 0.05 * offsets.max()
    remove(bpy.context, subject_of(bar, [bar]))
    assert NAME in bar.vertex_groups


@pytest.mark.parametrize("case", ["no armature", "one frame", "all firm"])
def test_what_cannot_be_simulated_gets_one_sentence(character, tmp_path, case):
    bar, arm = character
    if case == "no armature":
        bar.modifiers.clear()
        bar.parent = None
        with pytest.raises(InputError, match="no armature"):
            simulate(tmp_path / "job", bar)
    elif case == "one frame":
        bpy.context.scene.frame_end = START
        with pytest.raises(InputError, match="no motion in it"):
            simulate(tmp_path / "job", arm)
    else:
        bar.vertex_groups.new(name=NAME)
        rigs.select(arm)
        capture_motion(bpy.context, subject_of(arm, [arm]), from_flat(QUICK), tmp_path / "job")
        assert engine_side.run(tmp_path / "job") == 2
        told = [json.loads(line)["text"] for line in (tmp_path / "job" / job.PROGRESS_FILE).read_text().splitlines()]
        assert "Softness vertex group is 0 everywhere" in told[-1]
