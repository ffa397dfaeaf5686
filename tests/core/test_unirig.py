"""UniRig's skeleton through the programs that it has: stand-ins for them write what UniRig writes, for none of its weights are here."""

import sys

import numpy as np
import pytest
from animamimic.core.errors import InputError
from animamimic.core.rig import build_rig
from animamimic.core.rig.unirig import EXTRACT, PREDICT, TASK
from animamimic.core.settings import RigSettings
from animamimic.core.types import Mesh

EXTRACTION = '''
import sys
from pathlib import Path
import numpy as np
given = dict(one[2:].split("=", 1) for one in sys.argv[1:])
assert {"config", "require_suffix", "faces_target_count", "num_runs", "force_override", "id", "time", "input", "output_dir"} == set(given)
source = Path(given["input"])
place = Path(given["output_dir"], str(source.with_suffix("")))
place.mkdir(exist_ok=True)
none = {name: None for name in ("vertex_normals", "face_normals", "skin", "matrix_local", "no_skin", "path", "cls")}
if source.suffix == ".obj":
    lines = [line.split() for line in source.read_text().splitlines()]
    points = np.array([line[1:] for line in lines if line[0] == "v"], np.float32)[:, [0, 2, 1]] * np.float32([1, -1, 1])
    faces = np.array([line[1:] for line in lines if line[0] == "f"], int) - 1
    np.savez(place / "raw_data.npz", vertices=points, faces=faces, joints=None, tails=None, parents=None, names=None, **none)
else:
    with np.load(source.with_suffix(".npz")) as file:
        made = dict(file)
    parents = [None if parent < 0 else int(parent) for parent in made.pop("parents")]
    np.savez(place / "raw_data.npz", parents=parents, names=[str(name) for name in made.pop("names")], faces=np.zeros((1, 3), int), **made, **none)
'''
"""As src/data/extract.py reads its arguments and saves a `RawData`: lists and None become pickled arrays."""

PREDICTION = '''
import os, sys
from pathlib import Path
import numpy as np
given = dict(one[2:].split("=", 1) for one in sys.argv[1:])
assert {"task", "seed", "input", "output", "npz_dir"} == set(given)
assert os.environ["HF_HUB_OFFLINE"] == "1"
if Path("no_weights").exists():
    raise FileNotFoundError("experiments/skeleton/model.ckpt")
raw = np.load(Path(given["npz_dir"], str(Path(given["input"]).with_suffix("")), "raw_data.npz"), allow_pickle=True)
points = raw["vertices"].astype(float)
middle, half = (points.max(0) + points.min(0)) / 2, (points.max(0) - points.min(0)).max() / 2
joints = (np.array([[0, 0, 0], [0, 0, 1], [0.0, 0, 1.5]]) - middle) / half
tails = joints + [0, 0, 0.03]
np.savez(Path(given["output"]).with_suffix(".npz"), vertices=(points - middle) / half, joints=joints, tails=tails, parents=[-1, 0, 1], names=["bone_0", "bone_1", "bone_2"])
'''
"""As run.py does in its user's mode: a skeleton in the cube from -1 to 1, in a file from which the extraction reads it."""


@pytest.fixture
def unirig(tmp_path):
    """A folder that looks like UniRig's."""
    home = tmp_path / "UniRig"
    for name, text in ((EXTRACT, EXTRACTION), (PREDICT, PREDICTION), (TASK, "mode: predict")):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    return home


def bar(low, high):
    """A square bar 0.4 m thick along Z from `low` to `high`, standing 3 m beside the origin."""
    z = np.linspace(low, high, 12)
    square = 0.2 * np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
    rings = np.concatenate([np.c_[square, np.full(4, height)] for height in z])
    sides = [[4 * r + i, 4 * r + (i + 1) % 4, 4 * r + 4 + (i + 1) % 4, 4 * r + 4 + i] for r in range(11) for i in range(4)]
    quads = np.array([*sides, [3, 2, 1, 0], [44, 45, 46, 47]])
    return Mesh(rings.astype(np.float32), np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]]).astype(np.int32))


def test_the_learned_skeleton_comes_back_to_where_the_mesh_is_and_gets_our_weights(unirig):
    mesh = bar(0.0, 2.0)
    rig = build_rig(mesh, RigSettings(unirig=str(unirig), unirig_python=sys.executable))
    assert rig.names == ("bone_0", "bone_1", "bone_2")
    np.testing.assert_array_equal(rig.parents, [-1, 0, 1])
    np.testing.assert_allclose(rig.heads, [[0, 0, 0], [0, 0, 1], [0, 0, 1.5]], atol=1e-5)
    np.testing.assert_allclose(rig.tails[:2], rig.heads[1:], atol=1e-5)  # towards the only child
    assert rig.tails[2, 2] == pytest.approx(1.5 + 0.03)
    np.testing.assert_allclose(rig.weights.sum(1), 1.0, atol=1e-6)
    assert rig.influences[0, 0] == 0 and rig.weights[0, 0] > 0.9
    assert rig.influences[-1, 0] == 2


def test_no_unirig_in_the_folder_is_told_in_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"There is no UniRig in .*run\.py is missing"):
        build_rig(bar(0.0, 2.0), RigSettings(unirig=str(tmp_path)))


def test_weights_that_are_missing_are_told_in_unirigs_own_words(unirig):
    (unirig / "no_weights").touch()
    with pytest.raises(InputError, match=r"UniRig failed: FileNotFoundError: experiments/skeleton/model\.ckpt\."):
        build_rig(bar(0.0, 2.0), RigSettings(unirig=str(unirig), unirig_python=sys.executable))


def test_a_python_that_is_not_there_is_told(unirig):
    with pytest.raises(InputError, match="no Python for UniRig at nowhere"):
        build_rig(bar(0.0, 2.0), RigSettings(unirig=str(unirig), unirig_python="nowhere"))
