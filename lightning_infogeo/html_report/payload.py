"""What the page is about, as the numbers that its script draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.archive import Archive, ArchivedTrajectory
from lightning_infogeo.comparison import Comparison, JointEmbedding, leaf_order
from lightning_infogeo.comparison.grouping import factors, flat, grouping
from lightning_infogeo.figures import COLOURS
from lightning_infogeo.html_report.neuron_payload import neurons_of
from lightning_infogeo.json_values import rounded
from lightning_infogeo.quantities import ordered, quantity
from lightning_infogeo.trajectory import WEIGHTS

POINTS = 60_000
"""Checkpoints drawn at most, and records of all curves of one name: beyond, every second, third, … of a run."""

HEAT = 600
"""Runs up to which the table of their distances is drawn."""

_KEYS = 40
"""Values that a key may take to be offered for colouring."""

_TREE = 4000
"""Runs up to which the tree is drawn."""


class Subject(NamedTuple):
    """One run on the page.

    Attributes:
        name: among the others.
        archive: that it is from.
    """

    name: str
    archive: Archive


class Contents(NamedTuple):
    """What the page is about.

    Attributes:
        runs: in the order of the embedding's members.
        probe: on which they are compared.
        samples: of the probe.
        classes: of the predictions.
        embedding: of all their checkpoints.
        comparison: of the runs; None where the probe has no labels.
        notes: what the reader should know, as sentences.
        group_by: keys to be offered first for colouring.
    """

    runs: Sequence[Subject]
    probe: str
    samples: int
    classes: int
    embedding: JointEmbedding
    comparison: Comparison | None = None
    notes: Sequence[str] = ()
    group_by: Sequence[str] = ()


def numbers(contents: Contents) -> dict[str, Any]:
    """Returns everything that the page draws, as plain values."""
    series = _series(contents.runs)
    return {
        "runs": [run.name for run in contents.runs],
        "palette": list(COLOURS),
        "keys": _keys(contents),
        "map": _map(contents),
        "spectrum": _spectrum(contents.embedding),
        "series": series,
        "quantities": {
            kind: {name: quantity(name, kind == "weights")._asdict() for name in _names(series, kind)}
            for kind in ("probes", "weights")
        },
        "events": [event for k, run in enumerate(contents.runs) for event in events_of(k, run)],
        "neurons": neurons_of([(run.name, run.archive) for run in contents.runs]),
        "distances": None if contents.comparison is None else _distances(contents.comparison),
    }


def events_of(k: int, run: Subject) -> list[dict[str, Any]]:
    """Returns the events of run ``k``; what is not there or no number is None."""
    return [
        {
            "run": k,
            **{key: str(event.get(key, "")) for key in ("name", "probe", "message")},
            **{key: _number(event.get(key)) for key in ("step", "detected_at", "strength")},
        }
        for event in run.archive.events
        if isinstance(event, dict)
    ]


def _map(contents: Contents) -> dict[str, Any]:
    found = contents.embedding
    places = [own[_thinned(len(own), len(found.steps))] for own in _places(found.member, len(contents.runs))]
    shown = torch.cat(places)
    progress = None
    if contents.comparison is not None:
        progress = rounded(torch.cat([course.progress for course in contents.comparison.courses])[shown])
    return {
        "axes": rounded(_three(found.coordinates)[shown].mT),
        "member": found.member[shown].tolist(),
        "steps": found.steps[shown].tolist(),
        "progress": progress,
        "milestones": rounded(_three(found.milestones).mT),
        "time_like": [bool(value < 0) for value in found.eigenvalues[:3]],
        "left_out": len(found.steps) - len(shown),
    }


def _spectrum(found: JointEmbedding) -> dict[str, Any]:
    count = len(found.eigenvalues)
    return {
        "eigenvalues": rounded(found.eigenvalues),
        "stress": [round(found.stress(k), 6) for k in range(1, count + 1)],
    }


def _series(runs: Sequence[Subject]) -> list[dict[str, Any]]:
    """Returns the curves by name of what they were recorded of."""
    names = list(dict.fromkeys(name for run in runs for name in run.archive.names))
    result = []
    for name in sorted(names, key=lambda one: (one.startswith(WEIGHTS), one != "val", one)):
        having = [(k, run.archive[name]) for k, run in enumerate(runs) if name in run.archive.names]
        total = sum(len(recorded) for _, recorded in having)
        curves = [_curve(k, recorded, total) for k, recorded in having if len(recorded)]
        if curves:
            result.append({"name": name, "kind": "weights" if name.startswith(WEIGHTS) else "probes", "curves": curves})
    return result


def _curve(k: int, recorded: ArchivedTrajectory, total: int) -> dict[str, Any]:
    shown = _thinned(len(recorded), total)
    columns = recorded.quantities[shown].mT
    return {
        "run": k,
        "steps": recorded.steps[shown].tolist(),
        "values": {
            name: rounded(column)
            for name, column in zip(recorded.attributes["quantities"], columns, strict=True)
            if column.isfinite().any()
        },
    }


def _names(series: Sequence[Mapping[str, Any]], kind: str) -> list[str]:
    curves = [curve for one in series if one["kind"] == kind for curve in one["curves"]]
    return ordered({name for curve in curves for name in curve["values"]}, kind == "weights")


def _keys(contents: Contents) -> list[dict[str, Any]]:
    """Returns by what runs can be coloured: keys asked for, the factor that matters most first, then all others."""
    metadata = [run.archive.metadata for run in contents.runs]
    count = len(contents.runs)
    table = torch.zeros(count, count, dtype=torch.float64)
    groups = {} if contents.comparison is None else dict(contents.comparison.groups)
    ranked = sorted(groups, key=lambda key: -_weight(groups[key].alone))
    differing = [key for key in sorted({name for one in metadata for name in flat(one)}) if key not in groups]
    wanted = [*contents.group_by, *ranked, *factors(metadata), *differing]
    result = []
    for key in dict.fromkeys(wanted):
        found = groups[key] if key in groups else grouping(table, key, metadata)
        if key in contents.group_by or 1 < len(found.values) <= min(_KEYS, max(2, count)):
            result.append({"key": key, "values": list(found.values), "member": found.member.tolist()})
    return result


def _distances(comparison: Comparison) -> dict[str, Any] | None:
    count = len(comparison.names)
    if not 1 < count <= _TREE:
        return None
    from scipy.cluster.hierarchy import dendrogram

    order = leaf_order(comparison.tree)
    drawn = dendrogram(comparison.tree, no_plot=True)
    table = comparison.distances[order][:, order]
    return {
        "order": order,
        "table": rounded(table) if count <= HEAT else None,
        # SciPy puts leaves at 5, 15, 25 …
        "tree": [
            [[round((place - 5) / 10, 4) for place in along], rounded(across)]
            for along, across in zip(drawn["icoord"], drawn["dcoord"], strict=True)
        ],
        "null": _number(float(comparison.null.mean())) if comparison.null.numel() else None,
    }


def _places(member: Tensor, count: int) -> list[Tensor]:
    return [(member == k).nonzero().flatten() for k in range(count)]


def _thinned(count: int, total: int) -> Tensor:
    """Returns which of ``count`` records are drawn: the last always."""
    stride = max(1, math.ceil(total / POINTS))
    return torch.arange(count - 1, -1, -stride).flip(0)


def _three(points: Tensor) -> Tensor:
    return torch.nn.functional.pad(points, (0, 3 - min(points.shape[1], 3)))[:, :3]


def _number(value: Any) -> float | None:
    plain = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if plain else None


def _weight(value: float) -> float:
    return value if math.isfinite(value) else -1.0
