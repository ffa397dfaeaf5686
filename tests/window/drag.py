"""A file manager's half of a drag: offers a file to the window at a place on the screen and lets go over it, by the XDND protocol (version 5).

Runs inside the root folder, which has Xlib: python3 drag.py FILE X Y. Says "taken" where the window fetched the file's name and was done.
"""

import sys
import time
from pathlib import Path

from Xlib import X, display
from Xlib.protocol import event

VERSION = 5
SECONDS = 30.0


class Source:
    """What is dragged, and the little window that offers it."""

    def __init__(self, file, x, y):
        self.screen = display.Display()
        self.root = self.screen.screen().root
        self.window = self.root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
        self.names = (Path(file).as_uri() + "\r\n").encode()
        self.place = x << 16 | y
        self.target = self.aware(self.root, x, y)

    def atom(self, name):
        return self.screen.intern_atom(name)

    def aware(self, window, x, y):
        """The window at that place that takes drops. Looks from the top, as the protocol asks."""
        if window.get_full_property(self.atom("XdndAware"), X.AnyPropertyType):
            return window
        for child in reversed(window.query_tree().children):
            at = child.get_geometry()
            if at.x <= x < at.x + at.width and at.y <= y < at.y + at.height:
                found = self.aware(child, x - at.x, y - at.y)
                if found is not None:
                    return found
        return None

    def tell(self, name, *data):
        """Send one of the protocol's messages to the target. data: at most four numbers."""
        values = [self.window.id, *data, 0, 0, 0, 0][:5]
        self.target.send_event(event.ClientMessage(window=self.target, client_type=self.atom(name), data=(32, values)))
        self.screen.flush()

    def drag(self):
        """Enter, move, let go; returns whether the file was taken."""
        self.window.set_selection_owner(self.atom("XdndSelection"), X.CurrentTime)
        self.tell("XdndEnter", VERSION << 24, self.atom("text/uri-list"))
        for _ in range(3):
            self.tell("XdndPosition", 0, self.place, X.CurrentTime, self.atom("XdndActionCopy"))
            if not self.wait_for("XdndStatus"):
                return False
        self.tell("XdndDrop", 0, X.CurrentTime)
        return self.wait_for("XdndFinished")

    def wait_for(self, name):
        """Answer what the target asks until it says this."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            if not self.screen.pending_events():
                time.sleep(0.02)
                continue
            got = self.screen.next_event()
            if got.type == X.SelectionRequest:
                self.hand_over(got)
            elif got.type == X.ClientMessage and got.client_type == self.atom(name):
                return True
        return False

    def hand_over(self, request):
        """The file's name, as a list of URIs."""
        place = request.property or request.target
        request.requestor.change_property(place, request.target, 8, self.names)
        told = event.SelectionNotify(time=request.time, requestor=request.requestor, selection=request.selection, target=request.target, property=place)
        request.requestor.send_event(told)
        self.screen.flush()


if __name__ == "__main__":
    source = Source(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    if source.target is None:
        sys.exit("no window there takes drops")
    if not source.drag():
        sys.exit("the window did not take it")
    print("taken")
