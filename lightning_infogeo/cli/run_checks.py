"""Checks that the given runs can be compared, and grouped by the given keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from lightning_infogeo.archive import ArchiveError
from lightning_infogeo.cli.errors import Exit, Failure
from lightning_infogeo.cli.runs import OpenedRun
from lightning_infogeo.comparison.compatibility import agreed_labels, listed
from lightning_infogeo.comparison.grouping import grouping


def check_comparable(runs: Sequence[OpenedRun], same_probe: bool) -> None:
    """Checks that all runs saw the same samples with the same labels.

    Raises:
        Failure: naming the runs that differ.
    """
    shared_probes = sorted(set.intersection(*(set(run.archive.probes) for run in runs)) - {runs[0].probe})
    other_probe = (
        f", or compare on another probe that all have, with --probe {' or '.join(shared_probes)}"
        if shared_probes
        else ""
    )
    remedy = f" Where the samples are the same, in the same order, pass --same-probe{other_probe}."
    _check_same(runs, lambda run: tuple(run.amplitudes.shape[1:]), "numbers of samples and classes", "")
    if not same_probe:
        _check_same(runs, lambda run: run.fingerprint, "probes", remedy)
    _check_same(runs, lambda run: None if run.labels is None else tuple(run.labels.tolist()), "labels", "", show=False)
    try:
        agreed_labels(runs, same_probe, "compare")
    except ArchiveError as error:  # the first record is read for it
        raise Failure(f"{error} --skip leaves damaged runs out.", Exit.DAMAGED) from None
    except ValueError as error:
        raise Failure(str(error), Exit.MIXED) from None


def check_keys(runs: Sequence[OpenedRun], keys: Sequence[str]) -> None:
    """Checks that each key is in the metadata of some run.

    Raises:
        Failure: naming the keys there are.
    """
    for key in keys:
        try:
            grouping(torch.zeros(len(runs), len(runs)), key, [run.metadata for run in runs])
        except ValueError as error:
            raise Failure(str(error).replace(f"`group_by={key!r}`", f"--group-by {key}"), Exit.USAGE) from None


def notes_on(runs: Sequence[OpenedRun]) -> list[str]:
    """Returns the notes for the reader: how many records were left out."""
    incomplete = [run for run in runs if run.left_out]
    if not incomplete:
        return []
    count = sum(run.left_out for run in incomplete)
    names = listed([run.name for run in incomplete])
    return [f"{count} record{'s' * (count > 1)} of {names} left out: logits were not finite."]


def _check_same(
    runs: Sequence[OpenedRun], key_of: Callable[[OpenedRun], Any], what: str, remedy: str, show: bool = True
) -> None:
    names_by_key: dict[Any, list[str]] = {}
    for run in runs:
        names_by_key.setdefault(key_of(run), []).append(run.name)
    if len(names_by_key) > 1:
        parts = [f"{listed(names)}{f' ({key})' if show else ''}" for key, names in list(names_by_key.items())[:6]]
        more = f", and {len(names_by_key) - 6} more" if len(names_by_key) > 6 else ""
        raise Failure(f"the runs were recorded with different {what}: {'; '.join(parts)}{more}.{remedy}", Exit.MIXED)
