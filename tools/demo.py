"""The demo: animate the sample through the real operator, film it, and print what was made."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "samples" / "fish"
SUBJECT = "Fish"
OUT = ROOT / "out"
SIZE = 320
"""Side of each of the film's three pictures, pixels."""


def main() -> int:
    """Animate, film, print; returns the exit code."""
    OUT.mkdir(exist_ok=True)
    begun = time.monotonic()
    report = animate()
    if report is None:
        return 1
    filming = time.monotonic()
    film(OUT / "demo.mp4", OUT / "frames", fps=12)
    print_table(report, filming - begun, time.monotonic() - filming)
    return 0


def animate() -> dict | None:
    """Run the command line on the sample; its report, or None (it has told why on stderr)."""
    command = [sys.executable, str(ROOT / "__main__.py"), "animate", str(SAMPLE / "fish.blend"), "--video", str(SAMPLE / "driving.mp4")]
    command += ["--object", SUBJECT, "--tissue", "physics", "--out", str(OUT / "demo.blend"), "--job", str(OUT / "job")]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return json.loads(run.stdout.splitlines()[-1]) if run.returncode == 0 else None


def film(path: Path, folder: Path, fps: int) -> None:
    """Driving video, result in the same view, result from the side, next to each other."""
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, str(ROOT / "tools" / "film.py"), str(OUT / "demo.blend"), SUBJECT, str(folder), "--size", str(SIZE)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with av.open(str(SAMPLE / "driving.mp4")) as video:
        driving = [frame.to_ndarray(format="rgb24", width=SIZE, height=SIZE) for frame in video.decode(video=0)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 3 * SIZE, SIZE, "yuv420p"
        for index, frame in enumerate(driving):
            pictures = [frame, *(on_white(folder / name / f"{index:04d}.png") for name in ("front", "side"))]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.concatenate(pictures, axis=1), format="rgb24")))
        container.mux(stream.encode())


def on_white(path: Path) -> np.ndarray:
    """A picture with transparency as uint8[H, W, 3] on white."""
    picture = Image.open(path).convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB"))


def print_table(report: dict, animating: float, filming: float) -> None:
    """What was made and how long each stage took."""
    rows = [(f"stage: {name}", f"{seconds:.1f} s") for name, seconds in report["seconds_by_stage"].items()]
    rows += [
        ("everything in Blender and the engine", f"{animating:.1f} s"),
        ("rendering this film (Cycles)", f"{filming:.1f} s"),
        ("silhouette IoU, mean (worst frame)", f"{report['fit']['mean_iou']:.3f} ({report['fit']['worst_iou']:.3f})"),
        ("bones", str(report["bones"])),
        ("keys", str(report["keys"])),
        ("keys per channel / frames", f"{report['keys_per_frame']:.2f}"),
        ("shape keys", str(report["shape_keys"])),
    ]
    width = max(len(name) for name, _ in rows)
    print("\n".join(f"{name:<{width}}  {value:>14}" for name, value in rows))
    print(f"\n{OUT / 'demo.blend'}\n{OUT / 'demo.mp4'}")


if __name__ == "__main__":
    sys.exit(main())
