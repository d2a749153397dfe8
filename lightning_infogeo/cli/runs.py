"""The runs given on the command line: finding, naming and opening them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.archive import Amplitudes, Archive, ArchiveError, find_archives
from lightning_infogeo.cli.continuations import continued
from lightning_infogeo.cli.errors import Exit, Failure


class RunLocation(NamedTuple):
    """Where a run is, and how much of it is read.

    Attributes:
        path: of the archive.
        name: short and unique among the runs.
        probe: whose predictions are compared.
        records: number of records when it was located; the run may still be going on.
    """

    path: str
    name: str
    probe: str
    records: int


class OpenedRun(NamedTuple):
    """A run as comparisons need it, without the records whose logits were not finite.

    Attributes:
        name: short and unique among the runs.
        steps: shape (T,).
        amplitudes: shape (T, N, C), read in parts.
        labels: shape (N,), or None.
        fingerprint: of the probe.
        metadata: of the run.
        archive: from which it was opened.
        probe: name of the probe.
        left_out: number of records without finite logits.
    """

    name: str
    steps: Tensor
    amplitudes: RecordSubset
    labels: Tensor | None
    fingerprint: str
    metadata: Mapping[str, Any]
    archive: Archive
    probe: str
    left_out: int


HELD = 2**29
"""Bytes of all amplitudes up to which they are read once and held: a comparison goes through them six times."""


class RecordSubset:
    """Some records of an array of amplitudes, indexed as if there were no others.

    Args:
        amplitudes: all, shape (T, N, C).
        which: indices of these records, increasing, shape (t,).
        dtype: in which they are stored.
        hold: whether they are kept in memory once they have been read.

    Attributes:
        shape: (t, N, C).
        held: whether they are kept.
    """

    def __init__(self, amplitudes: Amplitudes, which: Tensor, dtype: str, hold: bool = False) -> None:
        self.shape, self.dtype = (len(which), amplitudes.shape[1], amplitudes.shape[2]), dtype
        self._amplitudes, self._which = amplitudes, which
        self._is_prefix = len(which) == 0 or int(which[-1]) == len(which) - 1
        self.held = hold
        self._whole: Tensor | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of them all."""
        return math.prod(self.shape) * torch.empty(0, dtype=getattr(torch, self.dtype)).element_size()

    def holding(self) -> RecordSubset:
        """Returns the same records, kept in memory once they have been read."""
        return RecordSubset(self._amplitudes, self._which, self.dtype, hold=True)

    def __getitem__(self, key: Any) -> Tensor:
        """Returns a part, by records, or records and samples, and so on."""
        if not self.held:
            return self._read(key)
        if self._whole is None:
            self._whole = self._read(slice(None))
        return self._whole[key].clone()

    def _read(self, key: Any) -> Tensor:
        records, *rest = key if isinstance(key, tuple) else (key,)
        if isinstance(records, slice) and self._is_prefix and (records.step or 1) > 0:
            selected: Any = slice(*records.indices(len(self._which)))
        else:
            selected = self._which[records].numpy() if not isinstance(records, int) else int(self._which[records])
        index = tuple([selected, *rest])
        return self._amplitudes[index]


def find_runs(paths: Sequence[str]) -> list[tuple[str, str]]:
    """Returns (path, name) of all archives at or below paths, each once, named by what differs between their paths.

    Raises:
        Failure: where there are none.
    """
    archive_paths: list[str] = []
    for path in paths:
        try:
            below = find_archives(path)
        except FileNotFoundError:
            raise Failure(f"there is nothing at {path!r}.", Exit.EMPTY) from None
        except ArchiveError as error:
            missing = isinstance(error.__cause__, ImportError)
            raise Failure(str(error), Exit.MISSING if missing else Exit.EMPTY) from None
        except OSError as error:
            raise Failure(f"{path!r} cannot be read: {error}", Exit.EMPTY) from None
        if not below:
            raise Failure(
                f"there is no archive at or below {path!r}; runs are recorded into one with "
                'InfoGeometryMonitor(archive="auto").',
                Exit.EMPTY,
            )
        archive_paths += below
    archive_paths = list(dict.fromkeys(archive_paths))
    return list(zip(archive_paths, short_names(archive_paths), strict=True))


