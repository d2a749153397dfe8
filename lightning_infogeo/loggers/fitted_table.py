"""Tables that fit a line: names give way where there is no room, words wrap, numbers are always whole."""

from __future__ import annotations

from typing import Literal, NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from lightning_infogeo.printable import LINE, plain
from lightning_infogeo.shortening import shortened

Kind = Literal["name", "number", "words"]

_LEAST_NAME = 8
"""Cells that a column of names gets at any rate, if it needs them."""
_SOME_NAME, _SOME_WORDS = 16, 22
"""Cells that columns of names and of words get first, before either grows beyond."""
_LONGEST_WORD = 24
"""Cells up to which a word is never broken in a column."""
_AROUND = 3
"""Cells of a column beside its text: a line and two spaces."""


class _Column(NamedTuple):
    heading: str
    kind: Kind
    cells: list[str]

    def least(self) -> int:
        """The width below which a number would be cut or a word broken."""
        heading = max(map(cell_len, self.heading.split()), default=0)
        if self.kind == "number":
            return max([heading, *map(cell_len, self.cells)])
        if self.kind == "name":
            return max(heading, min(self.most(), _LEAST_NAME))
        word = max((cell_len(word) for cell in self.cells for word in cell.split()), default=0)
        return max(heading, min(word, _LONGEST_WORD))

    def most(self) -> int:
        """The width from which on nothing is shortened and nothing wraps."""
        return max((cell_len(text) for text in (self.heading if self.kind != "number" else "", *self.cells)), default=0)


class FittedTable:
    """A renderable of rich: title, table and notes, as wide as they need to be and no wider than the console.

    Names are shortened in the middle where there is no room for them. Markup is not interpreted, and characters that
    would steer a terminal are replaced.

    Args:
        title: above the table.
        notes: sentences below it; may be set later.
    """

    def __init__(self, title: str, notes: str = "") -> None:
        self.title, self.notes = title, notes
        self._columns: list[_Column] = []

    def add_column(self, heading: str, kind: Kind = "number") -> None:
        """Adds a column of names, of numbers, or of words that may wrap."""
        self._columns.append(_Column(plain(heading), kind, []))

    def add_row(self, *cells: str) -> None:
        """Adds a row.

        Args:
            cells: one for each column.

        Raises:
            ValueError: where they are not as many as the columns.
        """
        for column, cell in zip(self._columns, cells, strict=True):
            column.cells.append(" ".join(plain(cell).split()))

    @property
    def narrowest(self) -> int:
        """The width that it needs for names that can still be read."""
        least = [
            max(column.least(), min(column.most(), _SOME_NAME)) if column.kind == "name" else column.least()
            for column in self._columns
        ]
        return sum(least) + _AROUND * len(least) + 1

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields title, table and notes for the console's width."""
        widths = self._widths(options.max_width)
        table = Table()
        columns = []
        for column, width in zip(self._columns, widths, strict=True):
            table.add_column(
                Text(column.heading),
                justify="right" if column.kind == "number" else "left",
                width=width,
                overflow="fold",
            )
            columns.append(shortened(column.cells, width) if column.kind == "name" else column.cells)
        for row in zip(*columns, strict=True):
            table.add_row(*map(Text, row))
        yield Text(self.title, style="bold")
        yield table
        if self.notes:
            yield Constrain(Text(plain(self.notes), style="dim"), LINE)

    def _widths(self, width: int) -> list[int]:
        widths = [column.least() for column in self._columns]
        room = width - sum(widths) - _AROUND * len(widths) - 1
        words = [k for k, column in enumerate(self._columns) if column.kind == "words"]
        names = [k for k, column in enumerate(self._columns) if column.kind == "name"]
        for which, most in ((names, _SOME_NAME), (words, _SOME_WORDS), (names, width), (words, width)):
            for k in which:
                grown = min(max(0, min(self._columns[k].most(), most) - widths[k]), max(0, room))
                widths[k], room = widths[k] + grown, room - grown
        return widths
