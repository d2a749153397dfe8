"""The tables of the page, as HTML in which everything that was recorded is escaped."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from lightning_infogeo.comparison.grouping import flat
from lightning_infogeo.html_report.payload import HEAT, POINTS, ReportPayload, events_of
from lightning_infogeo.quantities import column_title
from lightning_infogeo.theory.probe_dimensions import recorded_dimensions

_DIMENSIONS = 3
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
    """Returns the table of runs."""
    if payload.comparison is not None:
        rows = payload.comparison.run_table()
        head = [column_title(column) for column in rows[0]]
        return table(head, [[_shown(value) for value in row.values()] for row in rows])
    steps, member = payload.embedding.steps, payload.embedding.member
    body = []
    for k, run in enumerate(payload.runs):
        own = steps[member == k]
        body.append([run.name, _shown(len(own)), _shown(int(own[-1]))])
    return table(["run", "records", "last step"], body)


def dimensions(payload: ReportPayload) -> str:
    """Returns the table of dimensions, or a sentence where nothing can be predicted."""
    body = []
    embedding = payload.embedding
    for k, run in enumerate(payload.runs):
        own = (embedding.member == k).nonzero()[:, 0]
        spectrum = recorded_dimensions(run.archive[payload.probe], embedding.distances, embedding.steps, own)
        if spectrum is not None:
            slope = spectrum.slope
            decay = ("–", "–") if slope is None else (_shown(slope.value), _shown(slope.r_squared))
            body.append([run.name, *decay, _shown(spectrum.predicted_dimensions), _shown(spectrum.measured_dimensions)])
    if not body:
        return "<p>The archives hold no labelled probe of floating inputs to predict from.</p>"
    return table(["run", "c of the inputs", "R²", "predicted", "measured"], body)


def events(payload: ReportPayload) -> str:
    """Returns the table of events, or a sentence where there are none."""
    listed = [(run.name, event) for k, run in enumerate(payload.runs) for event in events_of(k, run)]
    if not listed:
        return "<p>No marker fired.</p>"
    body = [
        [
            name,
            event["name"],
            event["probe"],
            *(_shown(event[key]) for key in ("step", "detected_at", "strength")),
            event["message"],
        ]
        for name, event in listed[:_EVENTS]
    ]
    more = f"<p>The first {_EVENTS} of {len(listed)}.</p>" if len(listed) > _EVENTS else ""
    return table(["run", "event", "on", "step", "known at", "strength", "what it means"], body) + more


def metadata(payload: ReportPayload) -> str:
    """Returns what differs between runs as a table of runs, and what they share below it."""
    values = [flat(run.archive.metadata) for run in payload.runs]
    keys = sorted({key for each in values for key in each})
    differ = [key for key in keys if len({_text(each.get(key)) for each in values}) > 1]
    shared = [key for key in keys if key not in differ]
    parts = []
    if differ:
        body = [
            [run.name, *(_text(each.get(key)) for key in differ)]
            for run, each in zip(payload.runs, values, strict=True)
        ]
        parts.append(table(["run", *differ], body))
    if shared:
        title = "The same in all runs" if differ else "Of the run"
        rows = table(["key", "value"], [[key, _text(values[0].get(key))] for key in shared])
        parts.append(f"<details{'' if differ else ' open'}><summary>{title}</summary>{rows}</details>")
    return "".join(parts) or "<p>None recorded.</p>"


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


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Returns a table of texts; columns that hold numbers alone are set to the right.

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
    inside = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="table"><table><thead><tr>{title}</tr></thead><tbody>{inside}</tbody></table></div>'


def _row_name(name: str, dimensions: int) -> str:
    return f"{name}, {dimensions} dimensions" if name.startswith("error of embedded distances") else name


def _shown(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text == "–"
    return True
