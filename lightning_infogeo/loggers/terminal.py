"""Tables that can be printed to a console of any encoding, displayed in a notebook, and logged as plain text."""

from __future__ import annotations

import io
import sys
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.jupyter import JupyterMixin
from rich.segment import Segment

from lightning_infogeo.printable import LINE, shown


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
