"""Probes dealt to the processes of a training: who evaluates which samples, and how what they find comes together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.geodesics import Plane
from lightning_infogeo.trajectory.observation import Observation


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
"""Of a single process."""


class Measured(NamedTuple):
    """What a record says of one probe's samples, before anything is averaged.

    Attributes:
        observation: of n samples.
        arcs: from the last record, the first, and, where there is a third row, one a lag ago, shape (2 or 3, n).
        sums: over samples, divided by the size of the whole probe: whatever the history and its picture need.
    """

    observation: Observation
    arcs: Tensor
    sums: Tensor


class Room(NamedTuple):
    """The room that one probe takes in the vector of a record.

    Attributes:
        samples: N, of the whole probe.
        mine: where those of this process stand among them.
        labelled: whether they have labels.
        sums: their number.
    """

    samples: int
    mine: slice
    labelled: bool
    sums: int

    @property
    def rows(self) -> int:
        """Numbers a sample: whether it is finite, entropy, three arcs; with labels a distance and a plane."""
        return 10 if self.labelled else 5

    @property
    def size(self) -> int:
        """Numbers of the probe."""
        return self.rows * self.samples + self.sums


class Pool(Portable):
    """Brings together what the processes have measured, by one all-reduce a record; alone, sends nothing.

    What is sent is ten numbers a sample, each from the one process that has it, beside zeros of the others: so the
    means are taken over all samples by every process itself, in the order in which a single process takes them, no root
    is ever averaged, and markers of samples see all of them. A process that could not measure sends NaN.

    Attributes:
        shard: of this process.
        agreed: 1 where all processes could measure the last record, else NaN; scalar.
    """

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.agreed: Tensor | float = 1.0
        self._rooms: dict[str, Room] = {}
        self._like = torch.zeros(0)

    @property
    def active(self) -> bool:
        """Whether there is anybody to share with."""
        return self.shard.ranks > 1

    def prepare(self, rooms: Mapping[str, Room], like: Tensor) -> None:
        """Gets ready for these probes, on the device and in the type of ``like``."""
        self._rooms = dict(rooms)
        self._like = like

    def release(self) -> None:
        """Takes everything off the device; ``prepare`` brings it back."""
        self._like = torch.zeros(0)
        self.agreed = 1.0

    def gather(self, measured: Mapping[str, Measured] | None) -> dict[str, Measured]:
        """Returns what all have measured, of all samples; to be called by all. Reads nothing back from the device.

        Args:
            measured: of this process's samples; None where it could not measure.
        """
        if not self.active:
            return dict(measured or {})
        vector = self._like.new_zeros(1 + sum(room.size for room in self._rooms.values()))
        if measured is None:
            vector.fill_(torch.nan)
        else:
            vector[:1].fill_(1 / self.shard.ranks)
            for name, room, part in self._parts(vector):
                _write(measured[name], room, part)
        torch.distributed.all_reduce(vector)
        self.agreed = torch.where(vector[0].isfinite(), 1, torch.nan)
        return {name: _read(room, part) for name, room, part in self._parts(vector)}

    def _parts(self, vector: Tensor) -> Iterator[tuple[str, Room, Tensor]]:
        parts = vector[1:].split_with_sizes([room.size for room in self._rooms.values()])
        for (name, room), part in zip(self._rooms.items(), parts, strict=True):
            yield name, room, part


def _write(measured: Measured, room: Room, part: Tensor) -> None:
    table = part[: room.rows * room.samples].view(room.rows, room.samples)[:, room.mine]
    seen = measured.observation
    columns = [seen.finite, seen.entropies, *(() if seen.plane is None else (seen.distances, *seen.plane))]
    for row, values in zip(table, [*columns, *measured.arcs], strict=False):
        row.copy_(values)
    part[room.rows * room.samples :] = measured.sums


def _read(room: Room, part: Tensor) -> Measured:
    finite, entropies, *rest = part[: room.rows * room.samples].view(room.rows, room.samples)
    distances, plane = (rest[0], Plane(*rest[1:5])) if room.labelled else (None, None)
    seen = Observation(finite == 1, entropies, distances, plane)
    return Measured(seen, torch.stack(rest[-3:]), part[room.rows * room.samples :])


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
    found: list[Any] = [None] * shard.ranks
    reached = [
        [entry["state"]["last_step"].item(), *(entry["history"]["steps"].tolist() if entry["history"] else [])]
        for _, entry in sorted(state["probes"].items())
    ]
    so_far = (state["made"], reached)
    torch.distributed.all_gather_object(found, (so_far, sorted(state["kept"])))
    state["kept"] = {step: state["kept"][step] for step in state["kept"] if all(step in kept for _, kept in found)}
    if any(other != so_far for other, _ in found):
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
