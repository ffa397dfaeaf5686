"""Values as bytes: what is packed is what is unpacked, and the same value gives the same bytes."""

import dataclasses
import hashlib

import numpy as np
import pytest
from animamimic.core.packing import pack, unpack, update_hash
from animamimic.core.settings import FitSettings
from animamimic.core.types import Clip, Keys, Motion, View


def hash_of(value):
    found = hashlib.blake2b()
    update_hash(found, value)
    return found.hexdigest()


def test_dataclasses_arrays_and_plain_values_come_back_as_they_were():
    clip = Clip(np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3), np.zeros((2, 2, 2), np.uint8), 23.976)
    keys = Keys((np.array([0], np.int32), np.array([0, 3], np.int32)), np.zeros(0, np.int32), 0.1 + 0.2)
    back_clip, back_keys, report = unpack(pack((clip, keys, {"iou": [0.5, None, True], "name": "ä"})))
    assert isinstance(back_clip, Clip)
    np.testing.assert_array_equal(back_clip.frames, clip.frames)
    assert (back_clip.fps, back_clip.times, back_keys.surface_error) == (23.976, None, 0.1 + 0.2)
    assert [(one.dtype, one.tolist()) for one in back_keys.frames] == [(np.int32, [0]), (np.int32, [0, 3])]
    assert back_keys.tissue.shape == (0,)
    assert report == {"iou": [0.5, None, True], "name": "ä"}


@pytest.mark.parametrize("array", [
    np.arange(6.0).reshape(2, 3).T, np.arange(10, dtype=np.int32)[::2], np.zeros((0, 3), np.float32), np.array(7.5), np.array([np.nan, -0.0, np.inf]), np.array([True, False]),
])
def test_arrays_of_every_layout_come_back_row_major(array):
    back = unpack(pack(array))
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(back, array)
    assert back.flags.c_contiguous and back.flags.writeable
    assert pack(back) == pack(array)


def test_a_hash_tells_values_shapes_and_types_apart():
    motion = Motion(np.zeros((2, 1, 4)), np.zeros((2, 1, 3)), np.ones(1, np.float32))
    view = View(4, 3, np.eye(4), np.eye(4))
    different = [
        motion, dataclasses.replace(motion, certainty=np.ones(1, np.float64)), (motion,), [motion], view, dataclasses.replace(view, width=3, height=4),
        np.zeros((2, 3)), np.zeros((3, 2)), np.zeros((2, 3), np.float32), FitSettings(), FitSettings(seed=1), 1, 1.0, "1", True, None, {"a": 1}, {"b": 1},
    ]
    assert len({hash_of(one) for one in different}) == len(different)
    assert hash_of(np.arange(6).reshape(2, 3).T) == hash_of(np.ascontiguousarray(np.arange(6).reshape(2, 3).T))


@pytest.mark.parametrize("value", [object(), FitSettings(), np.array(["a"]), np.array([None]), {1: 2}, {1, 2}])
def test_what_cannot_be_packed_is_a_defect(value):
    with pytest.raises(TypeError, match="cannot be packed"):
        pack(value)
