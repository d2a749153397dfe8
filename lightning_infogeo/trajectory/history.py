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
        spreads: about how far these are from it, in sum: distances add up on the way to it, shape (K,).
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

    A full history first drops the record that a neighbour in time can best stand for, such that records so far are
    least far, in sum, from those that stand for them. First and last are never dropped, marked ones only when they
    exceed a quarter of the slots.

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
    full = state.used == capacity

    order = torch.where(state.steps >= 0, state.steps, torch.iinfo(torch.int64).max).argsort()
    gap = torch.where(state.used > 0, apart(order.gather(0, (state.used - 1).clamp_min(0)[None]), _new(state)), 0)
    loss = _least(state, order, gap)
    slot = torch.where(full, loss.dropped, state.used.clamp_max(capacity - 1))

    def handed_on(kept: Tensor, own: float, share: Tensor) -> Tensor:
        """Gives the heir its share, which may be the new record, and then the new record its slot."""
        with_new = torch.cat([kept, torch.full_like(gap, own)])
        with_new = with_new.index_add(0, loss.heir, torch.where(full, share, 0))
        return with_new[:-1].index_copy(0, slot, with_new[-1:])

    weights = handed_on(state.weights, 1, loss.weight)
    spreads = handed_on(state.spreads, 0, loss.spread)
    gaps = torch.cat([state.gaps, gap])
    gaps = torch.where(full, gaps.index_copy(0, loss.after, apart(loss.before, loss.after)), gaps)
    gaps = gaps[:-1].index_copy(0, slot, gaps[-1:])
    kept = state.amplitudes.index_select(0, slot)
    state.amplitudes.index_copy_(0, slot, torch.where(finite, amplitudes.float(), kept))
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


class _Loss(NamedTuple):
    """What a full history can best spare: slots, shape (1,), where K is that of the new record.

    Attributes:
        dropped: the record to go.
        before: its neighbour in time.
        after: the other.
        heir: which of them stands for it from now on.
        weight: what the heir takes over, shape (1,).
        spread: about how far that is from the heir, in sum, shape (1,).
    """

    dropped: Tensor
    before: Tensor
    after: Tensor
    heir: Tensor
    weight: Tensor
    spread: Tensor


def _least(state: HistoryState, order: Tensor, gap: Tensor) -> _Loss:
    """Returns the loss of least w d + (S + S′) / 2.

    A record that stands for w, itself among them, S away in sum, hands on w d + S to an heir d away, which has S′
    already. Without the S a record would go on absorbing a path that leaves it in small steps; with the whole of them,
    one amid what it stands for could absorb no more.

    Args:
        state: the history.
        order: its slots by time, shape (K,).
        gap: distance of the new record to the last, shape (1,).
    """
    some, others = order[1:], torch.cat([order[2:], _new(state)])  # the first stays
    weight, spread, before_it = state.weights[some], state.spreads[some], state.gaps[some]
    to_left, to_right = weight * before_it, weight * torch.cat([before_it[1:], gap])
    # Added in this order, either of two records of one weight is the same loss to the last bit, for all processes.
    left = to_left + (spread + state.spreads[order[:-1]]) / 2
    right = to_right + (spread + torch.cat([spread[1:], torch.zeros_like(gap)])) / 2
    protected = state.marked[some] & (state.marked.sum() <= len(order) // 4)
    victim = torch.where(protected, torch.inf, torch.minimum(left, right)).argmin()[None]

    def of(values: Tensor) -> Tensor:
        return values.gather(0, victim)

    leftwards = of(left <= right)
    return _Loss(
        dropped=of(some),
        before=of(order),
        after=of(others),
        heir=torch.where(leftwards, of(order), of(others)),
        weight=of(weight),
        spread=of(spread) + torch.where(leftwards, of(to_left), of(to_right)),
    )


def _new(state: HistoryState) -> Tensor:
    return torch.full_like(state.steps[:1], len(state.steps))


def _apart(kept: Tensor, new: Tensor, floor: float, a: Tensor, b: Tensor) -> Tensor:
    def at(slot: Tensor) -> Tensor:
        return torch.where(slot == len(kept), new, kept.index_select(0, slot.clamp_max(len(kept) - 1)))

    return bhattacharyya(at(a), at(b), floor=floor)
