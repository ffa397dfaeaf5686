"""The hub and one of its inference providers on this machine: answers as told and remembers what it was sent."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from stub_server import Answers, serving

MODEL = "somebody/fish-to-video"


@contextmanager
def service(answer, status=200):
    """Yields its address and the list of requests for a video: (headers, JSON body). answer: bytes of a video."""
    seen = []

    class Handler(Answers, BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((dict(self.headers), json.loads(body)))
            self.reply({"request_id": "1", "status": "COMPLETED", "response_url": f"{self.base}/fal/fish/requests/1"}, status)

        def do_GET(self):
            if self.path.startswith("/api/models/"):
                mapping = {"fal-ai": {"status": "live", "providerId": "fal/fish", "task": "image-to-video"}}
                self.reply({"id": MODEL, "inferenceProviderMapping": mapping})
            elif self.path == "/video.mp4":
                self.send(answer, {"Content-Type": "video/mp4"})
            else:
                self.reply({"video": {"url": f"{self.base}/video.mp4"}})

        @property
        def base(self):
            return f"http://127.0.0.1:{self.server.server_port}"

        def reply(self, values, code=200):
            self.send(json.dumps(values).encode(), {"Content-Type": "application/json"}, code)

    with serving(Handler) as address:
        yield address, seen
