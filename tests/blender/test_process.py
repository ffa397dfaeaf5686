"""The engine's process, with an engine that only pretends: what is told, how it ends, and what is left."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import package
import pytest

package.make_importable()

from animamimic.animamimic_addon import process  # noqa: E402
from animamimic.core.errors import EngineError, InputError  # noqa: E402

FAKE = Path(__file__).parent / "fake_engine.py"
PATIENCE = 20.0
posix_only = pytest.mark.skipif(os.name == "nt", reason="process groups and signals are POSIX")


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts the pretending engine; ends it after the test."""

    def run(behaviour):
        monkeypatch.setenv("FAKE_ENGINE", behaviour)
        return process.Engine.start(Path(sys.executable), FAKE, tmp_path)

    yield run
    process.end_all()


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def run_to_end(engine):
    """Every message of the engine, once it has ended."""
    messages = []

    def ended():
        state = engine.poll()
        messages.extend(state.messages)
        return not state.running

    wait_for(ended)
    return messages


def alive(number):
    """Whether a process runs; one that is dead and not yet reaped does not."""
    if Path("/proc/self/stat").exists():
        stat = Path(f"/proc/{number}/stat")
        try:
            return stat.read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(number)], capture_output=True, text=True, check=False).stdout.strip()
    return bool(state) and not state.startswith("Z")


def number_in(path):
    wait_for(lambda: path.exists() and path.read_text())
    return int(path.read_text().split()[0])


def test_messages_come_in_order_and_success_is_no_failure(start):
    engine = start("succeed")
    messages = run_to_end(engine)
    kinds = [message.kind for message in messages]
    assert (kinds[0], kinds[-1]) == ("STAGE", "DONE")
    assert {(message.fraction, message.seconds_left) for message in messages if message.kind == "PROGRESS"} == {(0.5, 7.0)}
    assert engine.warnings == ("The tail was never seen.",)
    assert engine.failure() is None
    assert engine.poll().exit_code == 0


def test_what_the_engine_prints_is_in_its_log(start, tmp_path):
    run_to_end(start("succeed"))
    assert process.log_end(tmp_path) == "the fake engine runs"


def test_messages_of_an_earlier_run_are_not_heard(start, tmp_path):
    (tmp_path / "progress.jsonl").write_text('{"kind": "DONE"}\n')
    (tmp_path / "result.json").write_text("{}")
    engine = start("crash")
    assert [message.kind for message in run_to_end(engine)] == []
    assert engine.failure() is not None
    assert not (tmp_path / "result.json").exists()


@pytest.mark.parametrize(("behaviour", "kind", "sentence"), [
    ("refuse", InputError, "The video is wholly one colour. Choose another."),
    ("fail", EngineError, "The engine ran out of memory."),
])
def test_the_engines_own_sentence_is_passed_on(start, behaviour, kind, sentence):
    engine = start(behaviour)
    run_to_end(engine)
    failure = engine.failure()
    assert type(failure) is kind
    assert str(failure) == sentence


def test_a_crash_is_told_with_the_end_of_the_log(start):
    engine = start("crash")
    run_to_end(engine)
    sentence = str(engine.failure())
    assert sentence.startswith("The engine ended with exit code 1 before it was done.")
    assert "about to fall" in sentence
    assert sentence.endswith("ZeroDivisionError: fell")


def test_ending_without_a_word_is_a_failure(start):
    engine = start("silent")
    run_to_end(engine)
    assert str(engine.failure()).startswith("The engine ended with exit code 0 before it was done.")


@posix_only
def test_kill_9_is_told_with_the_end_of_the_log(start, tmp_path):
    engine = start("work")
    child = number_in(tmp_path / "child")
    os.kill(engine.process.pid, signal.SIGKILL)
    run_to_end(engine)
    assert str(engine.failure()) == (
        "The engine was ended by SIGKILL, perhaps by the system because memory ran out, before it was done. "
        "The end of its log:\nthe fake engine runs"
    )
    wait_for(lambda: not alive(child))


