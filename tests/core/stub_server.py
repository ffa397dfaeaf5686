"""An HTTP server on this machine that stands for one of the world's."""

import threading
from contextlib import contextmanager
from http.server import ThreadingHTTPServer


class Answers:
    """What stand-ins have in common besides being a BaseHTTPRequestHandler: they send, and keep quiet."""

    def send(self, content, headers=(), status=200, with_body=True):
        """content: bytes."""
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextmanager
def serving(handler):
    """Yields the address at which the handler, a class, answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
