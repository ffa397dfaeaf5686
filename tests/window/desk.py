"""A Blender with its window on a screen of its own, and a hand that clicks in it. Everything runs inside a root folder.

Paths: `Desk.folder` is seen by this process; Blender sees the same folder as `Desk.inside`.
"""

import ctypes
import itertools
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCREEN = (1600, 900)
ANSWER_SECONDS = 180.0
START_SECONDS = 120.0
SETTLE_SECONDS = 0.4
"""Between an event and a look at what it did: the window must have been drawn again."""

NEW_MOUNT_NAMESPACE = 0x00020000
"""CLONE_NEWNS of sched.h."""

PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/games"


@dataclass
class Desk:
    """Made by `Desk.open`. root: where the Debian with Blender is."""

    root: Path
    folder: Path
    inside: Path
    environment: dict[str, str]
    processes: ExitStack
    blender: "subprocess.Popen[bytes]" = field(init=False)
    _questions: "itertools.count[int]" = field(default_factory=itertools.count)

    @classmethod
    def open(cls, root: Path, name: str, mounts: tuple[Path, ...]) -> "Desk":
        """A screen without a program on it. mounts: folders and files of this machine that Blender shall see under their own paths."""
        folder = root / "desk" / name
        folder.mkdir(parents=True, exist_ok=True)
        own_mounts()
        mount(root, mounts)
        inside = Path("/") / folder.relative_to(root)
        environment = {"HOME": str(inside), "PATH": PATH, "LANG": "C.UTF-8", "BLENDER_USER_RESOURCES": str(inside / "blender"), "LIBGL_ALWAYS_SOFTWARE": "1"}
        desk = cls(root, folder, inside, environment, ExitStack())
        (folder / "blender").mkdir(exist_ok=True)
        screen = desk.start("Xvfb", "-displayfd", "1", "-screen", "0", f"{SCREEN[0]}x{SCREEN[1]}x24", "-nolisten", "tcp", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        environment["DISPLAY"] = ":" + screen.stdout.readline().decode().strip()
        return desk

    def start(self, *command, **more) -> "subprocess.Popen[bytes]":
        """Start a program inside the root folder; it is ended with the desk."""
        process = subprocess.Popen(["chroot", str(self.root), *map(str, command)], env=self.environment, stdin=subprocess.DEVNULL, **more)
        self.processes.callback(_end, process)
        return process

    def run(self, *command, timeout=120) -> str:
        """Run a program inside the root folder; returns what it prints."""
        done = subprocess.run(
            ["chroot", str(self.root), *map(str, command)],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}"
        return done.stdout

    def close(self) -> None:
        """End everything that was started here."""
        self.processes.close()

    def start_blender(self, *arguments, engine_python: Path | None = None) -> None:
        """Start Blender with its window and wait until it answers."""
        questions = self.folder / "questions"
        questions.mkdir(exist_ok=True)
        for old in questions.iterdir():
            old.unlink()
        self._questions = itertools.count()
        (self.folder / "agent.py").write_bytes((HERE / "agent.py").read_bytes())
        if engine_python is not None:
            self.environment["ANIMAMIMIC_PYTHON"] = str(engine_python)
        geometry = ["--window-geometry", "0", "0", *map(str, SCREEN)]
        log = self.processes.enter_context((self.folder / "blender.log").open("ab"))
        self.blender = self.start(
            "blender", *geometry, *arguments, "--python", self.inside / "agent.py", "--", self.inside / "questions", stdout=log, stderr=subprocess.STDOUT
        )
        self.ask("answer = bpy.app.version_string", START_SECONDS)

    def ask(self, code: str, seconds: float = ANSWER_SECONDS):
        """Run code inside Blender; what it calls `answer` is returned."""
        number = next(self._questions)
        questions = self.folder / "questions"
        whole = questions / f"{number}.new"
        whole.write_text(code, encoding="utf-8")
        whole.rename(questions / f"{number}.py")
        answer = questions / f"{number}.json"
        self.wait_for(answer.exists, seconds, f"an answer to: {code}")
        said = json.loads(answer.read_text(encoding="utf-8"))
        assert "error" not in said, said["error"]
        return said["answer"]

    def wait_for(self, happened, seconds, what) -> None:
        """Wait until something is so. Fails where Blender ends before, or it takes longer."""
        until = time.monotonic() + seconds
        while not happened():
            assert self.blender.poll() is None, f"Blender ended ({self.blender.returncode}) while the test waited for {what}\n{self.log_end()}"
            assert time.monotonic() < until, f"waited {seconds} s in vain for {what}\n{self.log_end()}"
            time.sleep(0.02)

    def log_end(self) -> str:
        """The last lines that Blender printed."""
        return "\n".join((self.folder / "blender.log").read_text("utf-8", errors="replace").splitlines()[-30:])

    def hand(self, *command) -> None:
        """Move the mouse and press keys: the arguments of xdotool."""
        self.run("xdotool", *command)

    def click(self, x: int, y: int) -> None:
        """A click with the left button, after the mouse has been seen to arrive."""
        self.hand("mousemove", x, y)
        time.sleep(SETTLE_SECONDS)
        self.hand("click", 1)
        time.sleep(SETTLE_SECONDS)

    def drag(self, file: Path, x: int, y: int) -> str:
        """Drag a file from outside onto the window and drop it at a place on the screen; returns what `drag.py` says."""
        script = self.folder / "drag.py"
        script.write_bytes((HERE / "drag.py").read_bytes())
        return self.run("python3", self.inside / script.name, file, x, y).strip()

    def picture(self, name: str, crop: str = "") -> Path:
        """A picture of the screen, or of a part of it (WIDTHxHEIGHT+X+Y), as FOLDER/NAME.png."""
        self.ask("bpy.ops.wm.redraw_timer(type='DRAW_WIN_SWAP', iterations=1)")
        self.run("import", "-window", "root", *(["-crop", crop, "+repage"] if crop else []), self.inside / f"{name}.png")
        return self.folder / f"{name}.png"


def mount(root: Path, paths: tuple[Path, ...]) -> None:
    """Show files and folders of this machine inside the root folder under their own paths. They vanish with this process, see `own_mounts`."""
    for kind, source, target in (("proc", "proc", root / "proc"), ("", "/dev", root / "dev")):
        if not (target / "self").exists() and not (target / "null").is_char_device():
            subprocess.run(["mount", *(["-t", kind] if kind else ["--bind"]), source, str(target)], check=True)
    for path in paths:
        target = root / path.relative_to("/")
        if target.is_mount() or (target.exists() and target.samefile(path)):
            continue
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        subprocess.run(["mount", "--bind", str(path), str(target)], check=True)


def engine_mounts() -> tuple[Path, ...]:
    """What the engine's Python, the one that runs the tests, is made of: its environment and the installation below it."""
    base = Path(sys.base_prefix)
    if base != Path("/usr"):
        return Path(sys.prefix), base
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return Path(sys.prefix), base / "bin" / version, base / "lib" / version


def engine_python() -> Path:
    """The engine's Python, which is not Blender's: the environment's."""
    return Path(sys.prefix) / "bin" / "python"


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def own_mounts() -> None:
    """Give this process and what it starts a mount namespace of its own: what is mounted in it vanishes with it."""
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_MOUNT_NAMESPACE) != 0:
        raise OSError(ctypes.get_errno(), "no mount namespace of its own")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
