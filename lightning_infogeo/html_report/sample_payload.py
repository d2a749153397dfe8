"""What the page's script draws of single samples: their cartography, and what label errors are ranked by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from infogeo_tensorboard.answers import Answers
from lightning_infogeo.archive import Archive, ArchiveError
from lightning_infogeo.html_report.typed_arrays import floats, packed
from lightning_infogeo.probe.discovery import held_out
from lightning_infogeo.samples import FiniteRecords, read_answers

RUNS = 60
"""The most runs whose samples are shown."""

SAMPLES = 2000
"""The most samples of a run and probe that are drawn."""

POINTS = RUNS * SAMPLES
"""The most samples of all runs and probes: about 5 MB."""

RANKED = 100
"""Samples likeliest to be label errors that are drawn whatever is left out."""


def samples_of(runs: Sequence[tuple[str, Archive]]) -> dict[str, Any]:
    """Returns what is drawn of the samples of the first ``RUNS`` runs, for each of their labelled probes.

    Probes that are trained on come first: label errors are sought among their samples. A probe whose predictions are
    damaged is left out by name: the map may be of another.

    Args:
        runs: names and archives.
    """
    labelled = [
        (held_out(probe), probe != "val", probe, k)
        for k, (_, archive) in enumerate(runs[:RUNS])
        for probe in archive.probes
        if archive.shape(f"{probe}/labels") is not None
    ]
    most = min(SAMPLES, POINTS // max(1, len(labelled)))
    shown, left_out = [], []
    for *_, probe, k in sorted(labelled):
        name, archive = runs[k]
        try:
            records = FiniteRecords(archive[probe])
            if len(records.which):
                shown.append({"probe": probe, "run": k, **_drawn(read_answers(records, archive[probe].labels), most)})
        except (ArchiveError, ValueError):
            left_out.append(f"{probe} of {name}")
    return {"shown": shown, "left_out": left_out, "beyond": max(0, len(runs) - RUNS)}


def _drawn(answers: Answers, most: int) -> dict[str, Any]:
    which = _chosen(torch.from_numpy(answers.ranked()), most)
    columns = {
        "label": answers.labels,
        "predicted": answers.predicted[-1],
        "confidence": answers.confidence(),
        "variability": answers.variability(),
        "forgetting": answers.forgetting_events(),
        "learnt": answers.right.any(0).astype(int),
        "area": answers.area_under_margin(),
    }
    own = {name: torch.as_tensor(values)[which] for name, values in columns.items()}
    arrays = {name: (floats if values.is_floating_point() else packed)(values) for name, values in own.items()}
    return {"of": answers.predicted.shape[1], "sample": packed(which), **arrays}


def _chosen(ranked: Tensor, most: int) -> Tensor:
    """Returns the samples that are drawn: the first of a ranking, and the others evenly."""
    if len(ranked) <= most:
        return ranked
    first = min(RANKED, most)
    others = torch.linspace(first, len(ranked) - 1, most - first).round().long()
    return torch.cat([ranked[:first], ranked[others]])
