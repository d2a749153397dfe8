"""Checks that runs can be compared: the same samples, the same classes, the same labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from lightning_infogeo.comparison.checkpoints import read
from lightning_infogeo.comparison.run import RecordedRun


def agreed_labels(runs: Sequence[RecordedRun], same_probe: bool, function: str) -> Tensor | None:
    """Returns the labels that all runs share, shape (N,), int64; None where none has any.

    Args:
        runs: to be compared.
        same_probe: accepts differing fingerprints.
        function: for messages.

    Raises:
        ValueError: naming the runs, where there are none, one is empty or malformed, or fingerprints, shapes or labels
            differ.
    """
    if not runs:
        raise ValueError(f"`{function}(trajectories=[])`: needs at least one run.")
    for run in runs:
        _check_run(run, function)

    _check_same(runs, [tuple(run.amplitudes.shape[1:]) for run in runs], function, "samples and classes (N, C)", "")
    if not same_probe:
        remedy = (
            " Distances exist only on the same samples. Where the inputs differ but the samples are the same, in the "
            "same order (augmentation, another layout), pass same_probe=True."
        )
        _check_same(runs, [run.fingerprint for run in runs], function, "probe fingerprint", remedy)
    samples, classes = runs[0].amplitudes.shape[1:]
    labels = runs[0].labels
    equal = [
        run.labels is labels
        if labels is None or run.labels is None
        else torch.equal(run.labels.cpu().long(), labels.cpu().long())
        for run in runs
    ]
    _check_same(runs, [True, *equal[1:]], function, "labels", "")
    if labels is None:
        return None
    labels = labels.cpu().long()
    if labels.shape != (samples,) or not ((labels >= 0) & (labels < classes)).all():
        raise ValueError(
            f"`{function}(...)`: labels of run {runs[0].name!r} must have shape ({samples},) and lie in "
            f"[0, {classes}), got shape {tuple(labels.shape)}, values {int(labels.min())} to {int(labels.max())}."
            if len(labels)
            else f"`{function}(...)`: run {runs[0].name!r} has labels of no sample."
        )
    return labels


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Returns the names, with a number added to each repeated one."""
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(result)


def _check_run(run: RecordedRun, function: str) -> None:
    shape = tuple(run.amplitudes.shape)
    where = f"`{function}(...)`: run {run.name!r}"
    if len(shape) != 3 or 0 in shape[1:]:
        raise ValueError(f"{where} must have amplitudes of shape (T, N, C) with N and C at least 1, got {shape}.")
    if not shape[0]:
        raise ValueError(f"{where} has no records; leave it out.")
    for name, value in (("steps", run.steps), ("labels", run.labels)):
        if value is not None and not isinstance(value, Tensor):
            raise ValueError(f"{where} has {name} of type {type(value).__name__}; pass torch.as_tensor({name}).")
    if tuple(run.steps.shape) != shape[:1] or bool((run.steps.diff() <= 0).any()):
        raise ValueError(
            f"{where} must have increasing steps, one for each of its {shape[0]} records, got shape "
            f"{tuple(run.steps.shape)}."
        )
    first = read(run, torch.tensor([0]))
    # Half precision leaves squared norms within 1 %; those of probabilities and logits are far from 1.
    if ((first.square().sum(-1) - 1).abs() > 0.05).any() or (first < -0.05).any():
        raise ValueError(
            f"{where} must hold amplitudes, unit vectors √p: pass amplitudes(logits), or √ of probabilities."
        )


def _check_same(runs: Sequence[RecordedRun], values: Sequence[object], function: str, what: str, remedy: str) -> None:
    first = values[0]
    differing = [run.name for run, value in zip(runs, values, strict=True) if value != first]
    if not differing:
        return
    agreeing = [run.name for run, value in zip(runs, values, strict=True) if value == first]
    detail = "" if what == "labels" else f": {first!r} and {next(value for value in values if value != first)!r}"
    raise ValueError(
        f"`{function}(...)`: runs {listed(agreeing)} and {listed(differing)} differ in {what}{detail}.{remedy}"
    )


def listed(names: Sequence[str]) -> str:
    """Returns the first five names, quoted, and how many more there are."""
    shown = ", ".join(repr(name) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
