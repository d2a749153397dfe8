"""What is read off the weights themselves: extrema, counts, moments, and the few weights that are followed.

Weights are visited in pieces, so that memory beyond them stays bounded, and nothing is read back from the device. With
a ``reduce`` the same is had of weights that are sharded over processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from lightning_infogeo.parameters.grid import LARGEST, bin_of

Reduce = Callable[[Tensor, Literal["sum", "max"]], Tensor]
"""Returns the sum or the maximum of a tensor over all processes, as ``torch.distributed.all_reduce`` does."""

_CACHED = 2**15
_QUEUED = 2**22
"""Weights in a piece: on a CPU few enough for its cache, elsewhere enough to outweigh the launches of kernels."""


def wide(device: torch.device) -> torch.dtype:
    """Returns float64, or float32 on a device without it."""
    return torch.float32 if device.type == "mps" else torch.float64


def common_dtype(tensors: Sequence[Tensor]) -> torch.dtype:
    """Returns float64 where there are such weights, else float32, which holds all lower precisions exactly."""
    return torch.float64 if any(tensor.dtype == torch.float64 for tensor in tensors) else torch.float32


def pieces(tensors: Sequence[Tensor], dtype: torch.dtype, scratch: bool = True) -> Iterator[Tensor]:
    """Yields all weights in vectors of ``dtype``; whole tensors where that needs no copy and no ``scratch`` memory."""
    for tensor in tensors:
        if not tensor.numel():
            continue
        flat = flattened(tensor)
        if flat.dtype == dtype and not scratch:
            yield flat
        else:
            size = _CACHED if flat.device.type == "cpu" else _QUEUED
            yield from (piece.to(dtype) for piece in torch.split(flat, size))


def flattened(tensor: Tensor) -> Tensor:
    """Returns the elements as a vector in the order of memory, so that a dense tensor in any layout is not copied."""
    order = sorted(range(tensor.dim()), key=tensor.stride, reverse=True)
    return tensor.detach().permute(order).reshape(-1)


def extrema(groups: Sequence[Sequence[Tensor]], dtype: torch.dtype, reduce: Reduce) -> tuple[Tensor, Tensor, Tensor]:
    """Returns lowest and highest weight of each group, shape (G,) of ``dtype``, and whether all are finite, scalar.

    Where they are not finite, lowest and highest are 0. A group may be empty in this process.
    """
    device = groups[0][0].device
    nothing = torch.full((2,), -torch.inf, dtype=dtype, device=device)
    ends = []
    for tensors in groups:
        ends_of_pieces = [torch.stack(piece.aminmax()) for piece in pieces(tensors, dtype, scratch=False)]
        low_high = torch.stack(ends_of_pieces) if ends_of_pieces else -nothing[None]
        ends.append(torch.stack([-low_high[:, 0].amin(), low_high[:, 1].amax()]) if ends_of_pieces else nothing)
    negated = torch.stack(ends, dim=1)
    # NaN survives neither a maximum over processes nor a comparison: what is not finite travels as a flag.
    broken = ~(negated <= LARGEST)
    flagged = torch.where(broken, 0, negated)
    reduced = reduce(torch.cat([flagged.flatten(), broken.any().to(dtype)[None]]), "max")
    finite = (reduced[-1] == 0) & reduced[:-1].isfinite().all()
    low, high = torch.where(finite, reduced[:-1], 0).view(2, -1)
    return -low, high, finite


def counts(groups: Sequence[Sequence[Tensor]], exponents: Tensor, low: Tensor, bins: int, dtype: torch.dtype) -> Tensor:
    """Returns how many weights of each group each bin holds.

    Args:
        groups: tensors of weights, by group.
        exponents: exponents of the grids, shape (G,), int64.
        low: number of each grid's first bin, shape (G,), int64.
        bins: number of bins in each.
        dtype: a type in which the weights are exact.

    Returns:
        Shape (G, bins), int64: additions of integers give the same whatever their order.
    """
    numbers = torch.zeros(len(groups), bins, dtype=torch.int64, device=low.device)
    first = low.to(dtype)
    # Shared-memory histograms spare a GPU the contention for few addresses, but refuse deterministic mode.
    shared = low.device.type == "cuda" and not torch.are_deterministic_algorithms_enabled()
    tally = tally_by_histc if shared else tally_by_scatter
    for group, tensors in enumerate(groups):
        for piece in pieces(tensors, dtype):
            tally(numbers[group], bin_of(piece, exponents[group]).sub_(first[group]))
    return numbers


def tally_by_scatter(counts: Tensor, numbers: Tensor) -> None:
    """Adds to ``counts``, shape (K,), int64, how often each bin's number 0 … K − 1 occurs; reads nothing back.

    Numbers are integers of a floating type; what is no such number is counted somewhere.
    """
    # Clamped as integers: no comparison bounds NaN.
    index = numbers.to(torch.int64).clamp_(0, len(counts) - 1)
    counts.scatter_add_(0, index, counts.new_ones(()).expand(index.shape))


def tally_by_histc(counts: Tensor, numbers: Tensor) -> None:
    """The same for fewer than 2^24 numbers, up to which float32 counts exactly; what is no such number is left out."""
    # Between the edges, where no rounding can move it; with a range of its own histc would read back the extrema.
    counts += torch.histc(numbers + 0.5, len(counts), 0, len(counts)).to(counts.dtype)


def moments(groups: Sequence[Sequence[Tensor] | None], centres: Tensor, sizes: Tensor, reduce: Reduce) -> Tensor:
    """Returns mean and variance of each group, shape (2, G); 0 where it is None.

    Args:
        groups: tensors of weights by group, or None for groups not asked for.
        centres: a value amid the weights of each, so that the squares cancel little, shape (G,).
        sizes: number of weights of each, in all processes, shape (G,).
        reduce: over processes.
    """
    dtype = wide(centres.device)
    centres, sizes = centres.to(dtype), sizes.to(dtype)
    sums = torch.zeros(2, len(groups), dtype=dtype, device=centres.device)
    for group, tensors in enumerate(groups):
        for piece in pieces(tensors or (), dtype):
            gaps = piece - centres[group]
            sums[0, group] += gaps.sum()
            sums[1, group] += gaps.square_().sum()
    first, second = reduce(sums, "sum") / sizes
    return torch.stack([centres + first, (second - first.square()).clamp_min(0)])


def followed_sizes(groups: Sequence[Sequence[Tensor]], most: int) -> list[list[int]]:
    """Returns how many weights of each tensor to follow, about ``most`` of each group, in proportion to its tensors."""
    sizes = []
    for tensors in groups:
        total = sum(tensor.numel() for tensor in tensors)
        sizes.append([min(t.numel(), -(-most * t.numel() // total)) if total else 0 for t in tensors])
    return sizes


def followed(groups: Sequence[Sequence[Tensor]], sizes: Sequence[Sequence[int]], dtype: torch.dtype) -> Tensor:
    """Returns the weights followed, always the same ones, shape (G, n); rows end in zeros where they have fewer.

    A tensor of N is cut into as many stretches as weights of it are followed, and a hash of its number says which
    weight of a stretch: evenly spread, over rows and columns too, none twice, and nothing to be stored.
    """
    rows = []
    longest = max(sum(row) for row in sizes)
    for tensors, numbers in zip(groups, sizes, strict=True):
        parts = []
        for tensor, number in zip(tensors, numbers, strict=True):
            if number:
                index = _places(number, tensor.numel(), tensor.device)
                parts.append(flattened(tensor).index_select(0, index).to(dtype))
        row = torch.cat(parts) if parts else torch.zeros(0, dtype=dtype, device=groups[0][0].device)
        rows.append(torch.nn.functional.pad(row, (0, longest - len(row))))
    return torch.stack(rows)


def _places(number: int, total: int, device: torch.device) -> Tensor:
    edges = torch.arange(number + 1, device=device) * total // number
    # The leading 24 bits of a multiplicative hash; their product with a stretch of up to 1e11 fits into int64.
    share = (torch.arange(number, device=device) * 2_654_435_769 % 2**32) >> 8
    return edges[:-1] + (edges.diff() * share >> 24)
