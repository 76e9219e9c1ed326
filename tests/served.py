"""A real HTTP server on this machine, with ranges, that can also misbehave; a STAC API on it."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

#: Settings that make a test of a bad server short.
HASTE = {
    "GDAL_HTTP_TIMEOUT": "2",
    "GDAL_HTTP_CONNECTTIMEOUT": "2",
    "GDAL_HTTP_LOW_SPEED_TIME": "1",
    "GDAL_HTTP_MAX_RETRY": "1",
    "GDAL_HTTP_RETRY_DELAY": "0.05",
}


class Site:
    """What is served: files of a folder, documents, and how each address misbehaves.

    ``moods`` maps a pattern of paths to ``404``, ``500``, ``"cut"`` (half of what was asked for and
    the connection is closed), ``"silent"`` (never an answer), ``"drip"`` (a byte now and then),
    ``"page"`` (a web page) or ``(mood, n)``: only the first n times.
    """

    def __init__(self, folder: Path):
        self.folder, self.url = folder, ""
        self.documents: dict = {}
        self.moods: dict = {}
        self.api = None
        self.asked: Counter = Counter()
        self.queries: list = []
        self.over = threading.Event()

    def mood(self, path):
        for pattern, mood in self.moods.items():
            if re.search(pattern, path):
                if isinstance(mood, tuple):
                    return mood[0] if self.asked[path] <= mood[1] else None
                return mood
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        url = urlsplit(self.path)
        site = self.site
        site.asked[url.path] += 1
        mood = site.mood(url.path)
        if isinstance(mood, int):
            return self.send(mood, b"no", "text/plain", body)
        if mood == "silent":
            site.over.wait(20)
            self.close_connection = True
            return None
        if mood == "page":
            return self.send(200, b"<html>log in</html>", "text/html", body)
        content = self.content(url)
        if content is None:
            return self.send(404, b"no", "text/plain", body)
        data, kind = content
        status, more = 200, {"Accept-Ranges": "bytes"}
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if found:
            first, last = int(found[1]), min(int(found[2] or len(data)), len(data) - 1)
            more["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            status, data = 206, data[first : last + 1]
        self.send(status, data, kind, body, more, mood)
        return None

    def content(self, url):
        site = self.site
        if site.api is not None and url.path.startswith("/api"):
            site.queries.append(parse_qs(url.query))
            found = site.api(url.path, parse_qs(url.query))
            return None if found is None else (json.dumps(found).encode(), "application/json")
        if url.path in site.documents:
            document = site.documents[url.path]
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            return data, "application/json"
        path = site.folder / url.path.lstrip("/")
        return (path.read_bytes(), "image/tiff") if path.is_file() else None

    def send(self, status, data, kind, body, more=None, mood=None):
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": len(data),
            **(more or {}),
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        if not body:
            return
        if mood == "cut":
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        elif mood == "drip":
            for i in range(len(data)):
                self.wfile.write(data[i : i + 1])
                self.wfile.flush()
                if self.site.over.wait(0.2):
                    break
            self.close_connection = True
        elif mood == "slow":
            time.sleep(0.3)
            self.wfile.write(data)
        else:
            self.wfile.write(data)


@contextmanager
def serving(folder: Path):
    """Serve a folder while the block runs; yields the `Site`."""
    site = Site(folder)
    handler = type("Handler", (_Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # clients that give up
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield site
    finally:
        site.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
