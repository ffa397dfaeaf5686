"""A limb is flipped in depth: the camera sees the same, the keys stay few and editable."""

import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="the bpy module is not installed")
sys.path.append(str(Path(__file__).resolve().parent))

import rigs  # noqa: E402
from animamimic.animamimic_addon import compat, results  # noqa: E402
from animamimic.animamimic_addon.flip import flip_limb  # noqa: E402
from animamimic.core.errors import InputError  # noqa: E402

pytestmark = pytest.mark.blender

FRAMES = range(1, 12)


@pytest.fixture(params=["QUATERNION", "XYZ"])
def arm(request):
    """Two bones up Z that bend towards a camera on -Y, keyed at three of eleven frames."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    arm = rigs.add_arm(rigs.add_bar(), mode=request.param)
    rigs.add_camera(location=(0.0, -20.0, 1.0))
    channel = "rotation_quaternion" if request.param == "QUATERNION" else "rotation_euler"
    for frame, angle in ((1, 0.4), (6, 0.8), (11, 0.6)):
        for bone, share in (("lower", 1.0), ("upper", 0.7)):
            rigs.pose(arm.pose.bones[bone], share * angle)
            arm.pose.bones[bone].keyframe_insert(channel, frame=frame)
    return arm


def joints(arm):
    """float64[T, 3, 3]: elbow and hand before each frame's camera, and the shoulder, world space."""
    found = []
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        lower, upper = arm.pose.bones["lower"], arm.pose.bones["upper"]
        found.append([arm.matrix_world @ point for point in (lower.head, upper.head, upper.tail)])
    return np.array(found, np.float64)


def seen(points):
    """The points as the camera at (0, -20, 1) sees them, along +Y."""
    away = points - [0.0, -20.0, 1.0]
    return away[..., [0, 2]] / away[..., 1:2]


def keys(arm):
    return sorted({round(point.co[0]) for curve in compat.curves_of(results.played_by(arm)) for point in curve.keyframe_points})


def test_the_whole_limb_turns_from_towards_the_camera_to_away_and_looks_the_same(arm):
    before = joints(arm)
    assert (before[:, 1:, 1] < -0.1).all()  # nearer than the shoulder
    assert flip_limb(bpy.context, arm, "lower") == FRAMES
    after = joints(arm)
    assert (after[:, 1:, 1] > 0.1).all()
    np.testing.assert_allclose(seen(after), seen(before), atol=0.001)
    np.testing.assert_allclose(np.linalg.norm(np.diff(after, axis=1), axis=-1), 1, atol=1e-5)
    assert keys(arm) == [1, 6, 11]


def test_a_part_of_the_limb_and_of_the_frames_leaves_the_rest(arm):
    before = joints(arm)
    assert flip_limb(bpy.context, arm, "upper", 5, 8) == range(5, 9)
    after = joints(arm)
    np.testing.assert_allclose(after[:, :2], before[:, :2], atol=1e-6)
    turned = (after[:, 2, 1] > after[:, 1, 1]).tolist()
    assert turned == [5 <= frame <= 8 for frame in FRAMES]
    np.testing.assert_allclose(seen(after), seen(before), atol=0.001)
    assert keys(arm) == [1, 4, 5, 6, 8, 9, 11]


def test_what_cannot_be_flipped_is_told(arm):
    with pytest.raises(InputError, match="no bone 'tail'"):
        flip_limb(bpy.context, arm, "tail")
    with pytest.raises(InputError, match="runs from 1 to 11"):
        flip_limb(bpy.context, arm, "upper", 20, 30)
    bpy.context.scene.camera = None
    with pytest.raises(InputError, match="no camera"):
        flip_limb(bpy.context, arm, "upper")
    arm.animation_data_clear()
    with pytest.raises(InputError, match="plays no Action"):
        flip_limb(bpy.context, arm, "upper")
