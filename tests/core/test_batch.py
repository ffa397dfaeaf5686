"""Many shots on one machine: the table, the retries, what is made again and what is not."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import made_jobs
import pytest
from animamimic.core import job
from animamimic.core.batch import display, run, shot
from animamimic.core.batch.pools import Ended
from animamimic.core.batch.steps import steps_of
from animamimic.core.batch.table import chosen, read_shots
from animamimic.core.claim import ENGINE_LOCK, claim, wait_free
from animamimic.core.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 1800.0
"""Seconds for a batch of three small shots: a busy machine needs minutes."""


def write_table(folder, text, name="shots.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.fixture
def files(tmp_path):
    """A folder with a .blend and a video, which the table does not look into."""
    for name in ("a.blend", "b.blend", "clip.mp4"):
        (tmp_path / name).write_text(name)
    return tmp_path


def batch(*arguments, **more):
    return subprocess.Popen(
        [sys.executable, ROOT / "__main__.py", "batch", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


def ran(*arguments):
    """Exit code, the JSON line, what was told meanwhile."""
    process = batch(*arguments)
    out, error = process.communicate(timeout=PATIENCE)
    return process.returncode, json.loads(out), error


class TestTable:
    def test_a_csv_and_a_json_say_the_same(self, files):
        write_table(files, "blend,object,video,out,rig,fit_resolution,every_frame,key_tolerance\na.blend,Fox,clip.mp4,x.blend,keep,128,yes,\nb.blend,,clip.mp4,y.blend,,,,0.5\n")
        rows = [
            {"blend": "a.blend", "object": "Fox", "video": "clip.mp4", "out": "x.blend", "rig": "keep", "fit_resolution": 128, "every_frame": True},
            {"blend": "b.blend", "video": "clip.mp4", "out": "y.blend", "key_tolerance": 0.5},
        ]
        write_table(files, json.dumps(rows), "shots.json")
        shots = read_shots(files / "shots.csv")
        assert shots == read_shots(files / "shots.json")
        one, other = (each.request for each in shots)
        assert (one.blend, one.out, one.object) == (str(files / "a.blend"), str(files / "x.blend"), "Fox")
        assert one.settings == {"video": str(files / "clip.mp4"), "rig": "KEEP", "fit_resolution": 128, "every_frame": True}
        assert other.settings == {"video": str(files / "clip.mp4"), "key_tolerance": 0.5}
        assert [each.name.rpartition("-")[0] for each in shots] == ["x", "y"]

    def test_every_wrong_row_is_told_by_its_number_before_anything_starts(self, files):
        table = write_table(files, "\n".join([
            "blend,video,out,object,fit_resolution,rig,job",
            "a.blend,clip.mp4,x.blend,,128,,",
            "none.blend,clip.mp4,y.blend,,,,",
            "a.blend,none.mp4,y.blend,,,,",
            "a.blend,clip.mp4,x.blend,,,,",
            "a.blend,clip.mp4,y.blend,,many,,",
            "a.blend,clip.mp4,y.blend,,10,,",
            "a.blend,clip.mp4,y.blend,,,maybe,",
            "a.blend,,y.blend,,,,",
            "a.blend,clip.mp4,no/y.blend,,,,",
            "a.blend,clip.mp4,a.blend,,,,",
            ",,,,,,nowhere",
            "a.blend,clip.mp4,z.blend,,,,,more",
        ]))
        code, told, error = ran(table)
        assert code == 2
        for row, sentence in {
            2: f"There is no file {files}/none.blend.", 3: f"There is no video {files}/none.mp4.", 4: "It writes the same file as row 1",
            5: "fit_resolution is 'many'. It must be of type int.", 6: "fit_resolution is 10.", 7: "rig is 'MAYBE'. It must be one of AUTO, KEEP.", 8: "empty. A shot needs blend, out and video",
            9: f"There is no folder {files}/no.", 10: "It would write over its own", 11: f"{files}/nowhere is not a job folder.", 12: "There is no column ''.",
        }.items():
            assert re.search(f"Row {row}: .*{re.escape(sentence)}", error)
        assert "Row 1:" not in error and "Traceback" not in error
        assert told["outcome"] == "failed"
        assert not (files / "shots-batch").exists()

    @pytest.mark.parametrize(("text", "name", "sentence"), [
        ("", "shots.csv", "holds no shots"), ("{", "shots.json", "is damaged"), ("{}", "shots.json", "is no list of shots"), ("colour\nred\n", "shots.csv", "There is no column 'colour'"),
    ])
    def test_what_is_no_table_is_told(self, tmp_path, text, name, sentence):
        with pytest.raises(InputError, match=sentence):
            read_shots(write_table(tmp_path, text, name))

    def test_a_table_that_is_not_there_is_told(self, tmp_path):
        assert "cannot be read" in ran(tmp_path / "none.csv")[2]


class Pool:
    """Ends the attempts as it is told to: folder's name -> how each attempt ends."""

    def __init__(self, script):
        self.script, self.started, self.waiting = script, [], []

    def has_room(self, step):
        return len(self.waiting) < 2

    def start(self, folder, number, step):
        self.started.append((folder.name, number))
        self.waiting.append(Ended(folder, *self.script[folder.name][number - 1]))

    def ended(self):
        found, self.waiting = self.waiting, []
        return found

    def no_more_videos(self):
        pass

    def close(self):
        pass


