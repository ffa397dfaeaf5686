"""The AnimaMimic tab of a real window: opened, its buttons found and clicked."""

import time
from dataclasses import dataclass

from desk import SCREEN, SETTLE_SECONDS, Desk

ROW_PIXELS = 12
"""Less than the height of a button: looking every so many pixels misses none."""

ATTEMPTS = 3

SESSION = 'sys.modules[f"{MODULE}.animamimic_addon.session"]'

ONE_LAYOUT_WINDOW = """
for window in list(bpy.context.window_manager.windows)[1:]:
    with bpy.context.temp_override(window=window):
        bpy.ops.wm.window_close()
bpy.context.window_manager.windows[0].workspace = bpy.data.workspaces["Layout"]
"""

OPEN = """
area = next(one for one in bpy.context.window.screen.areas if one.type == "VIEW_3D")
area.spaces.active.show_region_ui = True
"""

CHOOSE = """
area = next(one for one in bpy.context.window.screen.areas if one.type == "VIEW_3D")
region = next(one for one in area.regions if one.type == "UI")
region.active_panel_category = "AnimaMimic"
area.spaces.active.region_3d.view_perspective = "CAMERA"
area.spaces.active.shading.type = "SOLID"
area.spaces.active.shading.color_type = "TEXTURE"
area.tag_redraw()
"""

WHERE = """
area = next(one for one in bpy.context.window.screen.areas if one.type == "VIEW_3D")
region = next(one for one in area.regions if one.type == "UI")
answer = [region.x, region.y, region.width, region.height]
"""

STANDSTILL_SECONDS = 0.5
"""A call of ours that waits for nothing takes far less, on a crowded machine too."""


@dataclass(frozen=True)
class Tab:
    """The tab of the window on a desk."""

    desk: Desk

    def open(self, blend, **settings) -> None:
        """Load a file (a path as Blender sees it), open the tab, and set the panel's settings."""
        self.desk.ask(f"bpy.ops.wm.open_mainfile(filepath={str(blend)!r}, load_ui=False)")
        self.desk.ask(ONE_LAYOUT_WINDOW)  # whatever the test before left open
        self.show()
        self.set(**settings)

    def show(self) -> None:
        """Open the side panel with the tab in front, and look through the camera."""
        self.desk.ask(OPEN)
        time.sleep(2 * SETTLE_SECONDS)  # the region gets its categories when it is first drawn
        self.desk.ask(CHOOSE)
        time.sleep(SETTLE_SECONDS)

    def set(self, **settings) -> None:
        """Change settings as typing them into the panel would."""
        lines = [f"bpy.context.scene.animamimic.{name} = {value!r}" for name, value in settings.items()]
        self.desk.ask("\n".join([*lines, "area.tag_redraw()"]))

    def press(self, command: str) -> None:
        """Click the button that runs this operator. Where the panel grew under the mouse in the meantime, look again."""
        for _ in range(ATTEMPTS):
            x, y = self.find(command)
            if self.under(x, y).startswith(f"bpy.ops.{command}("):
                break
        self.desk.click(x, y)

    def find(self, command: str) -> tuple[int, int]:
        """Where on the screen the button of an operator is. Fails where there is none.

        Blender copies the Python command of the button under the mouse on Ctrl-C: a finger runs down the panel until it is it, and again
        where a busy machine answered for none.
        """
        left, bottom, width, height = self.desk.ask(WHERE)
        x, top = left + width // 2, SCREEN[1] - bottom - height
        seen = set()
        for y in ATTEMPTS * list(range(top + ROW_PIXELS, top + height, ROW_PIXELS)):
            text = self.under(x, y)
            if text.startswith(f"bpy.ops.{command}("):
                return x, y + ROW_PIXELS // 2
            seen.add(text)
        raise AssertionError(f"there is no button for {command}; there are {sorted(one for one in seen if one.startswith('bpy.ops'))}")

    def under(self, x: int, y: int) -> str:
        """The Python command of the button at a place on the screen; '' where there is none."""
        self.desk.ask("bpy.context.window_manager.clipboard = ''")
        self.desk.hand("mousemove", x, y, "sleep", "0.05", "key", "ctrl+c", "sleep", "0.05")
        text: str = self.desk.ask("answer = bpy.context.window_manager.clipboard")
        return text

    def running(self) -> bool:
        """Whether a run is under way."""
        return self.desk.ask(f"answer = {SESSION}.current() is not None")

    def fraction(self) -> float:
        """How far the run under way is, 1 where there is none."""
        return self.desk.ask(f"run = {SESSION}.current(); answer = run.fraction if run is not None else 1.0")

    def error(self) -> str:
        """What the last run failed of, '' where it did not."""
        return self.desk.ask(f"answer = str({SESSION}.last_error() or '')")

    def wait_for_end(self, seconds: float) -> None:
        """Watch a run to its end."""
        self.desk.wait_for(lambda: not self.running(), seconds, "the end of the run")
        time.sleep(SETTLE_SECONDS)
