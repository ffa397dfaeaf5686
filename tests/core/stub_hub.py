"""The model hub on this machine: one repository, in the shape of the hub's own interface."""

import hashlib
import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from stub_server import Answers, serving

MODEL = "somebody/tiny-video"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def hub(folder, licence="tiny-licence", gated=False):
    """Serves a folder as `MODEL`. Yields its address and the list of requests: (method, path, the range asked for or '')."""
    seen = []
    files = {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}

    class Handler(Answers, BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(False)

        def do_GET(self):
            self.answer(True)

        def answer(self, with_body):
            path = self.path.partition("?")[0]
            seen.append((self.command, path, self.headers.get("Range", "")))
            if path.startswith(f"/api/models/{MODEL}/tree/"):
                self.tell([{"type": "file", "path": name, "size": len(content), "oid": digest(name, content)} for name, content in files.items()], with_body)
            elif path.startswith(f"/api/models/{MODEL}"):
                siblings = [{"rfilename": name} for name in files]
                self.tell({"id": MODEL, "sha": COMMIT, "siblings": siblings, "cardData": {"license": "other", "license_name": licence}, "tags": []}, with_body)
            elif not path.startswith(f"/{MODEL}/resolve/"):
                self.send(b"", {"X-Error-Code": "RepoNotFound"}, 404)
            elif gated:
                self.send(b"", {"X-Error-Code": "GatedRepo"}, 403)
            elif (name := path.split("/", 5)[5]) not in files:
                self.send(b"", {"X-Error-Code": "EntryNotFound"}, 404)
            else:
                self.give(name, files[name], with_body)

        def tell(self, values, with_body):
            self.send(json.dumps(values).encode(), (), 200, with_body)

        def give(self, name, content, with_body):
            begin = int(self.headers["Range"].removeprefix("bytes=").partition("-")[0]) if "Range" in self.headers else 0
            headers = {"ETag": f'"{digest(name, content)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
            if begin:
                headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            self.send(content[begin:], headers, 206 if begin else 200, with_body)

    with serving(Handler) as address:
        yield address, seen


def digest(name, content):
    """Large files are named by one hash, others by another."""
    return (hashlib.sha256 if name.endswith(".safetensors") else hashlib.sha1)(content).hexdigest()