@posix_only
@pytest.mark.parametrize("behaviour", ["work", "stubborn"])
def test_cancel_ends_the_engines_group_and_nothing_else(start, tmp_path, behaviour):
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        engine = start(behaviour)
        child = number_in(tmp_path / "child")
        engine.cancel()
        assert not alive(engine.process.pid)
        wait_for(lambda: not alive(child))
        assert bystander.poll() is None
        assert not engine.poll().running
        engine.cancel()  # once more does no harm
    finally:
        bystander.kill()
        bystander.wait()


@posix_only
@pytest.mark.parametrize("behaviour", ["work", "stubborn"])
def test_an_engine_that_is_asked_to_end_is_not_waited_for_and_ends(start, tmp_path, behaviour):
    engine = start(behaviour)
    child = number_in(tmp_path / "child")
    begun = time.monotonic()
    engine.ask_to_end()
    assert time.monotonic() - begun < process.TERMINATE_SECONDS / 2
    engine.ask_to_end()  # impatience does not give it more time
    wait_for(lambda: not engine.poll().running)
    assert engine.process.returncode == -(signal.SIGKILL if behaviour == "stubborn" else signal.SIGTERM)
    wait_for(lambda: not alive(child))


def test_cancelling_waits_for_less_than_two_seconds():
    """It waits nowhere else."""
    assert process.TERMINATE_SECONDS + process.KILL_SECONDS < 2.0


@posix_only
def test_the_engine_leads_its_own_group(start, tmp_path):
    engine = start("work")
    number_in(tmp_path / "child")
    number, group = map(int, (tmp_path / "own").read_text().split())
    assert number == group == engine.process.pid != os.getpgrp()


@posix_only
def test_what_the_engine_leaves_running_is_ended_with_it(start, tmp_path):
    engine = start("leave-child")
    run_to_end(engine)
    child = number_in(tmp_path / "child")
    wait_for(lambda: not alive(child))


@posix_only
def test_an_engine_does_not_outlive_the_python_that_started_it(tmp_path):
    code = (
        f"import sys, time\nfrom pathlib import Path\nsys.path.append({str(Path(__file__).parent)!r})\n"
        "import package\npackage.make_importable()\nfrom animamimic.animamimic_addon import process\n"
        f"process.Engine.start(Path(sys.executable), Path({str(FAKE)!r}), Path({str(tmp_path)!r}))\n"
        f"while not Path({str(tmp_path / 'child')!r}).exists(): time.sleep(0.02)\n"
    )
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "FAKE_ENGINE": "work"}, check=True, timeout=PATIENCE)
    assert not alive(number_in(tmp_path / "own"))
    assert not alive(number_in(tmp_path / "child"))


def test_the_environment_is_the_users_and_not_blenders(start, tmp_path, monkeypatch):
    for name in ("PYTHONPATH", "PYTHONHOME", "BLENDER_USER_RESOURCES", "BLENDER_SYSTEM_PYTHON", "PXR_PLUGINPATH_NAME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("MY_OWN", "kept")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    run_to_end(start("succeed"))
    seen = json.loads((tmp_path / "environment.json").read_text())
    assert {name for name in seen if name.startswith(("PYTHON", "BLENDER", "PXR"))} == {"PYTHONUNBUFFERED", "PYTHONIOENCODING"}
    assert (seen["MY_OWN"], seen["OMP_NUM_THREADS"]) == ("kept", "3")


def test_a_python_that_is_none_is_told(tmp_path):
    with pytest.raises(InputError, match="cannot be started"):
        process.Engine.start(tmp_path, FAKE, tmp_path)


def test_a_folder_that_is_none_is_told(tmp_path):
    with pytest.raises(EngineError, match="cannot be written"):
        process.Engine.start(Path(sys.executable), FAKE, tmp_path / "nowhere")


def test_a_long_log_is_cut_to_its_end(tmp_path):
    (tmp_path / "engine.log").write_text("\n".join(f"line {number}" for number in range(10_000)))
    lines = process.log_end(tmp_path).splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("line 9985", "line 9999", 15)


def test_an_empty_log_is_told(tmp_path):
    (tmp_path / "engine.log").touch()
    assert process.log_end(tmp_path) == "(it printed nothing)"
