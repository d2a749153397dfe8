"""The runs given on the command line: found, named, opened, and known to belong together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.archive import Amplitudes, Archive, ArchiveError, find_archives
from lightning_infogeo.cli.errors import Exit, Failure


class Place(NamedTuple):
    """Where a run is, and how much of it is looked at.

    Attributes:
        path: of the archive.
        name: among the others.
        probe: whose predictions are meant.
        records: number of records, of a run that may still be going on.
    """

    path: str
    name: str
    probe: str
    records: int


class Run(NamedTuple):
    """A run as comparisons want it, without the records whose logits were not finite.

    Attributes:
        name: among the others.
        steps: shape (T,).
        amplitudes: shape (T, N, C), read in parts.
        labels: shape (N,), or None.
        fingerprint: of the probe.
        metadata: of the run.
        archive: that it is from.
        probe: name of the probe.
        left_out: number of records without finite logits.
    """

    name: str
    steps: Tensor
    amplitudes: Some
    labels: Tensor | None
    fingerprint: str
    metadata: Mapping[str, Any]
    archive: Archive
    probe: str
    left_out: int


class Some:
    """Some records of an array of amplitudes, as if there were no others.

    Args:
        amplitudes: all, shape (T, N, C).
        which: of the records are meant, increasing, shape (t,).
        dtype: that they are stored in.

    Attributes:
        shape: (t, N, C).
        dtype: as given.
    """

    def __init__(self, amplitudes: Amplitudes, which: Tensor, dtype: str) -> None:
        self.shape, self.dtype = (len(which), amplitudes.shape[1], amplitudes.shape[2]), dtype
        self._amplitudes, self._which = amplitudes, which
        self._first = len(which) == 0 or int(which[-1]) == len(which) - 1

    def __getitem__(self, key: Any) -> Tensor:
        """Returns a part, by records, or records and samples, and so on."""
        records, *rest = key if isinstance(key, tuple) else (key,)
        if isinstance(records, slice) and self._first and (records.step or 1) > 0:
            picked: Any = slice(*records.indices(len(self._which)))
        else:
            picked = self._which[records].numpy() if not isinstance(records, int) else int(self._which[records])
        whole = tuple([picked, *rest])
        return self._amplitudes[whole]


def find(paths: Sequence[str]) -> list[tuple[str, str]]:
    """Returns (path, name) of all archives at or below paths, each once, names being what differs between paths.

    Raises:
        Failure: where there are none.
    """
    found: list[str] = []
    for path in paths:
        try:
            archives = find_archives(path)
        except FileNotFoundError:
            raise Failure(f"there is nothing at {path!r}.", Exit.EMPTY) from None
        except ArchiveError as error:
            missing = isinstance(error.__cause__, ImportError)
            raise Failure(str(error), Exit.MISSING if missing else Exit.EMPTY) from None
        except OSError as error:
            raise Failure(f"{path!r} cannot be read: {error}", Exit.EMPTY) from None
        if not archives:
            raise Failure(
                f"there is no archive at or below {path!r}; runs are recorded into one with "
                'InfoGeometryMonitor(archive="auto").',
                Exit.EMPTY,
            )
        found += archives
    found = list(dict.fromkeys(found))
    return list(zip(found, short_names(found), strict=True))


def short_names(paths: Sequence[str]) -> list[str]:
    """Returns a name a path, made of the parts that differ between them.

    Example:
        >>> short_names(["runs/a/version_0/infogeo.zarr", "runs/b/version_0/infogeo.zarr"])
        ['a', 'b']
        >>> short_names(["runs/cnn.zarr", "runs/mlp/infogeo.zarr"])
        ['cnn', 'mlp']
    """
    parts = [[part for part in re.split(r"[/\\]", path) if part] for path in paths]
    if all(len(own) > 1 for own in parts):
        parts = [own[:-1] if own[-1] == "infogeo.zarr" else own for own in parts]
    prefix = 0
    while all(len(own) > prefix + 1 for own in parts) and len({own[prefix] for own in parts}) == 1:
        prefix += 1
    kept = [own[prefix:] for own in parts]
    if len({len(own) for own in kept}) == 1:
        differ = [len(set(column)) > 1 for column in zip(*kept, strict=True)]
        kept = [[part for part, d in zip(own, differ, strict=True) if d] or own[-1:] for own in kept]
    names = ["/".join(own).removesuffix(".zarr") or "/".join(own) for own in kept]
    return names if len(set(names)) == len(names) else ["/".join(own) for own in kept]


def located(paths: Sequence[str], probe: str | None, skip: bool) -> tuple[list[Place], list[str]]:
    """Returns where the runs are, and sentences on those left out.

    Args:
        paths: archives and folders of them.
        probe: to look at; None for "val", or the only one there is.
        skip: whether runs that are damaged, empty or without the probe are left out; all records are then read once, to
            know.

    Raises:
        Failure: where nothing is left, or with ``skip=False`` for the first such run.
    """
    places, notes = [], []
    for path, name in find(paths):
        try:
            run = _opened(path, name, probe)
            if skip:
                _read_all(run)
        except Failure as failure:
            if not skip:
                hint = "" if failure.code == Exit.MISSING else " --skip leaves it out."
                raise Failure(failure.message + hint, failure.code) from None
            notes.append(f"Left out: {failure.message}")
            continue
        places.append(Place(path, name, run.probe, len(run.steps) + run.left_out))
    if not places:
        raise Failure("no run is left. " + " ".join(notes), Exit.EMPTY)
    return places, notes


def opened(places: Sequence[Place]) -> list[Run]:
    """Returns the runs, as far as they had come when they were located.

    Raises:
        Failure: where one was damaged meanwhile.
    """
    return [_opened(place.path, place.name, place.probe, place.records) for place in places]


def _opened(path: str, name: str, probe: str | None, records: int | None = None) -> Run:
    try:
        archive = Archive(path)
        probes = archive.probes
        chosen = probe or (probes[0] if len(probes) == 1 else "val")
        if chosen not in probes:
            there = f"its probes are {', '.join(map(repr, probes))}; choose with --probe" if probes else "it has none"
            raise Failure(f"run {name!r} has no predictions on a probe {chosen!r}: {there}.", Exit.MIXED)
        recorded = archive[chosen]
        steps, amplitudes = recorded.steps[:records], recorded.amplitudes
        dtype = str(archive.array(f"{chosen}/amplitudes").dtype)
        finite = torch.ones(len(steps), dtype=torch.bool)
        if "length" in recorded.attributes["quantities"]:
            column = recorded.attributes["quantities"].index("length")
            finite = recorded.quantities[: len(steps), column].isfinite()
        which, labels = finite.nonzero().flatten(), recorded.labels
    except ArchiveError as error:
        raise Failure(f"run {name!r} is damaged: {error}", Exit.DAMAGED) from None
    if not len(which):
        reason = "no record with finite logits" if len(steps) else "no record yet"
        raise Failure(f"run {name!r} ({path}) has {reason}.", Exit.EMPTY)
    return Run(
        name=name,
        steps=steps[which],
        amplitudes=Some(amplitudes, which, dtype),
        labels=labels,
        fingerprint=str(recorded.attributes.get("fingerprint", "")),
        metadata=archive.metadata,
        archive=archive,
        probe=chosen,
        left_out=len(steps) - len(which),
    )


def _read_all(run: Run) -> None:
    records, samples, classes = run.amplitudes.shape
    count = max(1, 2**26 // max(1, 8 * samples * classes))
    for start in range(0, records, count):
        try:
            block = run.amplitudes[start : start + count]
        except ArchiveError as error:
            raise Failure(f"run {run.name!r} is damaged: {error}", Exit.DAMAGED) from None
        if not block.isfinite().all():
            raise Failure(f"run {run.name!r} is damaged: holds NaN or ∞ among its predictions.", Exit.DAMAGED)
    for name in run.archive.names:
        try:
            other = run.archive[name]
            len(other.steps), len(other.quantities)
        except ArchiveError as error:
            raise Failure(f"run {run.name!r} is damaged: {error}", Exit.DAMAGED) from None