def short_names(paths: Sequence[str]) -> list[str]:
    """Returns one name for each path, made of the parts that differ between the paths.

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
    distinct = [own[prefix:] for own in parts]
    if len({len(own) for own in distinct}) == 1:
        differs = [len(set(column)) > 1 for column in zip(*distinct, strict=True)]
        distinct = [[part for part, d in zip(own, differs, strict=True) if d] or own[-1:] for own in distinct]
    names = ["/".join(own).removesuffix(".zarr") or "/".join(own) for own in distinct]
    return names if len(set(names)) == len(names) else ["/".join(own) for own in distinct]


def locate_runs(paths: Sequence[str], probe: str | None, skip: bool | None) -> tuple[list[RunLocation], list[str]]:
    """Returns where the runs are, a run and its continuation as one, and a note on each one joined or left out.

    Args:
        paths: archives and folders of them.
        probe: to compare on; None for "val", or the only one there is.
        skip: whether runs that are damaged, empty or without the probe are left out; finding damage takes reading all
            records once. None where the command cannot leave any out.

    Raises:
        Failure: where nothing is left, or unless ``skip`` is True for the first such run.
    """
    found, notes = [], []
    for path, name in find_runs(paths):
        try:
            run = _open_run(path, name, probe)
            if skip:
                _read_all(run)
        except Failure as failure:
            if not skip:
                hint = "" if skip is None or failure.code == Exit.MISSING else " --skip leaves it out."
                raise Failure(failure.message + hint, failure.code) from None
            notes.append(f"Left out: {failure.message}")
            continue
        found.append((run, RunLocation(path, name, run.probe, len(run.steps) + run.left_out)))
    if not found:
        raise Failure("no run is left. " + " ".join(notes), Exit.EMPTY)
    try:
        joined = continued([run for run, _ in found])
    except ArchiveError as error:
        hint = "" if skip is None else " --skip leaves damaged runs out."
        raise Failure(f"{error}{hint}", Exit.DAMAGED) from None
    locations = [location for k, (_, location) in enumerate(found) if k not in joined]
    return locations, [*joined.values(), *notes]


def open_runs(locations: Sequence[RunLocation]) -> list[OpenedRun]:
    """Returns the runs with the records they had when they were located.

    Raises:
        Failure: where one has been damaged since.
    """
    runs = [_open_run(location.path, location.name, location.probe, location.records) for location in locations]
    if sum(run.amplitudes.nbytes for run in runs) > HELD:
        return runs
    return [run._replace(amplitudes=run.amplitudes.holding()) for run in runs]


def _open_run(path: str, name: str, probe: str | None, records: int | None = None) -> OpenedRun:
    try:
        archive = Archive(path)
        probes = archive.probes
        probe_name = probe or (probes[0] if len(probes) == 1 else "val")
        if probe_name not in probes:
            choice = f"it has {', '.join(map(repr, probes))}; choose with --probe" if probes else "it has none"
            raise Failure(f"run {name!r} has no predictions on a probe {probe_name!r}: {choice}.", Exit.MIXED)
        recorded = archive[probe_name]
        steps, amplitudes = recorded.steps[:records], recorded.amplitudes
        dtype = str(archive.array(f"{probe_name}/amplitudes").dtype)
        finite = torch.ones(len(steps), dtype=torch.bool)
        if "length" in recorded.attributes["quantities"]:
            column = recorded.attributes["quantities"].index("length")
            finite = recorded.quantities[: len(steps), column].isfinite()
        which, labels = finite.nonzero().flatten(), recorded.labels
    except ArchiveError as error:
        raise Failure(f"run {name!r} is damaged: {error}", Exit.DAMAGED) from None
    if not len(which):
        reason = "no record with finite logits" if len(steps) else "no records yet"
        raise Failure(f"run {name!r} ({path}) has {reason}.", Exit.EMPTY)
    return OpenedRun(
        name=name,
        steps=steps[which],
        amplitudes=RecordSubset(amplitudes, which, dtype),
        labels=labels,
        fingerprint=str(recorded.attributes.get("fingerprint", "")),
        metadata=archive.metadata,
        archive=archive,
        probe=probe_name,
        left_out=len(steps) - len(which),
    )


def _read_all(run: OpenedRun) -> None:
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
            trajectory = run.archive[name]
            len(trajectory.steps), len(trajectory.quantities)
        except ArchiveError as error:
            raise Failure(f"run {run.name!r} is damaged: {error}", Exit.DAMAGED) from None
