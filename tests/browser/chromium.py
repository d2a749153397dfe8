"""A headless chromium without a network, driven by its DevTools protocol over a websocket."""

import asyncio
import base64
import os
import shutil
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

BINARY = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needed = [
    pytest.mark.skipif(BINARY is None, reason="needs chromium: apt-get install --yes chromium"),
    pytest.mark.skipif(find_spec("aiohttp") is None, reason="needs aiohttp: pip install aiohttp"),
]
"""Marks of every test in a browser."""

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # root in a container
    "--disable-dev-shm-usage",
    "--use-angle=swiftshader",  # WebGL without a graphics card
    "--enable-unsafe-swiftshader",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--proxy-server=127.0.0.1:1",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-port=0",
)


class Tab:
    """One page: what it asks for, what goes wrong in it, and what can be read from it."""

    def __init__(self, socket):
        self.socket, self.count, self.requested, self.dialogs, self.errors = socket, 0, [], [], []

    async def send(self, method, **params):
        """Sends a command and returns its result, noting what happens meanwhile."""
        self.count += 1
        number = self.count
        await self.socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = await asyncio.wait_for(self.socket.receive_json(), 60)
            if message.get("id") == number:
                assert "error" not in message, (method, message)
                return message["result"]
            await self._note(message)

    async def _note(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(params["message"])
            self.count += 1
            await self.socket.send_json(
                {"id": self.count, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
            )
        elif method == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"]["exception"].get("description", str(params)))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])

    async def open(self, path, dark=False, width=1440, height=900):
        """Opens a file with the network off."""
        await self.send(
            "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
        )
        await self.visit(Path(path).resolve().as_uri(), dark, width, height)

    async def visit(self, address, dark=False, width=1440, height=900):
        """Opens an address of this machine."""
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.send(f"{domain}.enable")
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.send("Emulation.setEmulatedMedia", features=scheme)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self.send("Emulation.setDeviceMetricsOverride", **size)
        await self.send("Page.navigate", url=address)

    async def value(self, expression):
        """Returns what a JavaScript expression is, awaited."""
        found = await self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, expression, seconds=60):
        """Returns when an expression is true."""
        end = time.monotonic() + seconds
        while not await self.value(expression):
            assert time.monotonic() < end, (expression, self.errors)
            await asyncio.sleep(0.1)

    async def frames(self):
        """Returns after frames enough for what was changed or scrolled to be noticed and drawn, fast or slow."""
        frame = "await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));"
        await self.value(f"(async () => {{ {3 * frame} }})()")

    async def choose(self, element, text):
        """Chooses an option by its text, as a click does, and waits for a frame to be drawn."""
        await self.value(
            f"(async () => {{ const box = document.getElementById({element!r});"
            f" const option = [...box.options].find((o) => o.textContent === {text!r});"
            " box.value = option.value; box.dispatchEvent(new Event('change')); })()"
        )
        await self.frames()
        await self.until("document.body.dataset.drawn !== '0'")  # a page that says whether it is drawn

    async def show(self, selector):
        """Scrolls to what a selector finds."""
        await self.value(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center'}})")

    async def click(self, selector):
        """Clicks with the mouse on the middle of what a selector finds."""
        x, y = await self.value(
            f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}});"
            " const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def screenshot(self, path, full=False):
        """Saves what is seen."""
        found = await self.send("Page.captureScreenshot", format="png", captureBeyondViewport=full)
        Path(path).write_bytes(base64.b64decode(found["data"]))


def browse(work):
    """Runs ``work(tab)``, a coroutine function, in a fresh browser and returns its result."""
    import aiohttp

    async def inside(address):
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://{address}/json/list") as answer:
                pages = [one for one in await answer.json() if one["type"] == "page"]
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=2**28) as socket:
                return await work(Tab(socket))

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [BINARY, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running = subprocess.Popen(command, **quiet, env={**os.environ, "HOME": profile})
        try:
            where, end = Path(profile) / "DevToolsActivePort", time.monotonic() + 60
            while not (where.exists() and where.read_text().count("\n")):
                assert running.poll() is None, "chromium did not start"
                assert time.monotonic() < end, "chromium does not answer"
                time.sleep(0.1)
            return asyncio.run(inside(f"127.0.0.1:{where.read_text().splitlines()[0]}"))
        finally:
            running.terminate()
            running.wait(30)
