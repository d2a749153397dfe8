"""The hyper-parameters in which runs differ: what the page colours and filters by, and the columns of its table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lightning_infogeo.comparison.grouping import factors, flat

if TYPE_CHECKING:
    from lightning_infogeo.html_report.payload import ReportPayload

MISSING = "–"


def run_keys(payload: ReportPayload) -> list[dict[str, Any]]:
    """Returns the keys by which runs can be coloured: first those asked for, then the factors by weight, then the rest.

    Each has the value of every run as ``texts``; all different ``values``; and ``numbers`` where all are numbers, None
    where a run has none.
    """
    metadata = [run.archive.metadata for run in payload.runs]
    groups = {} if payload.comparison is None else dict(payload.comparison.groups)
    ranked = sorted(groups, key=lambda key: -_weight(groups[key].alone))
    columns = differing(metadata)
    wanted = dict.fromkeys([*payload.group_by, *ranked, *factors(metadata), *columns])
    found = []
    for key in wanted:
        column = columns[key] if key in columns else _values(metadata, key)
        texts = [text_of(value) for value in column]
        if key in payload.group_by or len(set(texts)) > 1:
            found.append({"key": key, "texts": texts, "values": _ordered(texts), "numbers": _numbers(column)})
    return found


def differing(metadata: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Returns the keys, dotted where nested, whose values differ, with the value of each run; None where it has none.

    Example:
        >>> differing([{"lr": 0.1, "net": {"width": 8, "bias": True}}, {"lr": 0.1, "net": {"width": 16, "bias": True}}])
        {'net.width': [8, 16]}
    """
    leaves = [flat(one) for one in metadata]
    keys = sorted({key for one in leaves for key in one})
    columns = {key: [one.get(key) for one in leaves] for key in keys}
    return {key: column for key, column in columns.items() if len({text_of(value) for value in column}) > 1}


def text_of(value: Any) -> str:
    """Returns a value as it is shown."""
    if value is None:
        return MISSING
    if isinstance(value, list):
        return ", ".join(map(text_of, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _values(metadata: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    """Returns the values of a key that is the same in all runs, or that of a nested mapping."""
    found: list[Any] = []
    for leaves in map(flat, metadata):
        below = {name: value for name, value in leaves.items() if name.startswith(f"{key}.")}
        found.append(leaves.get(key, json.dumps(below, sort_keys=True, default=str) if below else None))
    return found


def _numbers(column: Sequence[Any]) -> list[float | None] | None:
    """Returns the column as numbers; None where one is a text or switch, or there are fewer than three of them."""
    values = [_number(value) for value in column]
    if any(value is None for value, own in zip(values, column, strict=True) if own is not None):
        return None
    return values if len(set(values) - {None}) > 2 else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if math.isfinite(value) else None


def _ordered(texts: Sequence[str]) -> list[str]:
    def order(text: str) -> tuple[int, float, str]:
        try:
            return 0, float(text), text
        except ValueError:
            return 1, 0.0, text

    return sorted(set(texts), key=order)


def _weight(value: float) -> float:
    return value if math.isfinite(value) else -1.0
