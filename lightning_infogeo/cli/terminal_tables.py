"""The tables of a comparison for the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from lightning_infogeo.comparison import Comparison
from lightning_infogeo.quantities import column_title

Row = Mapping[str, Any]

_MOST_RUNS = 60
"""The most runs that are listed in the terminal; runs.csv has all."""


def number(value: Any) -> str:
    """Returns a value as text for a table.

    Example:
        >>> number(0.123456), number(12), number(1234567.0), number(float("nan"))
        ('0.1235', '12', '1.235e+06', '–')
    """
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.4g}"
    return plain(str(value))


def plain(text: str) -> str:
    r"""Returns text without control characters, which would change how a terminal works.

    Example:
        >>> plain("a\x1b[31mb")
        'a�[31mb'
    """
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)


def summary_table(comparison: Comparison) -> Table:
    """Returns the table of quantities of all runs together."""
    table = Table(title="What the runs have in common", caption="distances: d_B at equal progress, mean over samples")
    table.add_column("quantity")
    table.add_column("value", justify="right")
    table.add_column("unit")
    for row in comparison.summary():
        table.add_row(Text(plain(row["quantity"])), Text(number(row["value"])), Text(row["unit"]))
    return table


def run_table(comparison: Comparison) -> Table:
    """Returns the table of runs; only the first of them where there are many."""
    rows: Sequence[Row] = comparison.run_table()
    caption = "–: never reached" if any(value != value for row in rows for value in row.values()) else None
    if len(rows) > _MOST_RUNS:
        caption = f"the first {_MOST_RUNS} of {len(rows)} runs; --out writes all to runs.csv"
    table = Table(title="Runs", caption=caption)
    for column in rows[0]:
        table.add_column(Text(column_title(column)), justify="left" if column == "run" else "right", overflow="fold")
    for row in rows[:_MOST_RUNS]:
        table.add_row(*(Text(number(value)) for value in row.values()))
    return table
