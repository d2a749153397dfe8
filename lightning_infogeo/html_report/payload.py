"""What the page is given, and what of it its script draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.archive import Archive, ArchivedTrajectory
from lightning_infogeo.comparison import Comparison, JointEmbedding, leaf_order
from lightning_infogeo.figures import COLOURS
from lightning_infogeo.html_report.neuron_payload import neurons_of
from lightning_infogeo.html_report.run_keys import run_keys
from lightning_infogeo.html_report.sample_payload import samples_of
from lightning_infogeo.html_report.typed_arrays import floats, packed
from lightning_infogeo.html_report.verdicts import event_of, verdict_on
from lightning_infogeo.json_values import rounded
from lightning_infogeo.quantities import Quantity, ordered, quantity
from lightning_infogeo.trajectory.corrected_length import corrected_length
from lightning_infogeo.trajectory.series import kind_of

POINTS = 60_000
"""Checkpoints drawn at most, and records of all curves of one name: beyond, every second, third, … of a run."""

HEAT = 600
"""Runs up to which the table of their distances is drawn."""

_TREE = 4000
"""Runs up to which the tree is drawn."""


class ReportRun(NamedTuple):
    """A run on the page: its name there, and its archive."""

    name: str
    archive: Archive


class ReportPayload(NamedTuple):
    """Everything that a page shows.

    Attributes:
        runs: in the order of the embedding's members.
        probe: the probe on which they are compared.
        samples: how many the probe has.
        classes: how many the predictions have.
        embedding: the map of all their checkpoints.
        comparison: what the runs have in common; None where the probe has no labels.
        notes: what the reader should know, as sentences.
        group_by: keys to be offered first for colouring.
    """

    runs: Sequence[ReportRun]
    probe: str
    samples: int
    classes: int
    embedding: JointEmbedding
    comparison: Comparison | None = None
    notes: Sequence[str] = ()
    group_by: Sequence[str] = ()


def plot_data(payload: ReportPayload) -> dict[str, Any]:
    """Returns everything that the page draws, as plain values and packed arrays."""
    series = _series(payload.runs)
    return {
        "runs": [run.name for run in payload.runs],
        "verdicts": [verdict_on(run.archive, payload.probe)._asdict() for run in payload.runs],
        "palette": list(COLOURS),
        "keys": run_keys(payload),
        "map": _map(payload),
        "spectrum": _spectrum(payload.embedding),
        "series": series,
        "quantities": {
            kind: {name: _axis(quantity(name, kind == "weights")) for name in _names(series, kind)}
            for kind in ("probes", "weights")
        },
        "events": [event for k, run in enumerate(payload.runs) for event in events_of(k, run)],
        "samples": samples_of([(run.name, run.archive) for run in payload.runs]),
        "neurons": neurons_of([(run.name, run.archive) for run in payload.runs]),
        "distances": None if payload.comparison is None else _distances(payload.comparison),
    }


def events_of(k: int, run: ReportRun) -> list[dict[str, Any]]:
    """Returns the events of run ``k``; what is not there or no number is None."""
    listed = []
    for fields in run.archive.events:
        if isinstance(fields, dict):
            event = event_of(fields)
            texts = {key: str(fields.get(key, "")) for key in ("name", "probe", "message")}
            headline = event.headline if event is not None else f"{texts['name']} on {texts['probe']}"
            steps = {key: _number(fields.get(key)) for key in ("step", "detected_at", "strength")}
            listed.append({"run": k, **texts, **steps, "headline": headline})
    return listed


def _map(payload: ReportPayload) -> dict[str, Any]:
    embedding = payload.embedding
    places = [own[_thinned(len(own), len(embedding.steps))] for own in _places(embedding.member, len(payload.runs))]
    shown = torch.cat(places)
    progress = None
    if payload.comparison is not None:
        progress = floats(torch.cat([course.progress for course in payload.comparison.courses])[shown])
    return {
        "axes": [floats(column) for column in _three(embedding.coordinates)[shown].mT],
        "starts": torch.tensor([0, *map(len, places)]).cumsum(0).tolist(),
        "steps": packed(embedding.steps[shown]),
        "progress": progress,
        "milestones": [floats(column) for column in _three(embedding.milestones).mT],
        "time_like": [bool(value < 0) for value in embedding.eigenvalues[:3]],
        "left_out": len(embedding.steps) - len(shown),
    }


def _spectrum(embedding: JointEmbedding) -> dict[str, Any]:
    count = len(embedding.eigenvalues)
    return {
        "eigenvalues": rounded(embedding.eigenvalues),
        "stress": [round(embedding.stress(k), 6) for k in range(1, count + 1)],
    }


def _series(runs: Sequence[ReportRun]) -> list[dict[str, Any]]:
    """Returns the curves of each probe and group of weights, by its name."""
    names = list(dict.fromkeys(name for run in runs for name in run.archive.names))
    result = []
    for name in sorted(names, key=lambda one: (kind_of(one) != "probe", one != "val", one)):
        having = [(k, run.archive[name]) for k, run in enumerate(runs) if name in run.archive.names]
        total = sum(len(recorded) for _, recorded in having)
        curves = [_curve(k, recorded, total) for k, recorded in having if len(recorded)]
        if curves:
            result.append({"name": name, "kind": "probes" if kind_of(name) == "probe" else "weights", "curves": curves})
    return result


def _curve(k: int, recorded: ArchivedTrajectory, total: int) -> dict[str, Any]:
    shown = _thinned(len(recorded), total)
    columns = recorded.quantities[shown].mT
    named = dict(zip(recorded.attributes["quantities"], columns, strict=True))
    if "floor" in named:
        every = dict(zip(recorded.attributes["quantities"], recorded.quantities.mT, strict=True))
        named["corrected_length"] = corrected_length(every["velocity"], every["floor"], every["interval"])[shown]
    return {
        "run": k,
        "steps": packed(recorded.steps[shown]),
        "values": {name: floats(column) for name, column in named.items() if column.isfinite().any()},
    }


def _names(series: Sequence[Mapping[str, Any]], kind: str) -> list[str]:
    curves = [curve for one in series if one["kind"] == kind for curve in one["curves"]]
    return ordered({name for curve in curves for name in curve["values"]}, kind == "weights")


def _axis(known: Quantity) -> dict[str, str]:
    return {"label": known.title, "scale": known.scale}


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
        "table": floats(table) if count <= HEAT else None,
        # SciPy puts leaves at 5, 15, 25 …
        "tree": [
            [[round((place - 5) / 10, 4) for place in along], rounded(across)]
            for along, across in zip(drawn["icoord"], drawn["dcoord"], strict=True)
        ],
        "null": _number(comparison.shuffled_mean),
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
