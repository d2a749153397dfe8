"""Links between files of the repository, on the site.

In the sources a link is a path from the file it stands in, which is what the forge follows. Two sorts of files are on
the site under another path: those outside of docs/ that a page includes (CONTRIBUTING.md), and code that a page shows
(examples/). Links to them are turned to those pages; what no page shows is offered as a file, and so is what the page
itself shows.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

LINK = re.compile(r"\]\((?P<path>[^()#:\s]+)(?P<anchor>#[^()\s]*)?\)")
SHOWN = re.compile(r"^```\{(?:literal)?include\} (\S+)$", re.MULTILINE)


def pages_of_files(docs: Path) -> dict[Path, str]:
    """Returns which page, as a path from docs/, shows a file from elsewhere in the repository."""
    pages = {}
    for page in sorted(docs.rglob("*.md")):
        for path in SHOWN.findall(page.read_text(encoding="utf-8")):
            pages.setdefault((page.parent / path).resolve(), page.relative_to(docs).as_posix())
    return pages


def turned(text: str, folder: Path, docs: Path, pages: dict[Path, str], page: str) -> str:
    """Returns Markdown with its links as paths from docs/, which MyST writes with a leading /.

    Args:
        text: of a file that is, or is included by, a page.
        folder: where the file is.
        docs: the folder docs/.
        pages: by the files that they show.
        page: its path from docs/.
    """

    def link(match: re.Match[str]) -> str:
        target = (folder / match["path"]).resolve()
        shown_on = pages.get(target, page)
        path = Path(os.path.relpath(target, docs)).as_posix() if shown_on == page else shown_on
        return f"](/{path}{match['anchor'] or ''})"

    return LINK.sub(link, text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Turns links as pages, and files that they include, are read."""
    docs = Path(app.srcdir).resolve()
    pages = pages_of_files(docs)

    def read(app: Sphinx, docname: str, source: list[str]) -> None:
        path = Path(app.env.doc2path(docname)).resolve()
        source[0] = turned(source[0], path.parent, docs, pages, path.relative_to(docs).as_posix())

    def include(app: Sphinx, path: Path, docname: str, source: list[str]) -> None:
        source[0] = turned(source[0], (docs / path).resolve().parent, docs, pages, f"{docname}.md")

    app.connect("source-read", read)
    app.connect("include-read", include)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
