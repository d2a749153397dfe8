"""A bounded history of predictions: the records that lose the path least are dropped, on the device.

Whether a record may go is told by the distances to its neighbours in time, so a record costs two distances however
many are kept. The distances between all of them are wanted when a picture is drawn: made then and at once
(``table``), they cost as much as half a dozen of their rows would one by one.
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
        amplitudes: shape (K, N, C), float32, or sketches of them, (K, N, m); written in place by ``extend``.
        gaps: Bhattacharyya distances to the record before, shape (K,), float32; 0 for the first.
        weights: how many records each stands for, shape (K,); 0 where a slot is free.
        steps: of the records, shape (K,), int64; −1 where a slot is free.
        used: number of slots in use, scalar int64.
        marked: the records of events, shape (K,), bool.
    """

    amplitudes: Tensor
    gaps: Tensor
    weights: Tensor
    steps: Tensor
    used: Tensor
    marked: Tensor


class History(NamedTuple):
    """The records kept, in the order of time and on the CPU.

    Attributes:
        amplitudes: shape (T, N, C), float32, or sketches of them, (T, N, m).
        distances: Bhattacharyya distances between them, shape (T, T), float32; nats per sample.
        weights: how many records each stands for, shape (T,).
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

    A full history first drops the record whose loss costs the path least: the one with the smallest weight × distance
    to its nearer neighbour in time, which takes over its weight. First and last are never dropped, marked ones only
    when they exceed a quarter of the slots.

    Args:
        state: from ``start`` or an earlier call; not to be used afterwards.
        step: optimizer steps taken, more than at any record before.
        amplitudes: shape (N, C). Where they are not finite the history stays as it is.
        floor: overlaps below it count as it; of sketches, ``Sketch.floor``.
        apart: gives the distance, shape (1,), between two slots, each of shape (1,), where K stands for the new
            record: to be given where ``amplitudes`` are of some samples of a probe only.
        finite: whether all amplitudes of the probe are, scalar bool, in the same case.
    """
    capacity = len(state.steps)
    finite = amplitudes.isfinite().all() if finite is None else finite
    apart = apart or partial(_apart, state.amplitudes, amplitudes.float(), floor)
    new = torch.full_like(state.steps[:1], capacity)
    full = state.used == capacity

    order = torch.where(state.steps >= 0, state.steps, torch.iinfo(torch.int64).max).argsort()
    gap = torch.where(state.used > 0, apart(order.gather(0, (state.used - 1).clamp_min(0)[None]), new), 0)
    candidates = order[1:]  # of a full history, whose first stays
    left = state.gaps[candidates]
    right = torch.cat([left[1:], gap])
    loss, nearer = torch.minimum(left, right), left <= right
    protected = state.marked[candidates] & (state.marked.sum() <= capacity // 4)
    victim = torch.where(protected, torch.inf, state.weights[candidates] * loss).argmin()[None]
    dropped, before = candidates.gather(0, victim), order.gather(0, victim)
    after = torch.cat([order[2:], new]).gather(0, victim)
    to_left, to_new = nearer.gather(0, victim), after == new

    slot = torch.where(full, dropped, state.used.clamp_max(capacity - 1))
    after = torch.where(to_new, slot, after)
    freed = torch.where(full, state.weights.gather(0, slot), 0)
    joined = apart(before, torch.where(to_new, new, after))
    heir = torch.where(to_left, before, after)
    passed_on = to_left | ~to_new
    weights = state.weights.index_add(0, heir, torch.where(passed_on, freed, 0))
    weights = weights.index_copy(0, slot, 1 + torch.where(passed_on, 0, freed))
    gaps = torch.where(full, state.gaps.index_copy(0, after, joined), state.gaps)
    gaps = gaps.index_copy(0, slot, torch.where(full & to_new, joined, gap))
    kept = state.amplitudes.index_select(0, slot)
    state.amplitudes.index_copy_(0, slot, torch.where(finite, amplitudes.float(), kept))
    return HistoryState(
        amplitudes=state.amplitudes,
        gaps=torch.where(finite, gaps, state.gaps),
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


def table(state: HistoryState, used: int, floor: float = OVERLAP_FLOOR, other: HistoryState | None = None) -> Tensor:
    """Returns the Bhattacharyya distances between all slots, or to those of another history of the same samples.

    Args:
        state: the history.
        used: known on the host: no more slots are in use.
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


def _apart(kept: Tensor, new: Tensor, floor: float, a: Tensor, b: Tensor) -> Tensor:
    def at(slot: Tensor) -> Tensor:
        return torch.where(slot == len(kept), new, kept.index_select(0, slot.clamp_max(len(kept) - 1)))

    return bhattacharyya(at(a), at(b), floor=floor)
