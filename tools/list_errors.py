"""Write docs/errors.md from the code: every sentence that the extension can refuse with, and its cure. `python tools/list_errors.py`"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "errors.md"
KINDS = {"InputError", "EngineError"}
UNKNOWN = "…"
"""Stands for what is filled in when it happens."""

PARTS = {
    "The scene": ("animamimic_addon/subject.py", "animamimic_addon/capture.py", "animamimic_addon/camera.py", "animamimic_addon/kept_rig.py"),
    "The driving video": ("animamimic_addon/driving.py", "core/video"),
    "Setting up the engine": ("animamimic_addon/engine_setup.py", "core/environment.py", "animamimic_addon/preferences.py"),
    "Everything else in Blender": ("animamimic_addon", "operators", "panels"),
    "The command line": ("__main__.py", "core/drive.py", "core/batch"),
    "The engine": ("core",),
}
"""Headings, and the files whose sentences stand below them; a file counts where it is named first."""

HEAD = """# Every message, and its cure

Written from the code by `python tools/list_errors.py`. … stands for what is filled in: a name, a path, a number. Whatever is refused,
the scene is as it was before.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")


def page() -> str:
    """The whole page, as Markdown."""
    seen: set[Path] = set()
    sections = [HEAD]
    for heading, places in PARTS.items():
        files = [file for place in places for file in _files(ROOT / place) if file not in seen]
        seen.update(files)
        rows = sorted({row for file in files for row in sentences(file)})
        lines = [f"| {_cell(problem)} | {_cell(cure)} |" for problem, cure in rows]
        sections.append("\n".join([f"## {heading}\n", "| message | cure |", "|---|---|", *lines, ""]))
    return "\n".join(sections)


def sentences(file: Path) -> Iterator[tuple[str, str]]:
    """(problem, cure) of every error that a file can raise, as far as they stand in it literally."""
    tree = ast.parse(file.read_text("utf-8"))
    constants = {
        target.id: node.value for node in tree.body if isinstance(node, ast.Assign) for target in node.targets if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS and node.args:
            problem = _text(node.args[0], constants)
            if problem.replace(UNKNOWN, "").strip():
                yield problem, _text(node.args[1], constants) if len(node.args) > 1 else ""


def _text(node: ast.expr, constants: dict[str, ast.expr]) -> str:
    """A string expression as people see it."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, constants) if isinstance(part, ast.Constant) else UNKNOWN for part in node.values)
    if isinstance(node, ast.IfExp):
        return " / ".join(_text(part, constants) for part in (node.body, node.orelse))
    if isinstance(node, ast.Name) and node.id in constants:
        return _text(constants[node.id], {})
    return UNKNOWN


def _files(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
