"""The density of each group of weights through training: its velocity and length, extended a record at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.parameters import grid, weights
from lightning_infogeo.parameters.estimators import (
    histogram_distance,
    histogram_floor,
    normal_distance,
    normal_jitter,
)
from lightning_infogeo.parameters.weights import Reduce
from lightning_infogeo.quantities import WEIGHT_QUANTITIES, names

QUANTITIES = tuple(name for name in names(WEIGHT_QUANTITIES) if name != "interval")
"""The columns of what ``extend`` returns; the interval is known to whoever records."""

Groups = Mapping[str, Sequence[Tensor]]

_MOST, _LEAST, _ALL = 16_384, 512, 65_536
"""Weights followed: the most in a group, and in all groups together unless that leaves a group fewer than the least.

The error of a noise floor is 1 / (2 sqrt(f n)) of it, with n weights followed of which the fraction f changes bin.
"""


class DensityState(NamedTuple):
    """Everything the next record needs, for G groups and, last, the network: R = G + 1 densities.

    Attributes:
        sizes: number of weights, in all processes, shape (R,), int64.
        bins: nominal number B of bins, shape (R,), int64.
        counts: numbers of weights in bins, shape (R, K), int64; K = 0 where all densities are taken as Gaussian.
        low: number of the first bin, shape (R,), int64.
        exponents: e of the width 2^e of the bins, shape (R,), int64.
        ends: lowest and highest weight, shape (2, R).
        moments: mean and variance, shape (2, R); those of groups taken as histograms are not kept.
        followed: some weights of each group that are here, shape (G, n), rows ending in zeros.
        followed_sizes: how many of them there are, shape (G,), int64.
        length: information length so far of R densities and of independent groups, shape (R + 1,).
        last_step: the step of the last finite record, scalar int64.
        started: whether there has been one, scalar bool.
    """

    sizes: Tensor
    bins: Tensor
    counts: Tensor
    low: Tensor
    exponents: Tensor
    ends: Tensor
    moments: Tensor
    followed: Tensor
    followed_sizes: Tensor
    length: Tensor
    last_step: Tensor
    started: Tensor


def start(groups: Groups, bins: int | None, few: float, sizes: Mapping[str, int] | None = None) -> DensityState:
    """Returns the state before the first record, on the device of the weights.

    Args:
        groups: tensors by name, all on one device.
        bins: nominal number of them, or None for ``grid.bin_count`` of the number of weights.
        few: below as many weights a density is taken as Gaussian.
        sizes: number of weights of each group in all processes; None where all of them are here.
    """
    totals = _totals(groups, sizes)
    device, dtype = _device(groups), _dtype(groups)
    numbers = torch.zeros(len(totals), dtype=torch.int64, device=device)
    reals = torch.zeros(2, len(totals), dtype=weights.wide(device), device=device)
    nominal = [grid.bin_count(total) if bins is None else bins for total in totals]
    followed = [sum(row) for row in _followed_sizes(groups)]
    return DensityState(
        sizes=torch.tensor(totals, device=device),
        bins=torch.tensor(nominal, device=device),
        counts=numbers.new_zeros(len(totals), grid.capacity(nominal[-1]) if totals[-1] >= few else 0),
        low=numbers,
        exponents=numbers,
        ends=reals.to(dtype),
        moments=reals,
        followed=torch.zeros(len(groups), max(followed), dtype=dtype, device=device),
        followed_sizes=torch.tensor(followed, device=device),
        length=reals.new_zeros(len(totals) + 1),
        last_step=numbers.new_zeros(()),
        started=torch.zeros((), dtype=torch.bool, device=device),
    )


@torch.no_grad()
def extend(
    state: DensityState,
    step: int,
    groups: Groups,
    few: float,
    sizes: Mapping[str, int] | None = None,
    reduce: Reduce | None = None,
) -> tuple[DensityState, Tensor]:
    """Adds one record; reads nothing back from the device.

    With d the distance of a density from that at the last finite record (``estimators``):

    - velocity Γ = d / interval, per optimizer step;
    - length L = Σ d, without unit; it depends on the recording interval;
    - floor: the velocity that sampling alone would show, given how many of these weights changed bin, per step.
      Γ² exceeds the true one by about its square, and L grows by it at every record.

    Args:
        state: from ``start`` or an earlier call.
        step: optimizer steps taken, more than at any record before.
        groups: as for ``start``.
        few: as for ``start``.
        sizes: as for ``start``.
        reduce: f(tensor, "sum" | "max") over the processes that hold other shards of the weights.

    Returns:
        The new state, and ``QUANTITIES`` of each group, of the density of all weights together, and of the groups as
        independent coordinates, Γ² = Σ_g Γ_g²; shape (G + 2, 3). Velocity and noise floor are NaN at the first record.
        Where not all weights are finite the state is unchanged and everything NaN.
    """
    reduce = reduce or _alone
    seen, finite = _seen(state, groups, few, sizes, reduce)
    hops, floors = (
        torch.cat([d, d[:-1].norm()[None]])
        for d in _compared(state, seen, few, min(_totals(groups, sizes)) < few, reduce)
    )
    hops = torch.where(state.started, hops, 0)
    finite = finite & hops.isfinite().all()
    interval = torch.where(state.started, (step - state.last_step).to(hops.dtype), torch.nan)
    extended = seen._replace(
        length=state.length + hops,
        last_step=torch.full_like(state.last_step, step),
        started=torch.ones_like(state.started),
    )
    values = {"velocity": hops / interval, "length": extended.length, "floor": floors / interval}
    rows = torch.stack([values[name] for name in QUANTITIES], dim=1)
    extended = DensityState(*(torch.where(finite, new, old) for new, old in zip(extended, state, strict=True)))
    return extended, torch.where(finite, rows, torch.nan)


def _seen(
    state: DensityState, groups: Groups, few: float, sizes: Mapping[str, int] | None, reduce: Reduce
) -> tuple[DensityState, Tensor]:
    """Returns ``state`` with what the weights are now, and whether they are all finite."""
    tensors, dtype = list(groups.values()), _dtype(groups)
    lowest, highest, finite = weights.extrema(tensors, dtype, reduce)
    ends = torch.stack([torch.cat([lowest, lowest.amin()[None]]), torch.cat([highest, highest.amax()[None]])])
    exponents = grid.adapted(state.exponents, state.started, ends[0], ends[1], state.bins)
    low = grid.bin_of(ends[0], exponents).to(torch.int64)
    counts = state.counts
    if counts.shape[1]:
        # One count serves the group's own density and the network's: on the finer of both grids, merged to each.
        fine = torch.minimum(exponents[:-1], exponents[-1])
        fine_low = grid.bin_of(lowest, fine).to(torch.int64)
        fine_counts = reduce(weights.counts(tensors, fine, fine_low, counts.shape[1], dtype), "sum")
        own = grid.merged(fine_counts, fine_low, fine, low[:-1], exponents[:-1])
        shared = grid.merged(fine_counts, fine_low, fine, low[-1].expand_as(fine), exponents[-1].expand_as(fine))
        counts = torch.cat([own, shared.sum(0, keepdim=True)])
    return state._replace(
        counts=counts,
        low=low,
        exponents=exponents,
        ends=ends,
        moments=_moments(state, groups, ends, few, sizes, reduce),
        followed=weights.followed(tensors, _followed_sizes(groups), dtype),
    ), finite


def _moments(
    state: DensityState, groups: Groups, ends: Tensor, few: float, sizes: Mapping[str, int] | None, reduce: Reduce
) -> Tensor:
    totals = _totals(groups, sizes)
    asked = [t if total < few else None for t, total in zip(groups.values(), totals, strict=False)]
    if all(tensors is None for tensors in asked):
        return state.moments
    centres = ends.sum(0) / 2
    mean, variance = weights.moments(asked, centres[:-1], state.sizes[:-1], reduce)
    if totals[-1] >= few:
        return torch.stack([torch.cat([m, m.new_zeros(1)]) for m in (mean, variance)])
    share = state.sizes[:-1] / state.sizes[-1].to(mean.dtype)
    middle = (share * mean).sum()[None]
    whole = (share * (variance + (mean - middle).square())).sum()[None]
    return torch.stack([torch.cat([mean, middle]), torch.cat([variance, whole])])


def _compared(
    before: DensityState, after: DensityState, few: float, some_gaussian: bool, reduce: Reduce
) -> tuple[Tensor, Tensor]:
    """Returns distance and noise floor of each density, shape (R,) each."""
    sizes = after.sizes.to(after.length.dtype)
    lowest, highest = torch.minimum(before.ends[0], after.ends[0]), torch.maximum(before.ends[1], after.ends[1])
    joint = torch.maximum(grid.fitting(lowest, highest, after.bins), torch.maximum(before.exponents, after.exponents))
    low = grid.bin_of(lowest, joint).to(torch.int64)
    old, new = (grid.merged(s.counts, s.low, s.exponents, low, joint) for s in (before, after))

    here = after.followed_sizes
    valid = torch.arange(after.followed.shape[1], device=sizes.device) < here[:, None]
    terms = [valid]
    # Each group's weights against its own density, then against the network's.
    for row in (slice(None, -1), slice(-1, None)):
        a, b = (grid.bin_of(s.followed, joint[row, None]) for s in (before, after))
        terms.append(valid & (a != b))
        if some_gaussian:
            mean, variance = (torch.stack(pair)[:, row] for pair in zip(before.moments, after.moments, strict=True))
            terms.append(torch.where(valid, normal_jitter(before.followed, after.followed, mean, variance), 0))
    sums = reduce(torch.stack([values.to(sizes.dtype).sum(1) for values in terms]), "sum")
    means = (sums[1:] / sums[0].clamp_min(1)).view(2, -1, len(here))
    means = torch.cat([means[0], (means[1] @ (sizes[:-1] / sizes[-1]))[:, None]], dim=1)
    moved, jitter = means[0], means[-1]

    gaussian = after.sizes < few
    distance = normal_distance(before.moments[0], before.moments[1], after.moments[0], after.moments[1])
    return (
        torch.where(gaussian, distance, histogram_distance(old, new, sizes)),
        torch.where(gaussian, (jitter / sizes).sqrt(), histogram_floor(old, new, sizes, moved)),
    )


def _alone(tensor: Tensor, _: str) -> Tensor:
    return tensor


def _totals(groups: Groups, sizes: Mapping[str, int] | None) -> list[int]:
    """Returns the number of weights of each group, and of all."""
    totals = [sum(t.numel() for t in tensors) if sizes is None else sizes[n] for n, tensors in groups.items()]
    return [*totals, sum(totals)]


def _followed_sizes(groups: Groups) -> list[list[int]]:
    most = min(_MOST, max(_LEAST, _ALL // len(groups)))
    return weights.followed_sizes(list(groups.values()), most)


def _dtype(groups: Groups) -> torch.dtype:
    return weights.common_dtype([tensor for tensors in groups.values() for tensor in tensors])


def _device(groups: Groups) -> torch.device:
    return next(tensor.device for tensors in groups.values() for tensor in tensors)
