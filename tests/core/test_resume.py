"""A job that is run again goes on where it stopped, with the same result bit for bit, whatever stopped it."""

import errno
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import made_jobs
import pytest
from animamimic.core import job, pipeline

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("ANIMAMIMIC_KILLS", "2"))
"""How many moments a job is killed at; `ANIMAMIMIC_KILLS=20` for the whole measurement."""

ROOM = [int(one) for one in os.environ.get("ANIMAMIMIC_ROOM", "0,24").split(",")]
"""Kilobytes that a full disk has left, for a job that wants about 400."""

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")


def change(folder, **settings):
    """The same job with other settings, as written anew by Blender."""
    request = job.read_request(folder)
    flat = job.settings_module.to_flat(request.settings) | settings
    job.write_request(folder, job.dataclasses.replace(request, settings=job.settings_module.from_flat(flat)))


def run(folder):
    """Run the job; returns the stages that were computed and the result's bytes."""
    (folder / job.PROGRESS_FILE).unlink(missing_ok=True)
    assert pipeline.run(folder) == 0, (folder / job.PROGRESS_FILE).read_text()
    report = job.read_result(folder).report
    return set(report["seconds_by_stage"]) - set(report["reused_stages"]), (folder / job.RESULT_FILE).read_bytes()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished job with soft tissue; its folder, and its result's bytes."""
    folder = made_jobs.write_job(tmp_path_factory.mktemp("resume") / "job", frames=5, fit_resolution=64, tissue="PHYSICS", tissue_resolution=12.0)
    computed, result = run(folder)
    assert computed == {"video", "rig", "fit", "tissue", "keys"}
    return folder, result


@pytest.fixture
def again(finished, tmp_path):
    """A copy of the finished job in another place."""
    return Path(shutil.copytree(finished[0], tmp_path / "elsewhere")), finished[1]


def test_a_finished_job_is_not_computed_again(again):
    assert run(again[0]) == (set(), again[1])


@pytest.mark.parametrize(("settings", "computed"), [
    ({"key_tolerance": 2.0}, {"keys"}),
    ({"damping": 9.0}, {"tissue"}),  # which counts for a material of one's own only: the same flesh again, and nothing after it
    ({"tissue_resolution": 5.0, "softness": 1.0}, {"tissue", "keys"}),
    ({"tissue": "OFF"}, {"keys"}),
    ({"fit_resolution": 72}, {"fit", "tissue", "keys"}),  # decoded pictures and masks stay
    ({"smoothness": 2.0}, {"fit", "tissue", "keys"}),
    ({"video": "of another name.mp4"}, set()),
])
def test_a_changed_setting_computes_what_it_changes(again, settings, computed):
    change(again[0], **settings)
    assert run(again[0])[0] == computed


def test_a_stopped_fit_ends_with_a_result_that_no_later_run_takes_for_the_whole(again, monkeypatch):
    folder = again[0]
    change(folder, smoothness=2.0)
    followed = pipeline._fit

    def stopping(*arguments):
        (folder / job.STOP_FILE).touch()
        return followed(*arguments)

    monkeypatch.setattr(pipeline, "_fit", stopping)
    assert run(folder)[0] == {"fit", "tissue", "keys"}
    assert job.read_result(folder).report["fit"]["followed"] == 1
    assert "is followed for 1 of 5 frames" in (folder / job.PROGRESS_FILE).read_text()
    monkeypatch.setattr(pipeline, "_fit", followed)
    change(folder, smoothness=2.0)
    assert "fit" in run(folder)[0]
    assert job.read_result(folder).report["fit"]["followed"] == 5


def test_going_back_gives_the_first_result_again(again):
    folder, result = again
    change(folder, every_frame=True)
    assert run(folder)[1] != result
    change(folder, every_frame=False)
    assert run(folder) == ({"keys"}, result)


def test_another_video_computes_all_but_the_rig(again):
    made_jobs.write_film(again[0] / "driving.mp4", [made_jobs.picture(frame, 256) for frame in (0, 1, 2)], 24.0)
    assert run(again[0])[0] == {"video", "fit", "tissue", "keys"}


def test_weights_that_moved_are_the_same_and_weights_that_were_replaced_are_not(again, tmp_path, monkeypatch):
    folder = again[0]
    one, other = tmp_path / "one.pth", tmp_path / "other.pth"
    one.write_bytes(b"weights")
    with_network = pipeline._fit

    def without_network(request, *rest):
        settings = job.dataclasses.replace(request.settings, fit=job.dataclasses.replace(request.settings.fit, flow="DIS"))
        return with_network(job.dataclasses.replace(request, settings=settings), *rest)

    monkeypatch.setattr(pipeline, "_fit", without_network)
    change(folder, flow="COTRACKER", flow_weights=str(one))
    assert run(folder)[0] == {"fit"}
    one.rename(other)
    change(folder, flow_weights=str(other))
    assert run(folder)[0] == set()
    other.write_bytes(b"weightz")
    assert run(folder)[0] == {"fit"}
    change(folder, flow="DIS")
    assert run(folder)[0] == {"fit"}
    change(folder, flow_weights="no such file.pth")  # which nobody reads
    assert run(folder)[0] == set()


