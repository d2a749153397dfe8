"""Whether the runs given belong on one map, and by what they can be grouped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from lightning_infogeo.archive import ArchiveError
from lightning_infogeo.cli.errors import Exit, Failure
from lightning_infogeo.cli.runs import Run
from lightning_infogeo.comparison.compatibility import agreed
from lightning_infogeo.comparison.grouping import grouping


def check_together(runs: Sequence[Run], same_probe: bool) -> None:
    """Raises where runs did not see the same samples, or not with the same labels.

    Raises:
        Failure: naming the runs of each kind.
    """
    names = sorted(set.intersection(*(set(run.archive.probes) for run in runs)) - {runs[0].probe})
    other = f", or compare on another probe that all have, with --probe {' or '.join(names)}" if names else ""
    same = f" Where the samples are the same, in the same order, pass --same-probe{other}."
    _one_kind(runs, lambda run: tuple(run.amplitudes.shape[1:]), "numbers of samples and classes", "")
    if not same_probe:
        _one_kind(runs, lambda run: run.fingerprint, "probes", same)
    _one_kind(runs, lambda run: None if run.labels is None else tuple(run.labels.tolist()), "labels", "", show=False)
    try:
        agreed(runs, same_probe, "compare")
    except ArchiveError as error:  # the first record is read for it
        raise Failure(f"{error} --skip leaves damaged runs out.", Exit.DAMAGED) from None
    except ValueError as error:
        raise Failure(str(error), Exit.MIXED) from None


def check_keys(runs: Sequence[Run], keys: Sequence[str]) -> None:
    """Raises where no run has a key in its metadata.

    Raises:
        Failure: naming those there are.
    """
    for key in keys:
        try:
            grouping(torch.zeros(len(runs), len(runs)), key, [run.metadata for run in runs])
        except ValueError as error:
            raise Failure(str(error).replace(f"`group_by={key!r}`", f"--group-by {key}"), Exit.USAGE) from None


def sentences(runs: Sequence[Run]) -> list[str]:
    """Returns what is to be said of the runs as they were opened."""
    lacking = [run for run in runs if run.left_out]
    if not lacking:
        return []
    count = sum(run.left_out for run in lacking)
    names = _listed([run.name for run in lacking])
    return [f"{count} record{'s' * (count > 1)} of {names} left out: logits were not finite."]


def _one_kind(runs: Sequence[Run], of: Callable[[Run], Any], what: str, remedy: str, show: bool = True) -> None:
    kinds: dict[Any, list[str]] = {}
    for run in runs:
        kinds.setdefault(of(run), []).append(run.name)
    if len(kinds) > 1:
        parts = [f"{_listed(names)}{f' ({kind})' if show else ''}" for kind, names in list(kinds.items())[:6]]
        more = f", and {len(kinds) - 6} more" if len(kinds) > 6 else ""
        raise Failure(f"the runs were recorded with different {what}: {'; '.join(parts)}{more}.{remedy}", Exit.MIXED)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
