"""Drives the page of the tab, which stands in a frame of TensorBoard's."""

import asyncio

from tests.browser import chromium
from tests.browser.tab_server import TabServer

KEYS = {"End": 35, "ArrowLeft": 37, "ArrowRight": 39, "Escape": 27, "Tab": 9, "Enter": 13, " ": 32}

RELOAD = 'window.channel.postMessage(JSON.stringify({type: "experimental.DataReloaded", id: 1, payload: null}))'
"""What TensorBoard says after a reload."""


class TabPage:
    """The page in its frame; expressions find its window as ``w`` and its document as ``d``."""

    def __init__(self, tab):
        self.tab = tab

    async def value(self, expression):
        """Returns what an expression is inside the frame."""
        return await self.tab.value(
            "(async () => { const w = document.querySelector('iframe')?.contentWindow, d = w?.document;"
            f" return {expression}; }})()"
        )

    async def until(self, expression, seconds=60):
        """Returns when an expression is true inside the frame."""
        for _ in range(10 * seconds):
            if await self.value(expression):
                return
            await asyncio.sleep(0.1)
        raise AssertionError((expression, await self.value("d?.body?.innerText"), self.tab.errors))

    async def ready(self):
        """Returns when the map is drawn."""
        await self.until("w?.infogeo?.records() > 0")

    async def frame(self):
        """Returns when all that was changed is drawn."""
        await self.value("await new Promise((done) => w.requestAnimationFrame(() => w.requestAnimationFrame(done)))")

    async def click(self, selector, place=0):
        """Clicks what a selector finds, as a keyboard's Enter on a button does."""
        await self.value(f"(d.querySelectorAll({selector!r})[{place}].click(), null)")
        await self.frame()

    async def choose(self, label, value):
        """Chooses an option of the box of a label by its value."""
        await self.value(
            f"(() => {{ const box = d.querySelector('select[aria-label=\"{label}\"]'); box.value = {value!r};"
            " box.dispatchEvent(new w.Event('change')); })()"
        )
        await self.frame()

    async def click_record(self, run, step):
        """Clicks with the mouse where a record of a run is drawn on the map."""
        await self.frame()
        x, y = await self.value(f"w.infogeo.where({run!r}, {step})")
        left, top = await self.tab.value(
            "(() => { const box = document.querySelector('iframe').getBoundingClientRect(); return [box.x, box.y]; })()"
        )
        for kind, button in (("mouseMoved", "none"), ("mousePressed", "left"), ("mouseReleased", "left")):
            await self.tab.send(
                "Input.dispatchMouseEvent", type=kind, x=x + left, y=y + top, button=button, clickCount=1
            )

    async def press(self, key, modifiers=0):
        """Presses a key."""
        code = KEYS.get(key, ord(key.upper()[0]))
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else None)
        pressed = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        await self.tab.send("Input.dispatchKeyEvent", type="keyDown", **pressed, **({"text": text} if text else {}))
        await self.tab.send("Input.dispatchKeyEvent", type="keyUp", **pressed)
        await self.frame()

    async def drawn(self):
        """Returns the runs on the map and those on the curves."""
        await self.frame()
        found = await self.value("w.infogeo.drawn()")
        return set(found["map"]), set(found["curves"])


def browse(answers, work, dark=False, width=1440, height=900, ready=True, wrong=()):
    """Runs ``work(page, server)`` on the page, with made-up answers; nothing but ``wrong`` may go wrong in it."""
    with TabServer(answers) as server:

        async def inside(tab):
            await tab.visit(server.address + ("#dark" if dark else ""), width=width, height=height)
            page = TabPage(tab)
            if ready:
                await page.ready()
            found = await work(page, server)
            assert tab.dialogs == []
            expected = ("Failed to load resource", *wrong)
            assert [error for error in tab.errors if not any(one in error for one in expected)] == []
            return found

        return chromium.browse(inside)
