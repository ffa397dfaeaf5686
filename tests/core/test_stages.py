"""What is kept of a run: used again where nothing changed, made again where something did or the file is damaged."""

import errno
import os

import numpy as np
import pytest
from animamimic.core import files, stages
from animamimic.core.stages import StageStore, content_of


@pytest.fixture
def made(tmp_path):
    """Runs a stage over the folder as a new run would; tells the result and whether it was computed."""

    def run(inputs, name="fit", result=None, warn=lambda text: None):
        computed = []

        def compute():
            computed.append(True)
            return np.arange(5.0) if result is None else result

        return StageStore(tmp_path, warn).result(name, inputs, compute), bool(computed)

    return run


def test_the_same_inputs_are_computed_once(made):
    assert made((1, np.zeros(3)))[1]
    result, computed = made((1, np.zeros(3)))
    assert not computed
    np.testing.assert_array_equal(result, np.arange(5.0))
    assert made((2, np.zeros(3)))[1]
    assert made((1, np.zeros(3)))[1]  # one result is kept for each stage


def test_what_was_cut_short_is_computed_again(tmp_path):
    results = [StageStore(tmp_path).result("fit", 1, lambda value=value: value, whole=lambda value=value: value > 1) for value in (1, 2, 3)]
    assert results == [1, 2, 2]


def test_stages_are_kept_apart(made):
    assert made(1, name="rig")[1]
    assert made(1, name="fit")[1]
    assert not made(1, name="rig")[1]


def test_another_source_or_library_computes_again(made, monkeypatch):
    assert made(1)[1]
    for part in ("_own_code", "_libraries"):
        with monkeypatch.context() as patched:
            patched.setattr(stages, part, lambda: "another version")
            assert made(1)[1]
            assert not made(1)[1]
        assert made(1)[1]


def test_a_generated_video_outlives_another_library_but_not_another_source(made, monkeypatch):
    """Who fits it may have another build of torch than the machine with the graphics card."""
    made(1, name="generate")
    monkeypatch.setattr(stages, "_libraries", lambda: "another version")
    assert not made(1, name="generate")[1]
    monkeypatch.setattr(stages, "_own_code", lambda: "another version")
    assert made(1, name="generate")[1]


def test_the_codes_hashes_are_of_source_and_libraries(monkeypatch):
    source, libraries = stages._own_code.__wrapped__(), stages._libraries.__wrapped__()
    assert "torch 2" in libraries
    monkeypatch.setattr(stages, "_version", lambda library: "0")
    assert stages._libraries.__wrapped__() != libraries
    monkeypatch.setattr(stages, "__file__", files.__file__.replace("files.py", "fit/motion.py"))  # as if that folder were all
    assert stages._own_code.__wrapped__() != source


@pytest.mark.parametrize("where", range(0, 260, 7))
def test_a_changed_byte_anywhere_is_noticed(made, tmp_path, where):
    made(1)
    path = tmp_path / "stages" / "fit.stage"
    data = bytearray(path.read_bytes())
    data[where % len(data)] ^= 4
    path.write_bytes(data)
    result, computed = made(1)
    assert computed
    np.testing.assert_array_equal(result, np.arange(5.0))
    assert not made(1)[1]


@pytest.mark.parametrize("length", [0, 1, 64, 128, 150])
def test_a_truncated_file_is_noticed(made, tmp_path, length):
    made(1)
    os.truncate(tmp_path / "stages" / "fit.stage", length)
    assert made(1)[1]


def test_times_of_files_and_clocks_do_not_matter(made, tmp_path, monkeypatch):
    made(1)
    os.utime(tmp_path / "stages" / "fit.stage", (2**31, 2**31))
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert not made(1)[1]


def test_an_error_of_the_stage_keeps_nothing(tmp_path):
    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        StageStore(tmp_path).result("fit", 1, fail)
    assert not (tmp_path / "stages").exists()


def test_what_a_killed_run_left_half_written_goes(made, tmp_path):
    made(1)
    (tmp_path / "stages" / "fit.stage.1234.part").write_bytes(b"half")
    assert not made(1)[1]
    assert [one.name for one in (tmp_path / "stages").iterdir()] == ["fit.stage"]


def test_a_full_disk_ends_no_run_but_is_told(made, tmp_path, monkeypatch):
    made(1, result=(1.0,))

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    told = []
    result, computed = made(2, result=(2.0,), warn=told.append)
    assert (result, computed) == ((2.0,), True)
    assert told == ["The result of the stage 'fit' could not be kept for another run (No space left on device)."]
    assert [one.name for one in (tmp_path / "stages").iterdir()] == ["fit.stage"]
    assert not made(1)[1]  # the old one is whole


def test_a_files_content_counts_and_its_name_does_not(tmp_path):
    for name, text in (("a", "one"), ("b", "one"), ("c", "two")):
        (tmp_path / name).write_text(text)
    assert content_of(tmp_path / "a") == content_of(tmp_path / "b") != content_of(tmp_path / "c")
    assert content_of(tmp_path / "none") == ""
    whole = content_of(tmp_path)
    (tmp_path / "a").rename(tmp_path / "d")
    assert content_of(tmp_path) != whole
