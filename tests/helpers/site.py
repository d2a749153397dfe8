"""The site of the documentation, built as `make docs` builds it, once for all tests of a run."""

import os
import subprocess
import sys
from functools import cached_property
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
needed = [
    pytest.mark.skipif(find_spec("sphinx") is None, reason="needs Sphinx: pip install 'lightning-infogeo[docs]'"),
    pytest.mark.skipif(find_spec("zarr") is None, reason="a notebook needs zarr, which needs Python 3.11"),
]
"""Marks of every test of the site."""


class Built(NamedTuple):
    """What a build left: where its pages are, how it ended, and what it wrote."""

    html: Path
    code: int
    said: str


def build(source, html, *options):
    """Builds the pages of one folder into another."""
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", *options]
    where = {**os.environ, "PYTHONPATH": str(ROOT)}
    folders = ["-d", f"{html}.doctrees", str(source), str(html)]
    done = subprocess.run([*command, *folders], capture_output=True, text=True, env=where, cwd=ROOT)
    return Built(Path(html), done.returncode, done.stdout + done.stderr)


def build_once(tmp_path_factory):
    """Builds the site, or waits for another process of the same run that does."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    ended = folder / "site.txt"
    with FileLock(folder / "site.lock"):
        if not ended.exists():
            built = build(ROOT / "docs", folder / "site")
            ended.write_text(f"{built.code}\n{built.said}", encoding="utf-8")
    code, _, said = ended.read_text(encoding="utf-8").partition("\n")
    return Built(folder / "site", int(code), said)


class Page(HTMLParser):
    """What a page has that can be linked to, where its links lead, and what it loads to be shown."""

    def __init__(self, path):
        super().__init__()
        self.path, self.ids, self.links, self.loaded = path, set(), [], []
        self.feed(self.text)

    @cached_property
    def text(self):
        """The source of the page."""
        return self.path.read_text(encoding="utf-8")

    def handle_starttag(self, tag, attrs):
        """Notes what an element is, leads to or loads."""
        given = dict(attrs)
        self.ids |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag in ("img", "script", "iframe", "source", "video") and given.get("src"):
            self.loaded.append(given["src"])
        elif tag == "link" and given.get("href") and given.get("rel") != "canonical":
            self.loaded.append(given["href"])
