"""What the pages in docs/ promise: the scripting examples run, every message is listed, pictures are there and small."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", (DOCS / "scripting.md").read_text("utf-8"), re.M | re.S)
LARGEST_BYTES = 150_000

EXAMPLE = """
import pretend, scenes
part("animamimic_addon.process").SCRIPT = pretend.FAKE
os.environ["FAKE_ENGINE"] = "animate"
os.chdir(arguments[0])
Path("clip.mp4").write_bytes(b"the pretending engine does not look")
bar = scenes.make_bar_scene()
exec(compile(arguments[1], "example", "exec"), {})
tell(actions=[one.name for one in bpy.data.actions])
"""


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_scripting_examples_run(blender, tmp_path, example):
    blender(EXAMPLE, tmp_path, example)


def test_there_are_examples():
    assert len(EXAMPLES) >= 5


def test_every_message_is_listed_with_its_cure():
    spec = importlib.util.spec_from_file_location("list_errors", ROOT / "tools" / "list_errors.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    listed = set((DOCS / "errors.md").read_text("utf-8").splitlines())
    missing = [line for line in tool.page().splitlines() if line not in listed]
    assert not missing, "run: python tools/list_errors.py"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_of_the_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("name", ["install-dialog.png", "install-progress.png", "tutorial-sample.png", "tutorial-running.png", "tutorial-result.png", "driving-good.png", "driving-bad.png"])
def test_pictures_are_small(name):
    assert (DOCS / name).stat().st_size < LARGEST_BYTES
