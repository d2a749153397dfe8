"""A bounded history of predictions on the device, which drops the records that matter least for the path.

Which record is dropped depends on distances between neighbours in time, so a record costs two distances whatever the
capacity. Distances between all records are needed only when an embedding is drawn: computed at once (``table``), they
cost as much as half a dozen of their rows computed one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distances import OVERLAP_FLOOR, bhattacharyya, pairwise_bhattacharyya


class HistoryState(NamedTuple):
    """At most K records. Slots are not in the order of time: sort by ``steps``.

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


def extend(
    state: HistoryState,
    step: int,
    amplitudes: Tensor,
    floor: float = OVERLAP_FLOOR,
    apart: Callable[[Tensor, Tensor], Tensor] | None = None,
    finite: Tensor | None = None,
) -> HistoryState:
    """Adds a record; reads nothing back from the device.

    A full history first drops the record that a neighbour in time can best represent, so that the summed distance of
    all records from those that represent them is least. First and last are never dropped, marked ones only when they
    exceed a quarter of the slots.

    Args:
        state: from ``start`` or an earlier call; not to be used afterwards.
        step: optimizer steps taken, more than at any record before.
        amplitudes: shape (N, C). Where they are not finite the history stays as it is.
        floor: overlaps below it count as it; of sketches, ``Sketch.floor``.
        apart: f(slot, slot) -> distance, all of shape (1,), slot K being the new record; needed where ``amplitudes``
            are those of some samples of a probe only.
        finite: whether all amplitudes of the probe are finite, scalar bool; needed in the same case.
    """
    capacity = len(state.steps)
    finite = amplitudes.isfinite().all() if finite is None else finite
    distance = apart or partial(_slot_distance, state.amplitudes, amplitudes.float(), floor)
    full = state.used == capacity

    order = torch.where(state.steps >= 0, state.steps, torch.iinfo(torch.int64).max).argsort()
    gap = torch.where(state.used > 0, distance(order.gather(0, (state.used - 1).clamp_min(0)[None]), _new(state)), 0)
    loss = _least(state, order, gap)
    slot = torch.where(full, loss.dropped, state.used.clamp_max(capacity - 1))

    def reassigned(old: Tensor, own: float, share: Tensor) -> Tensor:
        """Adds the share to the successor, which may be the new record, and writes the new record to its slot."""
        with_new = torch.cat([old, torch.full_like(gap, own)])
        with_new = with_new.index_add(0, loss.successor, torch.where(full, share, 0))
        return with_new[:-1].index_copy(0, slot, with_new[-1:])

    weights = reassigned(state.weights, 1, loss.weight)
    spreads = reassigned(state.spreads, 0, loss.spread)
    gaps = torch.cat([state.gaps, gap])
    gaps = torch.where(full, gaps.index_copy(0, loss.after, distance(loss.before, loss.after)), gaps)
    gaps = gaps[:-1].index_copy(0, slot, gaps[-1:])
    dropped_amplitudes = state.amplitudes.index_select(0, slot)
    state.amplitudes.index_copy_(0, slot, torch.where(finite, amplitudes.float(), dropped_amplitudes))
    return HistoryState(
        amplitudes=state.amplitudes,
        gaps=torch.where(finite, gaps, state.gaps),
        weights=torch.where(finite, weights, state.weights),
        spreads=torch.where(finite, spreads, state.spreads),
        steps=torch.where(finite, state.steps.index_fill(0, slot, step), state.steps),
        used=torch.where(finite & ~full, state.used + 1, state.used),
        marked=torch.where(finite, state.marked.index_fill(0, slot, False), state.marked),
    )


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
    pairs = pairwise_bhattacharyya(part, None if other is None else other.amplitudes[:used], floor=floor)
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


class _Loss(NamedTuple):
    """The record that a full history drops; slots have shape (1,), and K is that of the new record.

    Attributes:
        dropped: slot of the dropped record.
        before: slot of the record before it in time.
        after: slot of the record after it in time.
        successor: which of these two represents it from now on.
        weight: number of records that the successor takes over, shape (1,).
        spread: estimated sum of their distances from the successor, shape (1,).
    """

    dropped: Tensor
    before: Tensor
    after: Tensor
    successor: Tensor
    weight: Tensor
    spread: Tensor


def _least(state: HistoryState, order: Tensor, gap: Tensor) -> _Loss:
    """Returns the record with the least w d + (S + S′) / 2.

    A record represents w records, itself included, at a summed distance S; dropping it adds w d + S to a successor at
    distance d, which has S′ already. Without the S a record would go on absorbing a path that leaves it in small steps;
    with the whole of them, one in the middle of the records it represents could absorb no more.

    Args:
        state: the history.
        order: its slots by time, shape (K,).
        gap: distance of the new record to the last, shape (1,).
    """
    candidates, next_slots = order[1:], torch.cat([order[2:], _new(state)])  # the first stays
    weight, spread, gap_before = state.weights[candidates], state.spreads[candidates], state.gaps[candidates]
    to_left, to_right = weight * gap_before, weight * torch.cat([gap_before[1:], gap])
    # Added in this order, two records of equal weight give the same loss to the last bit in all processes.
    left = to_left + (spread + state.spreads[order[:-1]]) / 2
    right = to_right + (spread + torch.cat([spread[1:], torch.zeros_like(gap)])) / 2
    protected = state.marked[candidates] & (state.marked.sum() <= len(order) // 4)
    position = torch.where(protected, torch.inf, torch.minimum(left, right)).argmin()[None]

    def of(values: Tensor) -> Tensor:
        return values.gather(0, position)

    leftwards = of(left <= right)
    return _Loss(
        dropped=of(candidates),
        before=of(order),
        after=of(next_slots),
        successor=torch.where(leftwards, of(order), of(next_slots)),
        weight=of(weight),
        spread=of(spread) + torch.where(leftwards, of(to_left), of(to_right)),
    )


def _new(state: HistoryState) -> Tensor:
    return torch.full_like(state.steps[:1], len(state.steps))


def _slot_distance(stored: Tensor, new: Tensor, floor: float, a: Tensor, b: Tensor) -> Tensor:
    def at(slot: Tensor) -> Tensor:
        return torch.where(slot == len(stored), new, stored.index_select(0, slot.clamp_max(len(stored) - 1)))

    return bhattacharyya(at(a), at(b), floor=floor)