def test_what_was_lost_is_tried_again_and_what_was_wrong_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "POLL_SECONDS", 0.0)
    folders = [made_jobs.write_job(tmp_path / name, frames=2) for name in ("good", "lost", "weak", "wrong")]
    shots = read_shots(write_table(tmp_path, "job\n" + "\n".join(folder.name for folder in folders)))
    lost = (None, "its worker was lost")
    good, lost_name, weak, wrong = (one.name for one in shots)
    pool = Pool({good: [(0, "")], lost_name: [lost, lost, (0, "")], weak: [lost] * 3, wrong: [(2, "the video is empty")]})
    found = run.Batch(shots, tmp_path / "batch", pool, 2, lambda shots: None).run()
    assert [(one.state, one.attempts) for one in found] == [("done", 1), ("done", 3), ("failed", 3), ("failed", 1)]
    assert found[1].retried == ["attempt 1: its worker was lost", "attempt 2: its worker was lost"]
    assert [one.error for one in found[2:]] == ["its worker was lost", "the video is empty"]
    written = json.loads((tmp_path / "batch" / "summary.json").read_text())
    assert (written["outcome"], written["done"], written["failed"]) == ("failed", 2, 2)
    assert display.retry_table(found).count("\n") == 4


@pytest.fixture(scope="module")
def two_done(tmp_path_factory):
    """A batch of two jobs, of which one attempt is killed while it works, and one that cannot be done."""
    folder = tmp_path_factory.mktemp("batch")
    rig = made_jobs.two_bones(made_jobs.tube(400))
    for name in ("one", "two", "bad"):
        made_jobs.write_job(folder / name, frames=3, rig=rig, fit_resolution=64)
    (folder / "bad" / "driving.mp4").write_bytes(b"no film")
    process = batch(write_table(folder, "job\none\ntwo\nbad\n"), "--jobs", 2)
    _kill_an_attempt(folder / "shots-batch")
    out, error = process.communicate(timeout=PATIENCE)
    return folder, process.returncode, json.loads(out), error


