"""A bounded history of predictions on the device, which drops the records that matter least for the path.

Which record is dropped depends on distances between neighbours in time, so a record costs two distances whatever the
capacity. Distances between all records are needed only when an embedding is drawn: computed at once (``table``), they
cost as much as half a dozen of their rows computed one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distances import OVERLAP_FLOOR, bhattacharyya, pairwise_bhattacharyya
from lightning_infogeo.trajectory.stack import ALONE, Alone
from lightning_infogeo.trajectory.step import Step, filled

Apart = Callable[[Tensor, "Tensor | None"], Tensor]
"""f(slot, slot) -> the distance of two records; None is the new one."""


class HistoryState(NamedTuple):
    """At most K records. Slots are not in the order of time: sort by ``steps``.

    Of a stack of P probes ``amplitudes`` are those of all samples, one probe after the other, and everything else has a
    dimension more, of P, before K.

    Attributes:
        amplitudes: shape (K, N, C), float32, or their sketches, (K, N, m); written in place by ``extend``.
        gaps: Bhattacharyya distances to the record before, shape (K,), float32; 0 for the first.
        weights: how many records each represents, shape (K,); 0 where a slot is free.
        spreads: estimated sum of the distances of these from it, shape (K,): their distances along the path are added.
        steps: of the records, shape (K,), int64; −1 where a slot is free.
        used: number of slots in use, scalar int64.
        marked: the records of events, shape (K,), bool.
    """

    amplitudes: Tensor
    gaps: Tensor
    weights: Tensor
    spreads: Tensor
    steps: Tensor
    used: Tensor
    marked: Tensor


class History(NamedTuple):
    """The records of a history in the order of time, on the CPU.

    Attributes:
        amplitudes: shape (T, N, C), float32, or their sketches, (T, N, m).
        distances: Bhattacharyya distances between them, shape (T, T), float32; nats per sample.
        weights: how many records each represents, shape (T,).
        steps: shape (T,), int64.
        marked: the records of events, shape (T,), bool.
    """

    amplitudes: Tensor
    distances: Tensor
    weights: Tensor
    steps: Tensor
    marked: Tensor


def start(like: Tensor, capacity: int) -> HistoryState:
    """Returns an empty history for ``capacity`` ≥ 3 records of the shape (N, C) and device of ``like``."""
    zeros = torch.zeros(capacity, dtype=torch.float32, device=like.device)
    return HistoryState(
        amplitudes=torch.zeros(capacity, *like.shape, dtype=torch.float32, device=like.device),
        gaps=zeros,
        weights=zeros,
        spreads=zeros,
        steps=torch.full_like(zeros, -1, dtype=torch.int64),
        used=torch.zeros((), dtype=torch.int64, device=like.device),
        marked=torch.zeros_like(zeros, dtype=torch.bool),
    )


def stacked(histories: Sequence[HistoryState]) -> HistoryState:
    """Returns the histories of some probes, of the same capacity and classes, as that of a stack of them."""
    columns = dict(zip(HistoryState._fields, zip(*histories, strict=True), strict=True))
    amplitudes = torch.cat(columns.pop("amplitudes"), 1)
    return HistoryState(amplitudes, **{field: torch.stack(tensors) for field, tensors in columns.items()})


def of_probe(state: HistoryState, probe: int, rows: slice) -> HistoryState:
    """Returns the history of one probe of a stack, whose samples are ``rows``, as views."""
    amplitudes, *others = state
    return HistoryState(amplitudes[:, rows], *(tensor[probe] for tensor in others))


def extend(
    state: HistoryState,
    step: Step,
    amplitudes: Tensor,
    floor: float = OVERLAP_FLOOR,
    apart: Apart | None = None,
    finite: Tensor | None = None,
    samples: Alone = ALONE,
    room: bool = False,
) -> HistoryState:
    """Adds a record, of one probe or of a stack of them; reads nothing back from the device.

    A full history first drops the record that a neighbour in time can best represent, so that the summed distance of
    all records from those that represent them is least. First and last are never dropped, marked ones only when they
    exceed a quarter of the slots.

    Args:
        state: from ``start`` or an earlier call; not to be used afterwards.
        step: optimizer steps taken, more than at any record before.
        amplitudes: shape (N, C). Where they are not finite the history stays as it is.
        floor: overlaps below it count as it; of sketches, ``Sketch.floor``.
        apart: f(slot, slot) -> distance, all of shape (1,), the second slot K or None being the new record; needed
            where ``amplitudes`` are those of some samples of a probe only.
        finite: whether all amplitudes of the probe are finite, scalar bool; needed in the same case, and of a stack,
            shape (P,).
        samples: what joins the samples by probe.
        room: whether a slot is free for certain, so that nothing has to be dropped.
    """
    capacity = state.steps.shape[-1]
    finite = amplitudes.isfinite().all() if finite is None else finite
    amplitudes = amplitudes.float()
    distance = apart or partial(_slot_distance, state.amplitudes, amplitudes, floor, samples)
    valid, used = finite[..., None], state.used[..., None]
    gap = distance(state.steps.argmax(-1, keepdim=True), None).masked_fill(used == 0, 0)  # a free slot's step is -1
    if room:  # a free slot's numbers are 0
        slot, more = used, finite
        here = valid & (_numbers(capacity, used.device) == slot)
        gaps, weights, spreads = torch.where(here, gap, state.gaps), state.weights.masked_fill(here, 1), state.spreads
    else:
        entries = torch.stack([state.gaps, state.weights, state.spreads])
        full = used == capacity
        dropped, kept = _merged(entries, gap, state, full, distance)
        slot, more = torch.where(full, dropped, used), finite & ~full[..., 0]
        here = valid & (_numbers(capacity, used.device) == slot)
        others, new = kept[..., :capacity], kept[..., capacity:]
        gaps, weights, spreads = torch.where(valid, torch.where(here, new, others), entries).unbind()
    samples.put(state.amplitudes, slot, amplitudes, finite)
    steps, marked = filled(state.steps, here, step), state.marked if room else state.marked & ~here
    return HistoryState(state.amplitudes, gaps, weights, spreads, steps, state.used + more, marked)


def mark(state: HistoryState, step: int) -> HistoryState:
    """Marks the record nearest to ``step`` as one to keep; reads nothing back from the device."""
    far = torch.iinfo(torch.int64).max
    nearest = torch.where(state.steps >= 0, (state.steps - step).abs(), far).argmin()
    return state._replace(marked=state.marked.index_fill(0, nearest[None], True))


def saved(state: HistoryState, made: int) -> dict[str, Tensor]:
    """Returns copies on the CPU, since a history is written in place; of no more slots than ``made`` records use."""
    shortened = state._replace(amplitudes=state.amplitudes[:made])
    return {field: tensor.cpu().clone() for field, tensor in shortened._asdict().items()}


def restored(state: HistoryState) -> HistoryState:
    """Returns a history with all slots, from one whose ``amplitudes`` have only the first of them."""
    missing = len(state.steps) - len(state.amplitudes)
    free = state.amplitudes.new_zeros(missing, *state.amplitudes.shape[1:])
    return state._replace(amplitudes=torch.cat([state.amplitudes, free]))


def table(state: HistoryState, used: int, floor: float = OVERLAP_FLOOR, other: HistoryState | None = None) -> Tensor:
    """Returns the Bhattacharyya distances between all slots, or to those of another history of the same samples.

    Args:
        state: the history.
        used: the most slots in use, as known on the host.
        floor: as for ``extend``.
        other: of the same capacity, with as many slots in use.

    Returns:
        Shape (K, K), float32; 0 beyond the first ``used``. Reads nothing back from the device.
    """
    distances = state.gaps.new_zeros(len(state.steps), len(state.steps))
    part = state.amplitudes[:used]
    pairs = pairwise_bhattacharyya(part, None if other is None else other.amplitudes[:used], 2**26, floor)
    distances[:used, :used] = pairs.to(distances)
    return distances


def in_order(state: HistoryState, distances: Tensor) -> History:
    """Returns the records with the distances between all slots, shape (K, K); waits for the device."""
    steps = state.steps.cpu()
    order = steps.argsort()[int((steps < 0).sum()) :]
    return History(
        amplitudes=state.amplitudes.cpu()[order],
        distances=distances.cpu()[order][:, order],
        weights=state.weights.cpu()[order],
        steps=steps[order],
        marked=state.marked.cpu()[order],
    )


def _merged(entries: Tensor, gap: Tensor, state: HistoryState, full: Tensor, apart: Apart) -> tuple[Tensor, Tensor]:
    """Has the record with the least w d + (S + S′) / 2 represented by a neighbour in time, where a history is full.

    A record represents w records, itself included, at a summed distance S; dropping it adds w d + S to a successor at
    distance d, which has S′ already. Without the S a record would go on absorbing a path that leaves it in small steps;
    with the whole of them, one in the middle of the records it represents could absorb no more.

    Args:
        entries: gaps, weights and spreads, shape (3, ..., K).
        gap: distance of the new record to the last, shape (..., 1).
        state: of the history.
        full: whether there is no free slot, shape (..., 1).
        apart: as for ``extend``.

    Returns:
        The slot of the record to be dropped, shape (..., 1); gaps, weights and spreads after that, with the new record
        in slot K, shape (3, ..., K + 1).
    """
    capacity = entries.shape[-1]
    order = state.steps.argsort()
    in_time = entries.gather(-1, order.expand_as(entries))
    gaps, weights, spreads = in_time.unbind()
    # Rows are of the neighbour before and the one after; the first record's are left out below: it stays.
    distances = torch.cat([gaps, gap], -1)
    moved = weights[..., None, :] * distances.unfold(-1, capacity, 1)
    beside = torch.nn.functional.pad(spreads, (1, 1)).unfold(-1, capacity, 2)
    # Added in this order, two records of equal weight give the same loss to the last bit in all processes.
    loss, side = (moved + (spreads[..., None, :] + beside) / 2).min(-2)
    protected = state.marked.gather(-1, order) & (state.marked.sum(-1, keepdim=True) <= capacity // 4)
    first = loss.masked_fill(protected, torch.inf)[..., 1:].argmin(-1, keepdim=True)

    places = first + _numbers(3, first.device)
    slots = torch.nn.functional.pad(order, (0, 1), value=capacity).gather(-1, places)
    before, dropped, after = torch.split(slots, 1, -1)
    place = places[..., 1:2]
    side = side.gather(-1, place)
    _, weight, spread = in_time.gather(-1, place.expand(3, *place.shape)).unbind()
    spread = spread + weight * distances.gather(-1, place + side)
    successor = slots.gather(-1, 2 * side)

    new = torch.stack([gap, torch.ones_like(gap), torch.zeros_like(gap)])
    kept = torch.cat([entries, new], -1)
    changed = torch.stack([after, successor, successor])
    were = kept.gather(-1, changed)
    _, its_weight, its_spread = were.unbind()
    merged = torch.stack([apart(before, after), its_weight + weight, its_spread + spread])
    return dropped, kept.scatter(-1, changed, torch.where(full, merged, were))


@cache
def _numbers(count: int, device: torch.device) -> Tensor:
    return torch.arange(count, device=device)


def _slot_distance(stored: Tensor, new: Tensor, floor: float, samples: Alone, a: Tensor, b: Tensor | None) -> Tensor:
    other = new
    if b is not None:
        here = samples.take(stored, b.clamp_max(len(stored) - 1))
        other = torch.where(samples.column(b == len(stored)), new, here)
    return samples.mean(bhattacharyya(samples.take(stored, a), other, "none", floor))[..., None]
