"""Stands in for the engine: speaks its protocol and does what the job folder's `behaviour` file says.

Started as the engine is: fake_engine.py run FOLDER --parent PID.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

folder = Path(sys.argv[2])


def say(kind, **values):
    message = {"kind": kind, "text": "", "fraction": 0.0, "seconds_left": None, "exit_code": 0, **values}
    with (folder / "progress.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(message) + "\n")


def work(seconds):
    say("STAGE", text="fit")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        say("PROGRESS", text="step", fraction=0.5, seconds_left=7.0)
        time.sleep(0.05)


def start_child():
    """A process that the engine started, as OpenMP or a video decoder might; writes its number."""
    child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"])
    (folder / "child").write_text(str(child.pid))


behaviour = os.environ.get("FAKE_ENGINE", "work")
print("the fake engine runs", flush=True)
(folder / "environment.json").write_text(json.dumps(dict(os.environ)))
(folder / "own").write_text(f"{os.getpid()} {os.getpgrp()}" if hasattr(os, "getpgrp") else f"{os.getpid()} 0")
if behaviour == "succeed":
    work(0.2)
    say("WARN", text="The tail was never seen.")
    say("DONE", fraction=1.0)
elif behaviour == "work":
    start_child()
    work(60)
elif behaviour == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    start_child()
    work(60)
elif behaviour == "refuse":
    say("ERROR", text="The video is wholly one colour. Choose another.", exit_code=2)
    sys.exit(2)
elif behaviour == "fail":
    say("ERROR", text="The engine ran out of memory.", exit_code=1)
    sys.exit(1)
elif behaviour == "crash":
    print("about to fall", flush=True)
    raise ZeroDivisionError("fell")
elif behaviour == "silent":
    sys.exit(0)
elif behaviour == "leave-child":
    start_child()
    say("DONE", fraction=1.0)