@pytest.mark.parametrize("stage", ["video", "rig", "fit", "tissue", "keys"])
def test_a_damaged_file_is_made_again(again, stage):
    folder, result = again
    path = folder / "stages" / f"{stage}.stage"
    os.truncate(path, path.stat().st_size // 2)
    assert run(folder) == ({stage}, result)


def test_a_damaged_subject_is_told(again):
    os.truncate(again[0] / job.SUBJECT_FILE, 700)
    assert pipeline.run(again[0]) == 2
    *_, last = job.MessageReader(again[0]).new_messages()
    assert "is not a job folder" in last.text


def engine(folder, **more):
    return subprocess.Popen([sys.executable, ROOT / "__main__.py", "run", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


@posix_only
def test_killed_at_random_moments_it_ends_with_the_same_result(finished, tmp_path):
    """Each kill of a run that starts with nothing, then one run to the end."""
    whole, _ = finished
    begun = time.monotonic()
    assert engine(_fresh(whole, tmp_path / "timed")).wait() == 0
    usual = time.monotonic() - begun
    result = (tmp_path / "timed" / job.RESULT_FILE).read_bytes()
    moments = random.Random(8)
    for number in range(KILLS):
        folder = _fresh(whole, tmp_path / str(number))
        process = engine(folder)
        time.sleep(moments.uniform(0.1, 1.0) * usual)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept = {one.stem for one in (folder / "stages").glob("*.stage")}
        assert engine(folder).wait() == 0
        assert (folder / job.RESULT_FILE).read_bytes() == result
        assert set(job.read_result(folder).report["reused_stages"]) == kept
        assert not list(folder.rglob("*.part"))


def _fresh(whole, folder):
    """The job as Blender wrote it, never run."""
    folder.mkdir()
    for name in (job.JOB_FILE, job.SUBJECT_FILE, "driving.mp4"):
        shutil.copy(whole / name, folder)
    return folder


def test_half_a_message_of_a_full_disk_spoils_no_other(tmp_path, monkeypatch):
    job.append_message(tmp_path, job.Message("STAGE", "fit"))
    whole_write = job.Path.open

    class Full:
        """A file of which the disk takes ten bytes."""

        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            return self.file.write(data[:10])

        def __getattr__(self, name):
            return getattr(self.file, name)

    with monkeypatch.context() as patched:
        patched.setattr(job.Path, "open", lambda self, *mode, **more: Full(whole_write(self, *mode, **more)))
        with pytest.raises(OSError, match="No space left") as error:
            job.append_message(tmp_path, job.Message("WARN", "the disk is full"))
        assert error.value.errno == errno.ENOSPC
    job.append_message(tmp_path, job.Message("ERROR", "full"))
    assert [one.text for one in job.MessageReader(tmp_path).new_messages()] == ["fit", "full"]


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk needs Linux and its root")
@pytest.mark.parametrize("kilobytes", ROOM)
def test_a_full_disk_is_one_clear_sentence_and_the_job_goes_on_when_there_is_room(finished, tmp_path, kilobytes):
    """With no room at all, and with enough for the messages alone: a stage that cannot be kept ends nothing, the result does."""
    whole, result = finished
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        folder = _fresh(whole, disk / "job")
        (disk / "filler").write_bytes(b"0" * (_free(disk) - kilobytes * 1024))
        done = subprocess.run([sys.executable, ROOT / "__main__.py", "run", folder], capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stdout
        assert re.search(r"(could not read or write a file|cannot be written).*No space left on device.* Check .*free disk space", done.stdout)
        assert not (folder / job.REPORT_FILE).exists()
        (disk / "filler").unlink()
        assert engine(folder).wait() == 0
        assert (folder / job.RESULT_FILE).read_bytes() == result
    finally:
        subprocess.run(["umount", disk], check=True)


def _free(disk):
    return os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize


FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed (apt-get install faketime)")
def test_a_clock_that_jumps_changes_nothing(finished, tmp_path):
    """Ten days ahead while the first stage works, twenty years back before the job is stopped and run again."""
    whole, result = finished
    folder, clock = _fresh(whole, tmp_path / "job"), tmp_path / "clock"
    environment = {**os.environ, "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    clock.write_text("+0")
    process = engine(folder, env=environment)
    _wait_for(folder / job.PROGRESS_FILE, process)
    clock.write_text("+10d")
    _wait_for(folder / "stages" / "rig.stage", process)
    clock.write_text("-20y")
    process.kill()
    process.wait()
    assert engine(folder, env=environment).wait() == 0
    assert (folder / job.RESULT_FILE).read_bytes() == result
    assert {"video", "rig"} <= set(job.read_result(folder).report["reused_stages"])
    left = [message.seconds_left for message in job.MessageReader(folder).new_messages() if message.seconds_left is not None]
    assert 0 <= min(left) <= max(left) < 300


def _wait_for(path, process):
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.01)
