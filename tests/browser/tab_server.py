"""Serves the tab's page as TensorBoard does, in a frame and under its content policy, with made-up answers.

    python -m tests.browser.tab_server --runs 12 --records 34 --port 6100

shows them in a browser; ``#dark`` in the address begins dark. ``--grow`` adds a record every few seconds.
"""

import argparse
import json
import struct
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

from tests.browser.tab_answers import TabAnswers

BUNDLE = Path(__file__).parents[2] / "infogeo_tensorboard" / "static" / "index.js"
POLICY = (
    "default-src 'self'; font-src 'self' data:; frame-ancestors *; frame-src 'self'; img-src 'self' data: blob:; "
    "object-src 'none'; style-src 'self' 'unsafe-inline'; connect-src 'self'; script-src 'self' 'unsafe-eval'"
)
OUTER = """<!doctype html><meta charset=utf-8><title>outer</title>
<style>body { margin: 0; display: flex; flex-direction: column; height: 100vh } header { height: 64px; flex: none;
background: #f57c00 } body.dark-mode { background: #303030 } iframe { flex: 1; border: 0 }</style>
<header></header><iframe src="/data/plugin/infogeo/entry.html"></iframe><script src="/outer.js"></script>"""
OUTER_SCRIPT = """document.body.classList.toggle("dark-mode", location.hash === "#dark");
onmessage = (event) => { if (event.data === "experimental.bootstrap") window.channel = event.ports[0]; };"""
ENTRY = '<!doctype html><meta charset=utf-8><body><script src="entry.js" type="module"></script></body>'
ENTRY_SCRIPT = 'import * as page from "./index.js"; page.render();'


def png(shade, side=16):
    """Returns a grey picture."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes((shade + 7 * x + 5 * y) % 256 for x in range(side)) for y in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class TabServer:
    """A server on a port of this machine, with the answers it gives; ``broken`` is what it refuses everything with.

    A list of samples whose step is in ``held`` is given once its event is set.
    """

    def __init__(self, answers, port=0):
        self.answers, self.broken, self.asked, self.held = answers, None, [], {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer._answer(self)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *arguments):
        self.server.shutdown()
        self.server.server_close()

    def _answer(self, request):
        where = urlparse(request.path)
        name, asked = where.path.rsplit("/", 1)[-1], {key: one[0] for key, one in parse_qs(where.query).items()}
        self.asked.append((name, asked))
        pages = {
            "": ("text/html", OUTER),
            "outer.js": ("text/javascript", OUTER_SCRIPT),
            "entry.html": ("text/html", ENTRY),
            "entry.js": ("text/javascript", ENTRY_SCRIPT),
            "index.js": ("text/javascript", BUNDLE.read_text(encoding="utf-8")),
        }
        if name in pages:
            kind, body = pages[name]
            return self._send(request, 200, kind, body.encode())
        if self.broken:
            return self._send(request, 400, "application/json", json.dumps({"error": self.broken}).encode())
        if name == "picture":
            return self._send(request, 200, "image/png", png(int(asked["sample"]) % 256))
        if name == "samples" and asked["step"] in self.held:
            self.held[asked["step"]].wait(60)
        body = self._body(name, asked)
        found = body is not None
        body = json.dumps(body if found else {"error": f"no {name}"}).encode()
        return self._send(request, 200 if found else 404, "application/json", body)

    def _body(self, name, asked):
        answers = self.answers
        if isinstance(answers, dict):
            return answers.get(name)
        ways = {
            "state": answers.state,
            "map": lambda: answers.map(asked["map"]),
            "samples": lambda: answers.samples_at(asked["run"], int(asked["step"]), int(asked.get("top", 10))),
            "cartography": answers.cartography,
            "sample": lambda: answers.sample(int(asked["sample"])),
            "pair": lambda: answers.pair(asked["a"], asked["b"], int(asked.get("top", 10))),
        }
        return ways[name]() if name in ways else None

    def _send(self, request, status, kind, body):
        request.send_response(status)
        request.send_header("Content-Type", f"{kind}; charset=utf-8")
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Content-Security-Policy", POLICY)
        request.end_headers()
        request.wfile.write(body)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for option, default in (("runs", 12), ("records", 34), ("classes", 10), ("port", 6100)):
        parser.add_argument(f"--{option}", type=int, default=default)
    for option in ("unlabelled", "hostile", "grow"):
        parser.add_argument(f"--{option}", action="store_true")
    chosen = parser.parse_args()
    made_up = TabAnswers(
        chosen.runs, chosen.records, classes=chosen.classes, labelled=not chosen.unlabelled, hostile=chosen.hostile
    )
    with TabServer(made_up, chosen.port) as server:
        print(server.address)
        while True:
            time.sleep(5)
            if chosen.grow:
                made_up.grow(made_up.records + 1)
