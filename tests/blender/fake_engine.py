"""Stands in for the engine: speaks its protocol and does what the job folder's `behaviour` file says.

With `animate` it writes a result of its own, the same for every video. Started as the engine is: fake_engine.py run FOLDER --parent PID.
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


def write_result():
    """A rig of two bones, one above the other, that walks 1 m along X in four steps; the upper one bends a little."""
    import numpy as np

    sys.path.append(str(Path(__file__).resolve().parent))
    import package

    package.make_importable()
    from animamimic.core import job
    from animamimic.core.types import Keys, Motion, Rig, Tissue

    request = job.read_request(folder)
    vertices = request.mesh.vertices
    if request.rig is not None:
        write_kept(request)
        return
    low, high = vertices[:, 2].min(), vertices[:, 2].max()
    middle = (low + high) / 2
    upper = np.where(vertices[:, 2] > middle, 1, 0).astype(np.int32)
    rig = Rig(
        names=("root", "spine"),
        parents=np.array([-1, 0], np.int32),
        heads=np.array([[0, 0, low], [0, 0, middle]], np.float64),
        tails=np.array([[0, 0, middle], [0, 0, high]], np.float64),
        z_axes=np.array([[0, -1, 0], [0, -1, 0]], np.float64),
        influences=upper[:, None],
        weights=np.ones((len(vertices), 1), np.float32),
        rest=vertices,
        bind=np.tile(np.eye(3, 4), (2, 1, 1)),
    )
    angles = np.linspace(0, 0.4, 5)
    rotations = np.zeros((5, 2, 4))
    rotations[..., 0] = 1
    rotations[:, 1, 0], rotations[:, 1, 2] = np.cos(angles / 2), np.sin(angles / 2)
    translations = np.zeros((5, 2, 3))
    translations[:, 0, 0] = np.linspace(0, 1, 5)
    scales = np.ones((5, 2, 3))
    if os.environ.get("FAKE_STRETCH"):  # the upper bone, which is turned too
        scales[:, 1] = np.exp(np.linspace(0, 0.5, 5)[:, None] * np.array([-0.5, 1, -0.5]))
    keys = Keys((np.arange(5, dtype=np.int32),) * 2, np.array([0, 4], np.int32), 0.0)
    report = {"seconds": {"fit": 0.2}, "frames": 5, "bones": 2, "fit": {"mean_iou": 0.75}}
    tissue = None
    if os.environ.get("FAKE_TISSUE"):
        swollen = (vertices - vertices.mean(0)) * [0.2, 0.2, 0.0]
        tissue = Tissue(("soft 1",), swollen[None].astype(np.float32), np.linspace(0.0, 1.0, 5, dtype=np.float32)[:, None])
    job.write_result(folder, job.Result(rig, Motion(rotations, translations, np.ones(2, np.float32), scales), keys, tissue, report))


def write_kept(request):
    """The rig that was given, which turns a little about each of its joints in five steps."""
    import numpy as np
    from animamimic.core import job
    from animamimic.core.types import Keys, Motion

    count = len(request.rig.names)
    rotations = np.zeros((5, count, 4))
    angles = np.linspace(0, 0.4, 5)
    rotations[..., 0], rotations[..., 2] = np.cos(angles / 2)[:, None], np.sin(angles / 2)[:, None]
    motion = Motion(rotations, np.zeros((5, count, 3)), np.ones(count, np.float32))
    keys = Keys((np.arange(5, dtype=np.int32),) * count, np.array([0, 4], np.int32), 0.0)
    job.write_result(folder, job.Result(request.rig, motion, keys, None, {"frames": 5, "bones": count}))


behaviour = os.environ.get("FAKE_ENGINE", "work")
print("the fake engine runs", flush=True)
(folder / "environment.json").write_text(json.dumps(dict(os.environ)))
(folder / "own").write_text(f"{os.getpid()} {os.getpgrp()}" if hasattr(os, "getpgrp") else f"{os.getpid()} 0")
if behaviour == "succeed":
    work(0.2)
    say("WARN", text="The tail was never seen.")
    say("DONE", fraction=1.0)
elif behaviour == "animate":
    work(float(os.environ.get("FAKE_SECONDS", "0.1")))
    write_result()
    say("DONE", fraction=1.0)
elif behaviour == "animate-until-stopped":
    start_child()
    while not (folder / "stop").exists():
        work(0.05)
    write_result()
    say("DONE", fraction=1.0)
elif behaviour == "work":
    say("STAGE", text="video")  # before the child, which says to the test that it may begin
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
