"""The queue: jobs are added instead of run, run one after another, and baked when the user says so, also in another Blender."""

import os

import pytest

QUEUE = """
import pretend, scenes, time
process, session, queued = part("animamimic_addon.process"), part("animamimic_addon.session"), part("animamimic_addon.queued")
process.SCRIPT = pretend.FAKE
video = Path(arguments[0]) / "clip.mp4"
video.write_bytes(b"the pretending engine does not look")
def shown():
    return [[one.folder.name, str(one.state)] for one in queued.queued_jobs()]
def call(name, **values):
    try:
        return next(iter(getattr(bpy.ops.animamimic, name)(**values))), ""
    except RuntimeError as error:
        return "ERROR", str(error).strip().removeprefix("Error: ")
def engine(behaviour):
    os.environ["FAKE_ENGINE"] = behaviour
"""


def test_jobs_wait_run_and_are_baked_when_the_user_says_so(blender, tmp_path):
    ran = blender(QUEUE + """
scenes.make_bar_scene(32)
before = scenes.fingerprint()
engine("animate")
added = [call("queue_animation", video=str(video), seed=seed) for seed in (1, 2)]
waiting = shown()
seeds = [json.loads((one.folder / "job.json").read_text())["settings"]["seed"] for one in queued.queued_jobs()]
ran = call("run_queue")
done = shown()
untouched = scenes.changes(before, scenes.fingerprint())
again = bpy.ops.animamimic.run_queue.poll()
baked = call("bake_queued", job=done[1][0])
tell(added=added, waiting=waiting, seeds=seeds, ran=ran, done=done, untouched=untouched, again=again, baked=baked, after=shown(),
     rigged=bpy.data.objects["Bar"].find_armature() is not None, running=session.current() is not None)
""", tmp_path)
    names = ["0001-Bar", "0002-Bar"]
    assert ran["added"] == [["FINISHED", ""]] * 2
    assert (ran["waiting"], ran["seeds"]) == ([[name, "Waiting"] for name in names], [1, 2])
    assert (ran["ran"], ran["done"]) == (["FINISHED", ""], [[name, "Done"] for name in names])
    assert (ran["untouched"], ran["again"], ran["running"]) == ([], False, False)
    assert (ran["baked"], ran["rigged"]) == (["FINISHED", ""], True)
    assert ran["after"] == [["0001-Bar", "Done"], ["0002-Bar", "In the Scene"]]
    _empty(blender, tmp_path)


def _empty(blender, tmp_path):
    """The installed extension is shared by the tests: each leaves its queue empty."""
    ran = blender(QUEUE + "told = [call('remove_queued', job=name) for name, _ in shown()]\ntell(told=told, left=shown(), files=list(map(str, queued.queue_folder().iterdir())))", tmp_path)
    assert all(one == ["FINISHED", ""] for one in ran["told"])
    assert (ran["left"], ran["files"]) == ([], [])


def test_a_job_is_baked_after_blender_was_closed(blender, tmp_path):
    blender(QUEUE + """
scenes.make_bar_scene(32)
bpy.ops.wm.save_as_mainfile(filepath=arguments[0] + "/bar.blend")
engine("animate")
call("queue_animation", video=str(video))
call("run_queue")
""", tmp_path)
    ran = blender(QUEUE + """
elsewhere = call("bake_queued", job="0001-Bar")
state_elsewhere = shown()
bpy.ops.wm.open_mainfile(filepath=arguments[0] + "/bar.blend")
(one,) = queued.queued_jobs()
tell(elsewhere=elsewhere, state_elsewhere=state_elsewhere, baked=call("bake_queued", job="0001-Bar"), file=one.file, state=shown(), rigged=bpy.data.objects["Bar"].find_armature() is not None)
""", tmp_path)
    assert ran["elsewhere"][0] == "ERROR" and "Bar" in ran["elsewhere"][1]
    assert ran["state_elsewhere"] == [["0001-Bar", "Done"]]
    assert (ran["baked"], ran["rigged"], ran["file"]) == (["FINISHED", ""], True, str(tmp_path / "bar.blend"))
    assert ran["state"] == [["0001-Bar", "In the Scene"]]
    _empty(blender, tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_a_failure_concerns_no_other_job_and_what_was_stopped_goes_on(blender, tmp_path):
    ran = blender(QUEUE + """
import signal, threading
scenes.make_bar_scene(32)
for _ in range(3):
    call("queue_animation", video=str(video))
one, two, three = (job.folder for job in queued.queued_jobs())
engine("work")
threading.Thread(target=pretend._once_it_runs, args=(one, session.cancel), daemon=True).start()
told = {"stopped": call("run_queue"), "states": shown()}
start = process.subprocess.Popen
def popen(command, **more):
    engine({str(two): "refuse", str(three): "crash"}.get(command[3], "animate"))
    return start(command, **{**more, "env": {**more["env"], "FAKE_ENGINE": os.environ["FAKE_ENGINE"]}})
process.subprocess.Popen = popen
told |= {"ran": call("run_queue"), "after": shown(), "errors": [job.error for job in queued.queued_jobs()]}
told |= {"tried": bpy.ops.animamimic.run_queue.poll(), "retry": call("retry_queued", job=two.name), "waits": shown()[1]}
told |= {"gone": call("bake_queued", job="0009-None")}
tell(**told)
""", tmp_path)
    assert ran["stopped"] == ["CANCELLED", ""]
    assert ran["states"] == [["0001-Bar", "Begun"], ["0002-Bar", "Waiting"], ["0003-Bar", "Waiting"]]
    assert ran["ran"] == ["FINISHED", ""]
    assert ran["after"] == [["0001-Bar", "Done"], ["0002-Bar", "Failed"], ["0003-Bar", "Failed"]]
    assert ran["errors"][1] == "The video is wholly one colour. Choose another."
    assert ran["errors"][2].startswith("The engine ended with exit code 1 before it was done.")
    assert (ran["tried"], ran["retry"], ran["waits"]) == (False, ["FINISHED", ""], ["0002-Bar", "Waiting"])
    assert ran["gone"] == ["ERROR", "There is no job '0009-None' in the queue. It was taken away."]
    _empty(blender, tmp_path)


def test_what_cannot_be_captured_is_told_and_not_queued(blender, tmp_path):
    ran = blender(QUEUE + """
scenes.make_bar_scene(32)
told = [call("queue_animation", video="/nowhere/clip.mp4"), call("queue_animation")]
tell(told=told, shown=shown(), files=list(map(str, queued.queue_folder().iterdir())))
""", tmp_path)
    assert [outcome for outcome, _ in ran["told"]] == ["ERROR", "ERROR"]
    assert "does not exist" in ran["told"][0][1] and "No driving video is chosen" in ran["told"][1][1]
    assert (ran["shown"], ran["files"]) == ([], [])
