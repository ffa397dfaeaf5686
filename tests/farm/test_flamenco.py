"""The Flamenco job type: its task tree, with Node and stand-ins for the manager's objects. It was not run on a farm."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SCRIPT = HERE.parents[1] / "farm" / "flamenco" / "animamimic.js"

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")

SETTING_KEYS = {"key", "type", "subtype", "required", "default", "description", "choices", "propargs", "eval", "evalInfo", "visible", "editable", "label"}
"""What Flamenco's manager knows of a setting."""


def compiled(**settings):
    command = ["node", HERE / "manager.js", SCRIPT, json.dumps({"blendfile": "/shared/fox.blend", **settings})]
    return json.loads(subprocess.run([*map(str, command)], capture_output=True, text=True, check=True, timeout=60).stdout)


def arguments(task):
    (command,) = task["commands"]
    assert (command["name"], command["parameters"]["exe"]) == ("exec", "{animamimic}")
    assert command["parameters"]["args"][:2] == ["-m", "animamimic"]
    return command["parameters"]["args"][2:]


def test_a_table_is_a_task_for_every_row_that_depends_on_no_other():
    tasks = compiled(table="/shared/shots.csv", rows="1-3, 7")["tasks"]
    assert [(one["name"], one["type"], one["dependencies"]) for one in tasks] == [(f"row-{row}", "misc", []) for row in (1, 2, 3, 7)]
    assert [arguments(one) for one in tasks] == [["batch", "/shared/shots.csv", f"--rows={row}", "--jobs=1"] for row in (1, 2, 3, 7)]


def test_without_a_table_the_open_file_is_animated():
    (task,) = compiled(object="Fox", video="/shared/clip.mp4", out="/shared/out.blend", options="--rig=keep  --fit-resolution=384")["tasks"]
    assert arguments(task) == [
        "animate", "/shared/fox.blend", "--video=/shared/clip.mp4", "--out=/shared/out.blend", "--object=Fox", "--rig=keep", "--fit-resolution=384",
    ]


def test_the_command_lines_are_those_of_the_command_line(tmp_path):
    """Both refuse the missing files with their own sentences, and not because of the options."""
    for settings in ({"table": "/none/shots.csv"}, {"video": "/none/c.mp4", "out": "/none/o.blend", "object": "Fox", "options": "--rig=keep"}):
        (task,) = compiled(**settings)["tasks"]
        done = subprocess.run([sys.executable, HERE.parents[1] / "__main__.py", *arguments(task)], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert json.loads(done.stdout)["outcome"] == "failed", done.stderr


def test_a_job_without_a_video_is_refused():
    assert compiled(out="/shared/out.blend")["error"] == "The setting 'video' is empty. Give a table, or a video and a file to write."


def test_the_settings_are_such_as_the_manager_knows():
    settings = compiled(table="t.csv")["jobType"]["settings"]
    assert all(set(one) <= SETTING_KEYS for one in settings)
    assert {one["type"] for one in settings} <= {"string", "int32", "float", "bool"}
    assert {one.get("subtype", "") for one in settings} <= {"", "file_path", "dir_path", "file_name", "hashed_file_path"}
    assert {one["visible"] for one in settings} <= {"visible", "hidden", "submission", "web"}
