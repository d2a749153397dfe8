"""The bundle that is shipped is built from the sources beside it, and asks no other address for anything."""

import hashlib
import re
from pathlib import Path

from lightning_infogeo.figures import palette

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "tab" / "src"
BUNDLE = ROOT / "infogeo_tensorboard" / "static" / "index.js"


def digest(folder):
    """Returns what ``tab/build.mjs`` writes of the sources."""
    total = hashlib.sha256()
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        text = path.read_text(encoding="utf-8").encode()
        total.update(f"{path.name}\n{len(text)}\n".encode() + text)
    return total.hexdigest()


def test_the_bundle_is_built_from_these_sources(tmp_path):
    first = BUNDLE.read_text(encoding="utf-8").splitlines()[0]
    (stated,) = re.findall(r"SHA-256 ([0-9a-f]{64})", first)
    assert stated == digest(SOURCES), "cd tab && npm ci && npm run build"
    assert "Apache-2.0" in first

    (tmp_path / "index.ts").write_text("changed")
    assert stated != digest(tmp_path)


def test_the_bundle_is_a_module_that_exports_render_and_is_self_contained():
    text = BUNDLE.read_text(encoding="utf-8")
    assert re.search(r"export\{\w+ as render\}", text)
    assert not re.search(r"\bimport\b\s*[({\"'*]|\beval\(|new Function\(", text)
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # a name, never asked for


def test_no_source_parses_markup():
    """Names of runs and classes reach the page as text alone."""
    parsing = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc|createContextualFragment"
    )
    for path in SOURCES.glob("*.ts"):
        assert not parsing.search(path.read_text(encoding="utf-8")), path.name


def test_colours_are_those_of_the_figures():
    text = (SOURCES / "palette.ts").read_text(encoding="utf-8")
    (lines,) = re.findall(r"LINES = \[(.*?)\]", text)
    assert tuple(re.findall(r"#\w+", lines)) == palette.LINES
    assert re.findall(r'INK = "(.*?)"', text) == [palette.INK]


def test_events_have_inks_that_no_run_has():
    text = (SOURCES / "palette.ts").read_text(encoding="utf-8")
    inks = {ink.upper() for ink in re.findall(r"(?:ink|soft|bad): \"(#\w+)\"", text)}
    assert len(inks) == 6  # of light and of dark
    assert inks.isdisjoint({colour.upper() for colour in (*palette.LINES, palette.INK)})
    marked = (SOURCES / "event_look.ts").read_text(encoding="utf-8")
    assert not re.search(r"#[0-9a-fA-F]{6}|LINES|INK\b", marked)


def test_sources_are_small_files():
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES.iterdir()}
    assert max(lengths.values()) <= 400, lengths