def _kill_an_attempt(place):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in place.glob("one-*/attempts.jsonl"):
            if (path.parents[2] / "one" / job.PROGRESS_FILE).exists():
                os.kill(json.loads(path.read_text().splitlines()[0])["process"], signal.SIGKILL)
                return
        time.sleep(0.02)
    raise AssertionError("the first attempt never began")


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
class TestLocal:
    def test_a_killed_attempt_is_made_up_for_and_a_bad_shot_fails_alone(self, two_done):
        folder, code, told, error = two_done
        assert (code, told["outcome"], told["done"], told["failed"]) == (1, "failed", 2, 1), error
        assert [reasons[0].rpartition(": ")[2] for reasons in told["retried"].values()] == ["its process was ended by SIGKILL"]
        shots = json.loads(Path(told["summary"]).read_text())["shots"]
        assert [(one["state"], one["attempts"]) for one in shots] == [("done", 2), ("done", 1), ("failed", 1)]
        assert "driving.mp4" in shots[2]["error"]
        assert (folder / "one" / job.RESULT_FILE).read_bytes() == (folder / "two" / job.RESULT_FILE).read_bytes()

    def test_what_is_finished_is_not_done_again_unless_it_changed(self, two_done):
        folder, *_ = two_done
        before = (folder / "two" / job.RESULT_FILE).stat().st_mtime_ns
        made_jobs.write_job(folder / "one", frames=3, rig=made_jobs.two_bones(made_jobs.tube(400)), fit_resolution=64, key_tolerance=3.0)
        code, told, _ = ran(folder / "shots.csv")
        assert (code, told["done"], told["kept"], told["failed"]) == (1, 1, 1, 1)
        assert (folder / "two" / job.RESULT_FILE).stat().st_mtime_ns == before
        assert job.read_result(folder / "one").report["reused_stages"] == ["video", "fit"]

    def test_ended_by_the_user_it_ends_what_it_started(self, tmp_path):
        made_jobs.write_job(tmp_path / "long", frames=40, vertices=2000)
        process = batch(write_table(tmp_path, "job\nlong\n"))
        while not (tmp_path / "long" / job.PROGRESS_FILE).exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.terminate()
        out, _ = process.communicate(timeout=20)
        assert (process.returncode, json.loads(out)) == (130, {"outcome": "cancelled"})
        wait_free(tmp_path / "long", (ENGINE_LOCK,), 5.0)

    def test_a_second_batch_in_the_same_folder_says_so(self, two_done):
        folder, *_ = two_done
        with claim(folder / "shots-batch", "batch.lock"):
            assert "is in use by another run" in ran(folder / "shots.csv")[2]


def test_a_result_that_somebody_worked_on_is_not_written_over(files):
    (one,) = read_shots(write_table(files, "blend,video,out\na.blend,clip.mp4,x.blend\n"))
    folder = files / "batch" / one.name
    shot.prepare(folder, one, shot.Programs())
    (files / "x.blend").write_text("made")
    (folder / shot.DONE_FILE).write_text(json.dumps({"key": shot.shot_key(one), "out": shot.content_of(files / "x.blend")}))
    (files / "x.blend").write_text("made, and worked on")
    assert shot.finished(folder, one)
    (files / "a.blend").write_text("another subject")
    with pytest.raises(InputError, match="was changed since it was made"):
        shot.finished(folder, one)
    (files / "x.blend").write_text("made")
    assert not shot.finished(folder, one)


@pytest.mark.skipif(os.name == "nt", reason="the pretending program is a script")
def test_a_shot_whose_blender_hangs_is_ended_and_says_so(files):
    blender = files / "blender"
    blender.write_text("#!/bin/sh\nsleep 600\n")
    blender.chmod(0o755)
    (one,) = read_shots(write_table(files, "blend,video,out\na.blend,clip.mp4,x.blend\n"))
    shot.prepare(files / "batch", one, shot.Programs(str(blender), patience=0.01))
    assert shot.attempt(files / "batch", 1, steps_of(one)[-1]) == 1
    assert shot.attempts(files / "batch")[-1]["error"].startswith("Blender told nothing for 0.01 minutes and was ended.")


@pytest.mark.parametrize("changed", ["driving.mp4", "subject.npz", "job.json"])
def test_a_job_whose_files_changed_is_not_taken_for_done(tmp_path, changed):
    made_jobs.write_job(tmp_path / "job", frames=2)
    (one,) = read_shots(write_table(tmp_path, "job\njob\n"))
    key = shot.shot_key(one)
    (tmp_path / "job" / job.PROGRESS_FILE).write_text("what a run writes does not matter")
    assert shot.shot_key(one) == key
    (tmp_path / "job" / changed).write_bytes((tmp_path / "job" / changed).read_bytes() + b" ")
    assert shot.shot_key(one) != key


def test_rows_can_be_chosen(files):
    shots = read_shots(write_table(files, "blend,video,out\n" + "".join(f"a.blend,clip.mp4,{number}.blend\n" for number in range(1, 6))))
    assert [one.row for one in chosen(shots, "2")] == [2]
    assert [one.row for one in chosen(shots, "1-2, 5")] == [1, 2, 5]
    for rows, sentence in (("7", "There is no row 7. The table has 5."), ("a", "names no rows"), ("1-", "names no rows")):
        with pytest.raises(InputError, match=sentence):
            chosen(shots, rows)
