"""Equal-width grids whose edges are multiples of a power of two, so that any two of them can be merged exactly.

Bin k of a grid with exponent e holds the weights in [k 2^e, (k + 1) 2^e). Scaling by a power of two rounds nothing, so
a weight's bin does not depend on precision or device, and the bin of a coarser grid is that of the finer one shifted
right. Counts made on different grids are compared on the coarser, and no weight has to be looked at twice.
"""

from __future__ import annotations

import torch
from torch import Tensor

LARGEST = 1e36
"""Weights beyond it, with which powers of two leave the range of float32, count as not finite."""

_FINEST = -100
_DIGITS = 40
"""A bin is no finer than 2^−40 of the largest weight: bin numbers then fit into int64 whatever the precision."""


def bin_count(weights: int) -> int:
    """Returns the number of bins for ``weights`` weights, int(1.4 · 2.59 · N^(1/3)); Entropy 24, 1113 (2022).

    Example:
        >>> bin_count(1_000_000)
        362
    """
    return int(1.4 * 2.59 * weights ** (1 / 3))


def capacity(bins: int) -> int:
    """Returns the number of bins to provide: up to twice ``bins`` are used, and two more where the ends cut a bin."""
    return 2 * bins + 4


def exponent(values: Tensor) -> Tensor:
    """Returns floor(log2 x) of values x > 0, int64, read off float32's exponent; −127 for 0."""
    return (values.float().view(torch.int32) >> 23).to(torch.int64) - 127


def power_of_two(exponents: Tensor) -> Tensor:
    """Returns 2^e exactly, float32, for −126 ≤ e ≤ 127; ``torch.exp2`` is only close to it on some devices."""
    return ((exponents + 127) << 23).to(torch.int32).view(torch.float32)


def fitting(lowest: Tensor, highest: Tensor, bins: Tensor) -> Tensor:
    """Returns the least exponent with which [lowest, highest] takes fewer than 2 ``bins`` widths.

    Args:
        lowest: lowest weights, shape (R,).
        highest: highest weights, shape (R,).
        bins: nominal number of them, shape (R,).

    Returns:
        Shape (R,), int64. A range of 0 gets the finest grid there is: a constant can be merged into any other.
    """
    finest = exponent(torch.maximum(lowest.abs(), highest.abs())) - _DIGITS
    return torch.maximum(_fitting(lowest, highest, bins), finest).clamp_min(_FINEST)


def adapted(previous: Tensor, started: Tensor, lowest: Tensor, highest: Tensor, bins: Tensor) -> Tensor:
    """Returns exponents with which the range takes between B/2 and 2B widths, as they were where that will do.

    Args:
        previous: exponents of the last record, shape (R,).
        started: whether there has been one, scalar bool; else the range takes between B/√2 and √2 B widths.
        lowest: lowest weights, shape (R,).
        highest: highest weights, shape (R,).
        bins: nominal number B of them, shape (R,).
    """
    least = fitting(lowest, highest, bins)
    fresh = torch.maximum(_fitting(lowest, highest, bins / 2**0.5), least)
    return torch.where(started, torch.minimum(torch.maximum(previous, least), least + 1), fresh)


def bin_of(values: Tensor, exponents: Tensor) -> Tensor:
    """Returns the number of the bin of each value as a float of the same type, exactly; shapes broadcast."""
    return (values * power_of_two(-exponents).to(values.dtype)).floor_()


def merged(counts: Tensor, low: Tensor, exponents: Tensor, to_low: Tensor, to_exponents: Tensor) -> Tensor:
    """Returns the counts that the weights would have on a coarser grid.

    Args:
        counts: shape (R, K), int64.
        low: number of each row's first bin, shape (R,), int64.
        exponents: exponents of their grids, shape (R,), int64.
        to_low: number of the first bin of the coarser grids, shape (R,).
        to_exponents: exponents of these, none of them below ``exponents``, shape (R,).

    Returns:
        Shape (R, K), int64. What would leave the grid stays in its outer bins.
    """
    # Shifts of 64 and more are undefined in C; by 62 every number is 0 or −1 already.
    shift = (to_exponents - exponents).clamp(0, 62)[:, None]
    numbers = low[:, None] + torch.arange(counts.shape[1], device=counts.device)
    index = ((numbers >> shift) - to_low[:, None]).clamp_(0, max(counts.shape[1] - 1, 0))
    return torch.zeros_like(counts).scatter_add_(1, index, counts)


def _fitting(lowest: Tensor, highest: Tensor, bins: Tensor) -> Tensor:
    # Halves, as the range itself can overflow; R / 2B < 2^e with e one above its exponent.
    return exponent((highest / 2 - lowest / 2) / bins) + 1
