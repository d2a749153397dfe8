"""The table of dimensions: measured beside predicted, or why nothing can be predicted."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from lightning_infogeo.archive import ArchivedTrajectory
from lightning_infogeo.distances import pairwise_bhattacharyya
from lightning_infogeo.html_report.payload import ReportPayload
from lightning_infogeo.theory.measured import ProbeSpectrum
from lightning_infogeo.theory.probe_dimensions import FEATURES, recorded_dimensions

_LEAST, _MOST = 3, 200
"""Records that a prediction needs, and that it is made of where the map holds no distances between all of them."""

RUNS = 60
"""Runs of which dimensions are computed: each takes a singular value decomposition of the probe."""


def dimensions_by_run(payload: ReportPayload) -> tuple[list[tuple[str, ProbeSpectrum]], Mapping[str, list[str]]]:
    """Returns the dimensions of the runs that have them, and the names of those that have none by the reason.

    Raises:
        ArchiveError: where inputs or predictions are damaged.
    """
    found: list[tuple[str, ProbeSpectrum]] = []
    missing: dict[str, list[str]] = {}
    embedding = payload.embedding
    for k, run in enumerate(payload.runs):
        recorded = run.archive[payload.probe]
        own = (embedding.member == k).nonzero()[:, 0]
        reason = _reason(recorded, len(own)) if k < RUNS else f"only the first {RUNS} runs are computed"
        if reason is None:
            distances, steps = embedding.distances, embedding.steps
            if distances is None or len(own) > _MOST:
                distances, steps = _distances(recorded, embedding.steps[own])
                own = torch.arange(len(steps))
            spectrum = recorded_dimensions(recorded, distances, steps, own)
            if spectrum is not None:
                found.append((run.name, spectrum))
                continue
            reason = _unfit(recorded)
        missing.setdefault(reason, []).append(run.name)
    return found, missing


def _reason(recorded: ArchivedTrajectory, records: int) -> str | None:
    if "inputs" not in recorded.attributes:
        return (
            "the archive does not hold the probe's inputs, which are stored up to 16 MiB, or with "
            "ArchiveSettings(store_inputs=True)"
        )
    if recorded.labels is None:
        return "the probe has no labels, so there is nothing to predict"
    if recorded.targets is not recorded.labels:
        return "an input has several labels; the theory is of one output for each input"
    if records < _LEAST:
        return f"there are fewer than {_LEAST} records"
    return None


def _unfit(recorded: ArchivedTrajectory) -> str:
    inputs = recorded.inputs()
    if not isinstance(inputs, Tensor):
        return "the inputs are several tensors or no tensors; the theory is of one vector for each sample"
    if not inputs.is_floating_point():
        return f"the inputs are {str(inputs.dtype).removeprefix('torch.')}, not floating numbers"
    if inputs.dim() and len(inputs) and inputs[0].numel() > FEATURES:
        return f"an input has {inputs[0].numel():,} features, and a spectrum is computed up to {FEATURES:,}"
    return "the inputs are all zero, not finite, or do not fit the labels"


def _distances(recorded: ArchivedTrajectory, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the distances between up to ``_MOST`` records at these steps, and their steps."""
    which = torch.linspace(0, len(steps) - 1, min(len(steps), _MOST)).round().long()
    records = torch.searchsorted(recorded.steps, steps[which])
    return pairwise_bhattacharyya(recorded.amplitudes[records.numpy()].float()), steps[which]
