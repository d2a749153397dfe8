"""The tables of a comparison for the terminal, none of them wider than a line of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lightning_infogeo.comparison import Comparison, Effect, GroupPair
from lightning_infogeo.comparison.result import OF_FACTORS
from lightning_infogeo.loggers import FittedTable
from lightning_infogeo.quantities import column_title

Row = Mapping[str, Any]

_MOST_RUNS = 60
"""The most runs that are listed in the terminal; runs.csv has all."""
_MOST_PAIRS = 21
"""The most pairs of groups listed: those of six groups."""
_MOST_ASKED_FOR = ("run", "last step", "progress", "distance to truth", "re-indexed length", "steps to 0.5")


def number(value: Any) -> str:
    """Returns a value as text for a table.

    Example:
        >>> number(0.123456), number(0.5), number(12), number(12345.6), number(float("nan"))
        ('0.1235', '0.5000', '12', '12346', '–')
    """
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return "–"
    return f"{value:.0f}" if 1e3 <= abs(value) < 1e9 else f"{value:#.4g}"


def summary_table(comparison: Comparison) -> FittedTable:
    """Returns the table of quantities of all runs together; the factors have one of their own."""
    table = FittedTable(
        "What the runs have in common",
        "Distances: d_B at equal progress, mean over samples, over the progress that both runs reach; whole range: the "
        "last record of a run that stops early is repeated. Shuffled B: another run with samples shuffled in classes.",
    )
    table.add_column("quantity", "words")
    table.add_column("value")
    table.add_column("unit", "words")
    of_factors = {f"{key}: {name}" for key in comparison.groups for name in OF_FACTORS}
    for row in comparison.summary():
        if row["quantity"] not in of_factors:
            table.add_row(row["quantity"], number(row["value"]), row["unit"])
    return table


def factor_table(effects: Sequence[Effect]) -> FittedTable:
    """Returns the table of what sets runs apart, and by how much.

    Args:
        effects: of the factors, at least one.
    """
    notes = [
        "Mean distances in nats; ratio: between ÷ within; alone: between runs that differ in this factor and in no "
        "other; p: that runs assigned to the groups at random are as far apart."
    ]
    known_by_more = [f"{effect.key} = {', '.join(effect.aliases)}" for effect in effects if effect.aliases]
    if known_by_more:
        notes.append(f"The same factor by more than one key: {'; '.join(known_by_more)}.")
    table = FittedTable("What sets them apart", " ".join(notes))
    table.add_column("factor", "name")
    for heading in ("groups", "within groups", "between groups", "ratio", "alone", "p"):
        table.add_column(heading)
    for effect in effects:
        groups = effect.groups
        distances = [number(value) for value in (groups.within, groups.between, groups.alone)]
        ratio = f"{effect.ratio:.2f}" if math.isfinite(effect.ratio) else "–"
        cells = [effect.key, str(len(groups.values)), *distances[:2], ratio, distances[2]]
        table.add_row(*cells, _probability(groups.p_value))
    return table


def pairs_table(key: str, rows: Sequence[GroupPair]) -> FittedTable:
    """Returns the table of the groups of a factor, pair by pair, only the first of them where there are many.

    Args:
        key: of the factor.
        rows: by ``Comparison.group_pairs``.
    """
    notes = ["Mean distances in nats, over the progress that both reach, and over the whole range."]
    if any(row.shuffled == row.shuffled for row in rows):
        notes.append("closer: of all pairs of runs, those closer than A is to shuffled B; ratio to it, median.")
    if any(row.shuffle_p_value == row.shuffle_p_value for row in rows):
        notes.append("p closer: that pairs whose samples are shuffled are as close.")
    notes.append("p apart: that runs assigned to the two groups at random are as far apart.")
    if len(rows) > _MOST_PAIRS:
        notes.append(f"The first {_MOST_PAIRS} of {len(rows)}; --out writes all to groups.csv.")
    table = FittedTable(f"Pairs of groups of {key}", " ".join(notes))
    table.add_column("group", "name")
    table.add_column("and", "name")
    for heading in ("distance", "whole range", "closer", "ratio", "p closer", "p apart"):
        table.add_column(heading)
    for row in rows[:_MOST_PAIRS]:
        known = row.shuffled == row.shuffled
        closer, ratio = (f"{row.closer} of {row.pairs}", number(row.ratio)) if known else ("–", "–")
        apart = [number(row.distance), number(row.whole_range)]
        chances = [_probability(value) for value in (row.shuffle_p_value, row.p_value)]
        table.add_row(row.first, row.second, *apart, closer, ratio, *chances)
    return table


def _probability(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2g}" if value >= 1e-3 else f"{value:.0e}"


def run_tables(comparison: Comparison, wide: bool, width: int) -> Iterator[FittedTable]:
    """Yields the table of runs, only the first of them where there are many.

    Args:
        comparison: of the runs.
        wide: all columns, in as many tables as they need, instead of the six that are most asked for.
        width: cells in a line.
    """
    rows: Sequence[Row] = comparison.run_table()
    notes = []
    if len(rows) > _MOST_RUNS:
        notes.append(f"The first {_MOST_RUNS} of {len(rows)} runs; --out writes all to runs.csv.")
    if not wide:
        notes.append("--wide shows all columns.")
    rows = rows[:_MOST_RUNS]
    columns = [column for column in rows[0] if wide or column in _MOST_ASKED_FOR][1:]
    title = "Runs"
    while columns:
        fitting = 1
        while fitting < len(columns) and _run_table(title, rows, columns[: fitting + 1], notes).narrowest <= width:
            fitting += 1
        yield _run_table(title, rows, columns[:fitting], notes)
        columns, title = columns[fitting:], "Runs, continued"


def _run_table(title: str, rows: Sequence[Row], columns: Sequence[str], notes: Sequence[str]) -> FittedTable:
    never = any(row[column] != row[column] for row in rows for column in columns)
    table = FittedTable(title, " ".join(["–: never reached."] * never + [*notes]))
    table.add_column("run", "name")
    for column in columns:
        table.add_column(column_title(column))
    for row in rows:
        table.add_row(row["run"], *(number(row[column]) for column in columns))
    return table
