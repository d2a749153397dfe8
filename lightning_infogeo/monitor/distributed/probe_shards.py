"""Probes dealt to the processes of a training: who evaluates which samples, and how what they find comes together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.trajectory.observation import Observation, SampleMeasurements


class Shard(NamedTuple):
    """The part of one process in every probe: contiguous, and as large as the others' up to one.

    Example:
        >>> [Shard(rank, 4).bounds(10) for rank in range(4)]
        [(0, 2), (2, 5), (5, 7), (7, 10)]
    """

    rank: int = 0
    ranks: int = 1

    def bounds(self, size: int) -> tuple[int, int]:
        """Returns the first and (exclusively) the last of ``size`` inputs; the same where it has none."""
        return size * self.rank // self.ranks, size * (self.rank + 1) // self.ranks

    @property
    def all(self) -> Iterator[Shard]:
        """Yields the parts of all processes."""
        return (Shard(rank, self.ranks) for rank in range(self.ranks))


WHOLE = Shard()
"""The shard of a single process."""


class SampleTable(NamedTuple):
    """The part of a stack of probes in the vector that the processes sum up.

    Attributes:
        samples: M, of the whole probes.
        mine: where those of this process stand among them, by probe.
        labelled: whether they have labels.
        sums: their number.
    """

    samples: int
    mine: Sequence[slice]
    labelled: bool
    sums: int

    @property
    def rows(self) -> int:
        """Numbers a sample: those of an observation, and three arcs."""
        return Observation.width(self.labelled) + 3

    @property
    def size(self) -> int:
        """Numbers of the stack."""
        return self.rows * self.samples + self.sums

    def write(self, measured: SampleMeasurements, part: Tensor) -> None:
        """Writes what this process has measured into its part of the vector."""
        table = part[: self.rows * self.samples].view(self.rows, self.samples)
        finite, *others = measured.observation.columns
        columns = [finite.to(measured.arcs), *others, *measured.arcs]
        sizes = [rows.stop - rows.start for rows in self.mine]
        for rows, values in zip(self.mine, torch.split(torch.stack(columns), sizes, 1), strict=True):
            table[: len(columns), rows] = values
        part[self.rows * self.samples :] = measured.sums

    def read(self, part: Tensor) -> SampleMeasurements:
        """Returns what all processes have measured."""
        *columns, last, first, before = part[: self.rows * self.samples].view(self.rows, self.samples)
        arcs = torch.stack([last, first, before])
        return SampleMeasurements(Observation.of(columns), arcs, part[self.rows * self.samples :])


class LocalExchange:
    """The exchange of a process that has all samples: there is nothing to send.

    Attributes:
        complete: 1, or NaN where a process could not measure the last record.
    """

    complete: Tensor | float = 1.0

    def gather(self, measured: Sequence[SampleMeasurements] | None) -> list[SampleMeasurements]:
        """Returns what was measured, of all samples."""
        return list(measured or ())

    def to(self, device: torch.device) -> None:
        """There is nothing to bring anywhere."""


class ShardedExchange(Portable):
    """Brings together what the processes have measured, by one all-reduce a record.

    What is sent is a few numbers a sample, each from the one process that has it, beside zeros of the others: so the
    means are taken over all samples by every process itself, in the order in which a single process takes them, no root
    is ever averaged, and markers of samples see all of them. A process that could not measure sends NaN.

    Args:
        ranks: number of processes.
        tables: where each stack of probes stands in the vector.
        like: a scalar of the type and on the device of the vector.

    Attributes:
        complete: 1 where all processes could measure the last record, else NaN; scalar.
    """

    def __init__(self, ranks: int, tables: Sequence[SampleTable], like: Tensor) -> None:
        self.complete: Tensor | float = 1.0
        self._ranks = ranks
        self._tables = list(tables)
        self._like = like

    def gather(self, measured: Sequence[SampleMeasurements] | None) -> list[SampleMeasurements]:
        """Returns what all have measured, of all samples; to be called by all. Reads nothing back from the device.

        Args:
            measured: of this process's samples, by stack; None where it could not measure.
        """
        sizes = [table.size for table in self._tables]
        vector = self._like.new_zeros(1 + sum(sizes))
        if measured is None:
            vector.fill_(torch.nan)
        else:
            vector[:1].fill_(1 / self._ranks)
            for own, table, part in zip(measured, self._tables, torch.split(vector[1:], sizes), strict=True):
                table.write(own, part)
        torch.distributed.all_reduce(vector)
        self.complete = torch.where(vector[0].isfinite(), 1, torch.nan)
        return [table.read(part) for table, part in zip(self._tables, torch.split(vector[1:], sizes), strict=True)]

    def to(self, device: torch.device) -> None:
        """Brings everything to a device."""
        self._like, self.complete = self._like.to(device), 1.0


def cut_state(state: dict[str, Any], mine: Mapping[str, tuple[int, slice]]) -> dict[str, Any]:
    """Returns a recorder's state with only the samples of one process, given how many there are and which it has."""
    state = _copied(state)
    for holder, key, name, dim in _sampled(state):
        samples, rows = mine[name]
        if holder[key].shape[dim] == samples:  # of another number it is not this probe's, as will be seen
            holder[key] = holder[key].narrow(dim, rows.start, rows.stop - rows.start).clone()
    return state


def join_state(state: dict[str, Any], all_mine: Mapping[str, list[slice]], shard: Shard, device: torch.device) -> bool:
    """Completes a recorder's state, in place, by the samples of all processes; to be called by all.

    A process that has failed may lack what others have kept since: that is then left out.

    Args:
        state: as this process has it; complete afterwards in the first process, which writes checkpoints.
        all_mine: where the samples of each process stand, by probe.
        shard: of this process.
        device: over which processes can send.

    Returns:
        Whether that was possible: not where a process has failed within the last record.
    """
    gathered: list[Any] = [None] * shard.ranks
    reached = [
        [entry["state"]["last_step"].item(), *(entry["history"]["steps"].tolist() if entry["history"] else [])]
        for _, entry in sorted(state["probes"].items())
    ]
    so_far = (state["made"], reached)
    torch.distributed.all_gather_object(gathered, (so_far, sorted(state["kept"])))
    state["kept"] = {step: state["kept"][step] for step in state["kept"] if all(step in kept for _, kept in gathered)}
    if any(other != so_far for other, _ in gathered):
        return False
    for holder, key, name, dim in _sampled(state):
        own = holder[key]
        if shard.rank:
            if own.numel():
                torch.distributed.send(own.to(device).contiguous(), 0)
            continue
        parts = [own]
        for rank, mine in enumerate(all_mine[name][1:], start=1):
            shape = list(own.shape)
            shape[dim] = mine.stop - mine.start
            part = torch.empty(shape, dtype=own.dtype, device=device)
            if part.numel():
                torch.distributed.recv(part, rank)
            parts.append(part.cpu())
        holder[key] = torch.cat(parts, dim)
    return True


def _copied(state: Any) -> Any:
    return {key: _copied(value) for key, value in state.items()} if isinstance(state, dict) else state


def _sampled(state: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, str, int]]:
    """Yields every tensor of samples in a recorder's state: its holder, its key, its probe, and the dimension."""
    for step in sorted(state["kept"]):
        for name in sorted(state["kept"][step]):
            yield state["kept"][step], name, name, 0
    for name in sorted(state["probes"]):
        entry = state["probes"][name]
        yield entry["state"], "first", name, 0
        yield entry["state"], "last", name, 0
        if entry["history"]:
            yield entry["history"], "amplitudes", name, 1
