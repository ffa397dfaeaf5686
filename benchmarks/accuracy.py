"""Accuracy on the measuring clips: animate each by the command line, score it against its truth, write accuracy.md.

    python benchmarks/accuracy.py [--rig keep auto] [--cases NAME ...] [--out FOLDER] [--write]

The clips and the scores are not part of the project; they are looked for in the folder `shared` beside the repository
(another place: --shared). Without --write the table is only printed.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "benchmarks" / "accuracy.md"
COLUMNS = ("explained", "err_pct", "static_pct", "view_px", "depth_pct", "iou_drive", "iou_side", "jerk_ratio", "bones")


def main() -> int:
    """Run and score; 1 where any clip failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--rig", nargs="+", choices=("keep", "auto"), default=["keep", "auto"])
    parser.add_argument("--cases", nargs="+")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "accuracy")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if not (options.shared / "cases").is_dir():
        print(f"skipped: the measuring clips are not in {options.shared}")
        return 0
    names = options.cases or sorted(path.name for path in (options.shared / "cases").iterdir())
    text, failed = [], False
    for rig in options.rig:
        rows = {name: measure(options.shared, name, rig, options.out) for name in names}
        failed |= any("explained" not in row for row in rows.values())
        text.append(table(rig, rows))
    print("\n\n".join(text))
    if options.write:
        write(text, options.rig)
    return int(failed)


def measure(shared: Path, name: str, rig: str, out: Path) -> dict:
    """Animate one clip and score it: the scores, with `seconds` and `keys_per_frame` of the run, or {'error': sentence}."""
    case = shared / "cases" / name
    out.mkdir(parents=True, exist_ok=True)
    result = out / f"{name}_{rig}.blend"
    source = case / ("rigged.blend" if rig == "keep" else "static.blend")
    command = [sys.executable, str(ROOT / "__main__.py"), "animate", str(source), "--video", str(case / "driving.mp4"), "--rig", rig, "--out", str(result), "--job", str(out / f"{name}_{rig}")]
    begun = time.monotonic()
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - begun
    if run.returncode != 0:
        print(f"{name} ({rig}): {run.stderr[-500:]}", file=sys.stderr)
        return {"error": run.stderr.strip().splitlines()[-1]}
    report = json.loads(run.stdout.splitlines()[-1])
    subject = [] if rig == "auto" else ["--object", "*"]  # a rigged case keeps the author's several meshes, which score.py joins
    scored = subprocess.run([sys.executable, str(shared / "eval" / "score.py"), str(case), str(result), *subject], capture_output=True, text=True, check=False)
    if scored.returncode != 0:
        return {"error": scored.stdout.strip().splitlines()[-1] if scored.stdout.strip() else scored.stderr[-300:]}
    scores = json.loads(scored.stdout.strip().splitlines()[-1])
    fit = sum(report["seconds_by_stage"].values())
    row = {**scores, "seconds": round(seconds, 1), "engine": round(fit, 1), "keys_per_frame": report["keys_per_frame"]}
    print(f"{name} ({rig}): {json.dumps(row)}", file=sys.stderr, flush=True)
    return row


def table(rig: str, rows: dict[str, dict]) -> str:
    """A Markdown table with the median in its last row."""
    columns = [*COLUMNS, "keys_per_frame", "engine", "seconds"]
    lines = [f"`--rig {rig}`", "", "| clip | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for name, row in rows.items():
        lines.append(f"| {name} | " + (" | ".join(str(row[column]) for column in columns) if "explained" in row else row["error"]) + " |")
    good = [row for row in rows.values() if "explained" in row]
    if good:
        lines.append("| **median** | " + " | ".join(f"{statistics.median(row[column] for row in good):.3g}" for column in columns) + " |")
    return "\n".join(lines)


def write(text: list[str], rigs: list[str]) -> None:
    """Write accuracy.md, with the command that made it."""
    head = [
        "# Accuracy on the measuring clips",
        "",
        "`explained` is 1 - error / error of standing still (1 is perfect, 0 no better than not moving); `err_pct` the mean distance of",
        "the vertices from the truth in % of the subject's diagonal; `view_px` the same in the picture, pixels of 512; `iou_*` silhouettes",
        "in the driving view and in an unseen one; `jerk_ratio` jerk over the truth's; `keys_per_frame` keys per channel over frames;",
        "`engine` and `seconds` the engine's stages and the whole command, seconds on two shared cores without a GPU.",
        "",
        f"Made by `python benchmarks/accuracy.py --rig {' '.join(rigs)} --write`, which runs `python score.py CASE OUT.blend` on each result.",
        "",
        "",
    ]
    TABLE.write_text("\n".join(head) + "\n\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
