"""A small web server on this machine, which can misbehave."""

import hashlib
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """What the server has, how it behaves, and what it was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.url = ""
        self.ranges = True
        self.validators = True
        self.sized = True
        self.breaks: list[int] = []  # bytes after which each next answer breaks off
        self.statuses: list[int] = []  # statuses of the next answers
        self.headers: dict[str, str] = {}
        self.asked: list[tuple[str, str | None]] = []  # paths and ranges


def tag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


class Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        site = self.site
        asked = self.headers["Range"]
        site.asked.append((self.path, asked))
        content = site.files.get(self.path)
        if site.statuses or content is None:
            self.send_error(site.statuses.pop(0) if site.statuses else 404)
            return
        begin = 0
        fresh = self.headers["If-Range"] in (None, tag(content))
        if site.ranges and asked and (fresh or not site.validators):
            begin = int(asked.removeprefix("bytes=").removesuffix("-"))
            if begin >= len(content):
                self.send_error(416)
                return
        self.send_response(206 if begin else 200)
        if begin:
            last = len(content) - 1
            self.send_header("Content-Range", f"bytes {begin}-{last}/{len(content)}")
        if site.validators:
            self.send_header("ETag", tag(content))
        if site.sized:
            self.send_header("Content-Length", str(len(content) - begin))
        for name, value in site.headers.items():
            self.send_header(name, value)
        self.end_headers()
        body = content[begin:]
        self.wfile.write(body[: site.breaks.pop(0)] if site.breaks else body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Generator[Site]:
    site = Site()
    handler = type("SiteHandler", (Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
