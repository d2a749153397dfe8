"""The tables of the page, as HTML in which everything that was recorded is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from lightning_infogeo.comparison.compatibility import listed
from lightning_infogeo.comparison.grouping import flat
from lightning_infogeo.html_report.dimension_table import dimensions_by_run
from lightning_infogeo.html_report.payload import HEAT, POINTS, ReportPayload, events_of
from lightning_infogeo.html_report.run_keys import differing, text_of
from lightning_infogeo.html_report.verdicts import verdict_on
from lightning_infogeo.quantities import column_title

_DIMENSIONS = 3
_PAIRS = 200
"""Pairs of groups listed at most."""
_EVENTS = 2000
"""Events listed at most."""


def summary(payload: ReportPayload) -> str:
    """Returns the table of the whole."""
    embedding = payload.embedding
    dimensions = len(embedding.eigenvalues)
    if payload.comparison is None:
        rows: list[dict[str, Any]] = [
            {"quantity": "runs", "value": len(payload.runs), "unit": ""},
            {"quantity": "checkpoints", "value": len(embedding.steps), "unit": ""},
            {"quantity": "explained stress, 3 dimensions", "value": embedding.stress(_DIMENSIONS), "unit": ""},
        ]
    else:
        rows = payload.comparison.summary()
    beyond = {f"explained stress, {k} dimensions" for k in range(_DIMENSIONS + 1, dimensions + 1)}
    body = [
        [_row_name(row["quantity"], dimensions), _shown(row["value"]), row["unit"]]
        for row in rows
        if row["quantity"] not in beyond
    ]
    return table(["quantity", "value", "unit"], body)


def runs(payload: ReportPayload) -> str:
    """Returns the table of runs, with the verdict on each and every hyper-parameter in which they differ."""
    if payload.comparison is not None:
        rows = payload.comparison.run_table()
        head = [column_title(column) for column in rows[0]]
        body = [[_shown(value) for value in row.values()] for row in rows]
    else:
        head, body = ["run", "records", "last step"], []
        steps, member = payload.embedding.steps, payload.embedding.member
        for k, run in enumerate(payload.runs):
            own = steps[member == k]
            body.append([run.name, _shown(len(own)), _shown(int(own[-1]))])
    columns = differing([run.archive.metadata for run in payload.runs])
    for k, (row, run) in enumerate(zip(body, payload.runs, strict=True)):
        settings = [_setting(column[k]) for column in columns.values()]
        row[1:1] = [verdict_on(run.archive, payload.probe).text, *settings]
    return table([head[0], "verdict", *columns, *head[1:]], body, mark_runs=True)


def pairs_of_groups(payload: ReportPayload) -> str:
    """Returns the table of the groups of the factor that sets runs apart most, pair by pair; one sentence without."""
    effects = payload.comparison.effects() if payload.comparison is not None else []
    if payload.comparison is None or not effects:
        return "<p>No factor parts these runs.</p>"
    key, p_value = effects[0].key, effects[0].groups.p_value
    body = []
    for row in payload.comparison.group_pairs(key)[:_PAIRS]:
        known = not math.isnan(row.shuffled)
        beside = [_shown(row.shuffled), f"{row.closer} of {row.pairs}" if known else "–", _shown(row.ratio)]
        chances = [_shown(row.shuffle_p_value), _shown(row.p_value)]
        body.append([row.first, row.second, _shown(row.distance), _shown(row.whole_range), *beside, *chances])
    head = ["group", "and", "distance [nats]", "over the whole range", "A, shuffled B", "closer than it", "ratio"]
    head += ["p, closer", "p, apart"]
    said = f"By {key}, the factor that sets runs apart most; p of all its groups together: {_shown(p_value)}."
    return f"<p>{escape(said)}</p>{table(head, body)}"


def dimensions(payload: ReportPayload) -> str:
    """Returns the table of dimensions, and for runs that are not in it the reason."""
    found, missing = dimensions_by_run(payload)
    body = []
    for name, spectrum in found:
        decay = ["–"] * 5
        if spectrum.decay is not None:
            decay = [_shown(value) for fit in spectrum.decay for value in (fit.value, fit.r_squared)]
            decay.append(_shown(spectrum.decay.power.last))
        body.append([name, _shown(spectrum.predicted_dimensions), _shown(spectrum.measured_dimensions), *decay])
    parts = [table(["run", "predicted", "measured", "c of the inputs", "R²", "α", "R²", "modes"], body)] if body else []
    for reason, names in missing.items():
        of = "all runs" if len(names) == len(payload.runs) > 1 else listed(names)
        parts.append(f"<p>No prediction for {escape(of)}: {escape(reason)}.</p>")
    return "".join(parts)


def events(payload: ReportPayload) -> str:
    """Returns the events as a list of sentences, or one sentence where there are none."""
    found = [(k, run.name, event) for k, run in enumerate(payload.runs) for event in events_of(k, run)]
    if not found:
        return "<p>No marker fired.</p>"
    several = len(payload.runs) > 1
    items = "".join(
        f'<li class="event" data-run="{k}">'
        + (f"<span>{escape(name)}</span> " if several else "")
        + f"<b>{escape(event['headline'])}</b>"
        + (f" (strength {_shown(event['strength'])})" if event["strength"] is not None else "")
        + f" {escape(event['message'])}</li>"
        for k, name, event in found[:_EVENTS]
    )
    more = f"<p>The first {_EVENTS} of {len(found)}.</p>" if len(found) > _EVENTS else ""
    return f'<ul class="events">{items}</ul>{more}'


def metadata(payload: ReportPayload) -> str:
    """Returns what is recorded of the training and is the same in all runs."""
    values = [flat(run.archive.metadata) for run in payload.runs]
    differ = differing([run.archive.metadata for run in payload.runs])
    body = [[key, text_of(value)] for key, value in sorted(values[0].items()) if key not in differ]
    return table(["setting", "value"], body) if body else "<p>Nothing is recorded, or nothing is shared.</p>"


def notes(payload: ReportPayload) -> str:
    """Returns the notes as a list; nothing where there are none."""
    said = list(payload.notes)
    count = len(payload.embedding.steps)
    if count > POINTS:
        said.append(f"Drawn are some of the {count:,} checkpoints, equally spaced in each run; tables count all.")
    if len(payload.runs) > HEAT and payload.comparison is not None:
        said.append(f"The table of distances is drawn for up to {HEAT} runs; `compare --out` writes it.")
    items = "".join(f"<li>{escape(note)}</li>" for note in said)
    return f'<ul class="notes">{items}</ul>' if items else ""


def table(head: Sequence[str], body: Iterable[Sequence[str]], mark_runs: bool = False) -> str:
    """Returns a table of texts; columns that hold numbers alone are set to the right.

    Args:
        head: titles of the columns.
        body: rows.
        mark_runs: whether row k is that of run k, which the page's script can then hide.

    Example:
        >>> table([], [])
        '<div class="table"><table><thead><tr></tr></thead><tbody></tbody></table></div>'
    """
    rows = [list(row) for row in body]
    right = [bool(rows) and all(_numeric(row[i]) for row in rows) for i in range(len(head))]

    def cell(tag: str, i: int, text: str) -> str:
        return f"<{tag}{' class=number' if right[i] else ''}>{escape(text)}</{tag}>"

    lines = ["".join(cell("td", i, text) for i, text in enumerate(row)) for row in rows]
    title = "".join(cell("th", i, text) for i, text in enumerate(head))
    inside = "".join(
        f'<tr data-run="{k}">{line}</tr>' if mark_runs else f"<tr>{line}</tr>" for k, line in enumerate(lines)
    )
    return f'<div class="table"><table><thead><tr>{title}</tr></thead><tbody>{inside}</tbody></table></div>'


def _row_name(name: str, dimensions: int) -> str:
    return f"{name}, {dimensions} dimensions" if name.startswith("error of embedded distances") else name


def _shown(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _setting(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else text_of(value)


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text == "–"
    return True
