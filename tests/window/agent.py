"""Runs inside Blender with its window: answers questions that come as files, and measures how long its main thread stands still, and how long
each call of ours holds it up.

blender --python agent.py -- FOLDER. A question is FOLDER/N.py, whose code may set `answer`; the answer is FOLDER/N.json. A timer
that asks to be called every ten milliseconds sees a standing main thread as a gap between two of its calls.
"""

import json
import sys
import time
import traceback
from pathlib import Path

import bpy

FOLDER = Path(sys.argv[-1])
BEAT_SECONDS = 0.01
MODULE = "bl_ext.user_default.animamimic"

gaps = []
"""(wall seconds, seconds that the main thread worked, seconds that it waited for a processor, what the run was doing), where over 50 ms."""


def queued_seconds():
    """How long the main thread has waited for a processor that others had, in all."""
    return int(Path("/proc/self/schedstat").read_text().split()[1]) * 1e-9


beat = {"wall": time.monotonic(), "thread": time.thread_time(), "queued": queued_seconds(), "doing": ""}
known = {"count": 0}

calls = []
"""(seconds, what was called, what the run was doing), for every call of ours from Blender. On the clock, but for time that others had the processor."""

CALLED = ("poll", "draw", "invoke", "execute", "modal", "cancel")


def timed(function, name):
    """The same function, noted in `calls`. With as many arguments: Blender counts them."""

    def noted(*arguments):
        before, wall, queued = doing(), time.monotonic(), queued_seconds()
        try:
            return function(*arguments)
        finally:
            seconds, after = time.monotonic() - wall - (queued_seconds() - queued), doing()
            calls.append((seconds, name, before if before == after else f"{before} -> {after}"))

    if function.__code__.co_argcount == 3:
        return lambda owner, context, event: noted(owner, context, event)
    return lambda owner, context: noted(owner, context)


def time_calls():
    """Note from now on what Blender calls of the extension."""
    for kind in (bpy.types.Operator, bpy.types.Panel):
        for one in (one for one in kind.__subclasses__() if one.__module__.startswith(MODULE)):
            for name in (name for name in CALLED if hasattr(one, name) and not hasattr(kind, name)):
                function = timed(getattr(one, name).__func__ if name == "poll" else getattr(one, name), f"{one.__name__}.{name}")
                setattr(one, name, classmethod(function) if name == "poll" else function)


names = {"bpy": bpy, "gaps": gaps, "calls": calls, "time": time, "sys": sys, "json": json, "Path": Path, "MODULE": MODULE}


def doing():
    """What the extension is at: '' where nothing, else the stage that the panel shows."""
    session = sys.modules.get(f"{MODULE}.animamimic_addon.session")
    run = session.current() if session is not None else None
    return run.stage if run is not None else ""


def answer_questions():
    question = FOLDER / f"{known['count']}.py"
    if not question.exists():
        return
    names["answer"] = None
    try:
        window = bpy.context.window_manager.windows[0]
        with bpy.context.temp_override(window=window):
            exec(compile(question.read_text(encoding="utf-8"), str(question), "exec"), names)
        said = {"answer": names["answer"]}
    except Exception:  # noqa: BLE001  whatever a question fails of belongs to the test that asked
        said = {"error": traceback.format_exc()}
    whole = FOLDER / f"{known['count']}.part"
    whole.write_text(json.dumps(said), encoding="utf-8")
    whole.rename(FOLDER / f"{known['count']}.json")
    known["count"] += 1


def tick():
    wall, now_doing = time.monotonic(), doing()
    if wall - beat["wall"] > 0.05:
        during = beat["doing"] if beat["doing"] == now_doing else f"{beat['doing']} -> {now_doing}"
        gaps.append((wall - beat["wall"], time.thread_time() - beat["thread"], queued_seconds() - beat["queued"], during))
    answer_questions()
    beat.update(wall=time.monotonic(), thread=time.thread_time(), queued=queued_seconds(), doing=doing())
    return BEAT_SECONDS


bpy.context.preferences.view.show_splash = False
time_calls()
bpy.app.timers.register(tick, persistent=True)
