"""A training that was resumed into another folder: its two archives are one run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from lightning_infogeo.archive import Archive


class ArchivedRun(Protocol):
    """What joining needs to know of a run."""

    @property
    def name(self) -> str:
        """Of the run, among the others."""

    @property
    def probe(self) -> str:
        """On which runs are compared."""

    @property
    def archive(self) -> Archive:
        """From which it was opened."""


def continued(runs: Sequence[ArchivedRun]) -> dict[int, str]:
    """Returns which runs go on in another one, by index, with a note on each.

    A training that is resumed with another log folder writes a copy of the archive so far there and goes on in it. The
    copy holds the run whole; what the first archive recorded after the checkpoint was trained again, and the later
    training counts. A run with several continuations stays, too, if it has records that are in none of them.

    Raises:
        ArchiveError: where records are damaged.
    """
    notes: dict[int, str] = {}
    latest_first = sorted(range(len(runs)), key=lambda k: -len(runs[k].archive.before))
    for k in latest_first:
        own = runs[k].archive
        later = [j for j in latest_first if j not in notes and own.run in runs[j].archive.before]
        if not later:
            continue
        shared = max(_shared_records(runs[k], runs[j]) for j in later)
        beyond = len(own[runs[k].probe]) - shared
        if beyond and len(later) > 1:
            continue
        names = ", ".join(repr(runs[j].name) for j in later)
        lost = f"; {beyond} of its records, trained again from a checkpoint before them, are left out" if beyond else ""
        notes[k] = f"Run {runs[k].name!r} was resumed as {names}, which holds it: they are one run{lost}."
    return dict(sorted(notes.items()))


def _shared_records(first: ArchivedRun, later: ArchivedRun) -> int:
    """Returns how many records of a run its continuation begins with."""
    if first.probe not in later.archive.names:
        return 0
    a, b = first.archive[first.probe], later.archive[first.probe]
    count = min(len(a), len(b))
    if a.attributes["quantities"] != b.attributes["quantities"]:
        return 0
    pairs = torch.isclose(a.quantities[:count], b.quantities[:count], rtol=0, atol=0, equal_nan=True).all(1)
    same = (a.steps[:count] == b.steps[:count]) & pairs
    return int(same.cumprod(0).sum())
