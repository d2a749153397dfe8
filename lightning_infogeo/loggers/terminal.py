"""Tables that can be printed to a console of any encoding, displayed in a notebook, and logged as plain text."""

from __future__ import annotations

import io
import sys
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.jupyter import JupyterMixin
from rich.segment import Segment

LINE = 80
"""Cells in a line of running text, and of all that does not go to a terminal, which would have a width of its own."""


class Summary(Group, JupyterMixin):
    """Tables one below the other: a renderable of rich, whose ``str`` is the tables as text.

    Characters that the console's encoding lacks are replaced.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields the segments that rich prints."""
        for segment in console.render(Group(*self.renderables), options):
            yield Segment(shown(segment.text, options.encoding), segment.style, segment.control)

    def __str__(self) -> str:
        terminal = sys.stdout is not None and sys.stdout.isatty()
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        buffer = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace", newline="")
        Console(file=buffer, width=None if terminal else LINE, color_system=None, force_jupyter=False).print(self)
        buffer.seek(0)
        return "\n".join(line.rstrip() for line in buffer.read().splitlines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Returns the tables as HTML, for notebooks that do not use ``_repr_mimebundle_``."""
        html: Any = self._repr_mimebundle_((), ())["text/html"]
        return str(html)


def shown(text: str, encoding: str) -> str:
    """Returns a text in which characters that an encoding lacks are replaced by "?".

    Example:
        >>> shown("0.1 – 0.2 ÷ ½", "latin-1"), shown("–", "ascii"), shown("–", "utf-8")
        ('0.1 ? 0.2 ÷ ½', '?', '–')
    """
    return text.encode(encoding, "replace").decode(encoding)


def plain(text: str) -> str:
    r"""Returns text without control characters, which would change how a terminal works.

    Example:
        >>> plain("a\x1b[31mb")
        'a�[31mb'
    """
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)
