"""The queue in the real window: jobs are added, run one after another beside the user, and brought into the scene on request."""

JOBS = """
queued = sys.modules[f"{MODULE}.animamimic_addon.queued"]
answer = [[one.folder.name, str(one.state)] for one in queued.queued_jobs()]
"""

POLITE = """
process = sys.modules[f"{MODULE}.animamimic_addon.process"]
answer = ["--polite" in one.process.args for one in process._running]
"""
"""Whether the engines beside this window let other programs go first."""

RIGGED = 'answer = bpy.data.objects["Fish"].find_armature() is not None'


def test_jobs_run_one_after_another_and_are_brought_into_the_scene(tab, desk):
    tab.press("animamimic.queue_animation")
    desk.ask("bpy.context.scene.animamimic.smoothness = 2.0")
    tab.press("animamimic.queue_animation")
    names = [name for name, _ in desk.ask(JOBS)]
    assert desk.ask(JOBS) == [[name, "Waiting"] for name in names]
    assert len(names) == 2
    tab.press("animamimic.run_queue")
    desk.wait_for(lambda: desk.ask(POLITE) == [True], 60, "an engine that gives way to the user's work")
    desk.wait_for(lambda: desk.ask(JOBS)[0][1] == "Done" and tab.fraction() < 0.9, 600, "the second job")
    desk.picture("queue-running")
    desk.wait_for(lambda: desk.ask(JOBS)[1][1] == "Done" and not tab.running(), 600, "the end of the queue")
    assert not desk.ask(RIGGED)
    desk.ask(f"bpy.ops.animamimic.bake_queued('INVOKE_DEFAULT', job={names[0]!r})")  # its button is too small for the finger
    assert desk.ask(RIGGED)
    assert [state for _, state in desk.ask(JOBS)] == ["In the Scene", "Done"]
    desk.picture("queue-baked")
