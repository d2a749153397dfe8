"""A bounded history of predictions with the distances between them, extended one row at a time on the device."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distances import OVERLAP_FLOOR, bhattacharyya
from lightning_infogeo.distances.paired import Reduction

_SCRATCH = 2**24
"""Bytes of working memory for one row of distances."""


class HistoryState(NamedTuple):
    """At most K records. Slots are not in the order of time: sort by ``steps``.

    Attributes:
        amplitudes: shape (K, N, C), float32, or sketches of them, (K, N, m); written in place by ``extend``.
        distances: Bhattacharyya distances between the slots in use, shape (K, K), float32.
        weights: how many records each stands for, shape (K,); 0 where a slot is free.
        steps: of the records, shape (K,), int64; −1 where a slot is free.
        used: number of slots in use, scalar int64.
        marked: the records of events, shape (K,), bool.
    """

    amplitudes: Tensor
    distances: Tensor
    weights: Tensor
    steps: Tensor
    used: Tensor
    marked: Tensor


def start(like: Tensor, capacity: int) -> HistoryState:
    """Returns an empty history for ``capacity`` ≥ 3 records of the shape (N, C) and device of ``like``."""
    zeros = torch.zeros(capacity, dtype=torch.float32, device=like.device)
    return HistoryState(
        amplitudes=torch.zeros(capacity, *like.shape, dtype=torch.float32, device=like.device),
        distances=torch.zeros(capacity, capacity, dtype=torch.float32, device=like.device),
        weights=zeros,
        steps=torch.full_like(zeros, -1, dtype=torch.int64),
        used=torch.zeros((), dtype=torch.int64, device=like.device),
        marked=torch.zeros_like(zeros, dtype=torch.bool),
    )


def extend(
    state: HistoryState,
    step: int,
    amplitudes: Tensor,
    made: int,
    floor: float = OVERLAP_FLOOR,
    row: Tensor | None = None,
    finite: Tensor | None = None,
) -> HistoryState:
    """Adds a record; reads nothing back from the device.

    Costs one pass over the history: one row of distances, by chords, so that records close to each other keep their
    digits. A full history first drops the record whose loss costs the path least: the one with the smallest weight ×
    distance to its nearer neighbour in time, which takes over its weight. First and last are never dropped, marked ones
    only when they exceed a quarter of the slots.

    Args:
        state: from ``start`` or an earlier call; not to be used afterwards.
        step: optimizer steps taken, more than at any record before.
        amplitudes: shape (N, C). Where they are not finite the history stays as it is.
        made: calls before this one, known on the host: no more slots are in use, and those beyond need no distance.
        floor: overlaps below it count as it; of sketches, ``Sketch.floor``.
        row: distances to the slots, shape (K,), where ``amplitudes`` are some samples of a probe only.
        finite: whether all amplitudes of the probe are, scalar bool, in the same case.
    """
    capacity = len(state.steps)
    finite = amplitudes.isfinite().all() if finite is None else finite
    row = row_of(state, amplitudes, made, floor) if row is None else row
    row = torch.where(state.steps >= 0, row, 0)
    full = state.used == capacity

    order = torch.where(state.steps >= 0, state.steps, torch.iinfo(torch.int64).max).argsort()
    gaps = state.distances[order[:-1], order[1:]]
    left, right = gaps, torch.cat([gaps[1:], row[order[-1:]]])  # of the second to the last in time
    loss, nearer = torch.minimum(left, right), left <= right
    protected = state.marked[order[1:]] & (state.marked.sum() <= capacity // 4)
    victim = torch.where(protected, torch.inf, state.weights[order[1:]] * loss).argmin()
    dropped = order[1:].gather(0, victim[None])
    before = order.gather(0, victim[None])
    after = torch.cat([order[2:], dropped]).gather(0, victim[None])  # itself where its later neighbour is the new one
    to_left = nearer.gather(0, victim[None])
    to_new = ~to_left & (victim == capacity - 2)

    slot = torch.where(full, dropped, state.used.clamp_max(capacity - 1))
    freed = torch.where(full, state.weights.gather(0, slot), 0)
    heir = torch.where(to_left, before, after)
    weights = state.weights.index_add(0, heir, torch.where(to_new, 0, freed))
    weights = weights.index_copy(0, slot, 1 + torch.where(to_new, freed, 0))
    row = row.index_fill(0, slot, 0)
    distances = state.distances.index_copy(0, slot, row[None]).index_copy(1, slot, row[:, None])
    kept = state.amplitudes.index_select(0, slot)
    state.amplitudes.index_copy_(0, slot, torch.where(finite, amplitudes.float(), kept))
    return HistoryState(
        amplitudes=state.amplitudes,
        distances=torch.where(finite, distances, state.distances),
        weights=torch.where(finite, weights, state.weights),
        steps=torch.where(finite, state.steps.index_fill(0, slot, step), state.steps),
        used=torch.where(finite & ~full, state.used + 1, state.used),
        marked=torch.where(finite, state.marked.index_fill(0, slot, False), state.marked),
    )


def mark(state: HistoryState, step: int) -> HistoryState:
    """Marks the record nearest to ``step`` as one to keep; reads nothing back from the device."""
    far = torch.iinfo(torch.int64).max
    nearest = torch.where(state.steps >= 0, (state.steps - step).abs(), far).argmin()
    return state._replace(marked=state.marked.index_fill(0, nearest[None], True))


def restored(state: HistoryState) -> HistoryState:
    """Returns a history whose ``amplitudes`` hold only its first slots with all of them again."""
    missing = len(state.steps) - len(state.amplitudes)
    free = state.amplitudes.new_zeros(missing, *state.amplitudes.shape[1:])
    return state._replace(amplitudes=torch.cat([state.amplitudes, free]))


def row_of(
    state: HistoryState, amplitudes: Tensor, made: int, floor: float = OVERLAP_FLOOR, reduction: Reduction = "mean"
) -> Tensor:
    """Returns the distances of a prediction (N, C) to all slots, shape (K,); 0 to those beyond the first ``made``."""
    reach = min(made, len(state.steps))
    row = torch.zeros_like(state.weights)
    if reach:
        row[:reach] = distances_to(state.amplitudes[:reach], amplitudes, floor, reduction)
    return row


def distances_to(
    history: Tensor, amplitudes: Tensor, floor: float = OVERLAP_FLOOR, reduction: Reduction = "mean"
) -> Tensor:
    """Returns the Bhattacharyya distances of a prediction (N, C) to those of a history (K, N, C), shape (K,)."""
    rows = max(1, _SCRATCH // (8 * max(amplitudes.numel(), 1)))
    here = amplitudes.float()
    return torch.cat([bhattacharyya(part, here, reduction, floor) for part in torch.split(history, rows)])


def in_order(state: HistoryState) -> HistoryState:
    """Returns the records in the order of time, without free slots, on the CPU; waits for the device."""
    steps = state.steps.cpu()
    order = steps.argsort()[int((steps < 0).sum()) :]
    amplitudes, distances, weights, steps, used, marked = (tensor.cpu() for tensor in state)
    return HistoryState(
        amplitudes[order], distances[order][:, order], weights[order], steps[order], used, marked[order]
    )
