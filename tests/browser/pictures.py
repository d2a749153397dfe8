"""What the pictures of a page draw, read from the page itself."""

DRAWN = "document.body !== null && document.body.dataset.drawn === '1'"


def traces(element, fields):
    """Reads from the page what a picture draws."""
    parts = ", ".join(f"{field}: plainly(t.{field}) ?? null" for field in fields)
    plainly = "const plainly = (v) => (ArrayBuffer.isView(v) ? [...v] : v)"
    return f"(() => {{ {plainly}; return document.getElementById({element!r}).data.map((t) => ({{{parts}}})); }})()"


async def drawn(tab, element):
    """Scrolls to a picture and returns when it is drawn as it was chosen last."""
    await tab.until(DRAWN)  # the page may not have been read yet
    await tab.show(f"#{element}")
    await tab.until(f"{DRAWN} && document.getElementById({element!r}).data !== undefined")
    await tab.frames()  # what has come into view is noted in the next one
    await tab.until(DRAWN)


def runs_of(listed):
    return [trace for trace in listed if trace["meta"] == "runs"]
