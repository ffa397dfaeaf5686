"""The model hub on this machine: one repository, in the shape of the hub's own interface."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "somebody/tiny-video"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def hub(folder, licence="tiny-licence", gated=False):
    """Serves a folder as `MODEL`. Yields its address and the list of requests: (method, path, the range asked for or '')."""
    seen = []
    files = {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(False)

        def do_GET(self):
            self.answer(True)

        def answer(self, with_body):
            path = self.path.partition("?")[0]
            seen.append((self.command, path, self.headers.get("Range", "")))
            if path.startswith(f"/api/models/{MODEL}/tree/"):
                self.send(json.dumps([{"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()} for name, content in files.items()]).encode(), with_body)
            elif path.startswith(f"/api/models/{MODEL}"):
                siblings = [{"rfilename": name} for name in files]
                self.send(json.dumps({"id": MODEL, "sha": COMMIT, "siblings": siblings, "cardData": {"license": "other", "license_name": licence}, "tags": []}).encode(), with_body)
            elif not path.startswith(f"/{MODEL}/resolve/"):
                self.refuse(404, "RepoNotFound")
            elif gated:
                self.refuse(403, "GatedRepo")
            elif (name := path.split("/", 5)[5]) not in files:
                self.refuse(404, "EntryNotFound")
            else:
                self.send(files[name], with_body, {"ETag": f'"{hashlib.sha256(files[name]).hexdigest()}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"})

        def refuse(self, status, code):
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def send(self, content, with_body, headers=()):
            begin = int(self.headers["Range"].removeprefix("bytes=").partition("-")[0]) if "Range" in self.headers else 0
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
            for name, value in dict(headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content) - begin))
            self.end_headers()
            if with_body:
                self.wfile.write(content[begin:])

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
