"""Distances between all records of one or two histories: whole matrices, in tiles of bounded memory.

An overlap of two float32 amplitudes computed in float32 has lost every digit of a distance below 1e-7, and amplitudes
that are unit vectors only to 1e-7 hide another part of it. Here both are cured at once, by one float64 matrix product
without a pass over pairs, as accurate near identity as the amplitudes themselves:

- for d_B, of amplitudes brought to unit length, so that the overlap of disjoint predictions stays 0;
- for what needs no logarithm, and for sketches, which are no unit vectors, of chords. From stored a and b,
  1 − ½‖a − b‖² = a·b + (½ − ½‖a‖²) + (½ − ½‖b‖²), which two further columns give, [a, ½ − ½‖a‖², 1] and
  [b, 1, ½ − ½‖b‖²]. Of disjoint amplitudes it is 0 but for 1e-8 of either sign, whose logarithm would be of chance.

And since −Σ ln o_n = −ln Π o_n, one logarithm serves eight samples: eight overlaps not below ``OVERLAP_FLOOR`` multiply
to no less than 1e-304, which float64 holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lightning_infogeo.distances.paired import OVERLAP_FLOOR

_GROUP = 8
_TILE, _CACHE = 64, 2**21
"""Records a side, and bytes of overlaps at a time: what a processor keeps near (measured: half the time of 32 MiB)."""

_MEMORY = 2**26
_WIDE = 512
"""Records a side on an accelerator, where small products would wait for their launch."""


def pairwise_bhattacharyya(
    history: Tensor, other: Tensor | None = None, memory: int | None = None, floor: float = OVERLAP_FLOOR
) -> Tensor:
    """Returns the Bhattacharyya distances, −mean_n ln Σ_c a b, of all pairs of records.

    Args:
        history: amplitudes, shape (T, N, C).
        other: amplitudes, shape (T', N, C); None for ``history`` itself.
        memory: bytes of working memory to use at most, beside the result (but at least those of eight samples); None
            for 64 MiB, on an accelerator 256.
        floor: overlaps below it count as it: for sketches, the error of an overlap, which is then taken from the chord.

    Returns:
        Shape (T, T'), float64; nats per sample, range [0, −ln ``floor``]. For ``other=None`` symmetric, with
        an exactly zero diagonal.

    Raises:
        ValueError: where shapes do not fit.

    Example:
        >>> truth, ignorance = torch.eye(4)[:, None][:1], torch.full((1, 1, 4), 0.5)
        >>> pairwise_bhattacharyya(torch.cat([truth, ignorance]))
        tensor([[0.0000, 0.6931],
                [0.6931, 0.0000]], dtype=torch.float64)
    """
    return _tiled(history, other, memory, _minus_log, floor, _of_units if floor <= OVERLAP_FLOOR else _of_chords)


def pairwise_hellinger(history: Tensor, other: Tensor | None = None, memory: int | None = None) -> Tensor:
    """Returns the squared Hellinger distances, mean_n ½‖a − b‖², of all pairs of records.

    Args:
        history: amplitudes, shape (T, N, C).
        other: amplitudes, shape (T', N, C); None for ``history`` itself.
        memory: bytes of working memory to use at most, beside the result (but at least those of eight samples); None
            for 64 MiB, on an accelerator 256.

    Returns:
        Shape (T, T'), float64; range [0, 1]. For ``other=None`` symmetric, with an exactly zero diagonal.

    Raises:
        ValueError: where shapes do not fit.

    Example:
        >>> truth, ignorance = torch.eye(4)[:, None][:1], torch.full((1, 1, 4), 0.5)
        >>> pairwise_hellinger(torch.cat([truth, ignorance]))
        tensor([[0.0000, 0.5000],
                [0.5000, 0.0000]], dtype=torch.float64)
    """
    return _tiled(history, other, memory, lambda overlaps: len(overlaps) - overlaps.sum(0))


def pairwise_arc(history: Tensor, other: Tensor | None = None, memory: int | None = None) -> Tensor:
    """Returns the mean arcs, mean_n 2 arcsin(‖a − b‖ / 2), of all pairs of records.

    Args:
        history: amplitudes, shape (T, N, C).
        other: amplitudes, shape (T', N, C); None for ``history`` itself.
        memory: bytes of working memory to use at most, beside the result (but at least those of eight samples); None
            for 64 MiB, on an accelerator 256.

    Returns:
        Shape (T, T'), float64; radians, range [0, π/2]. For ``other=None`` symmetric, with an exactly zero diagonal.

    Raises:
        ValueError: where shapes do not fit.

    Example:
        From certainty to the undecided prediction of four classes: π/3.

        >>> truth, ignorance = torch.eye(4)[:, None][:1], torch.full((1, 1, 4), 0.5)
        >>> pairwise_arc(torch.cat([truth, ignorance]))
        tensor([[0.0000, 1.0472],
                [1.0472, 0.0000]], dtype=torch.float64)
    """
    return _tiled(history, other, memory, lambda o: 2 * ((1 - o) / 2).clamp(0, 0.5).sqrt().asin().sum(0))


def _minus_log(overlaps: Tensor) -> Tensor:
    """Sums −ln over samples, shape (n, t, t') to (t, t'), with one logarithm for eight samples."""
    whole = len(overlaps) // _GROUP * _GROUP
    products = overlaps[:whole].reshape(_GROUP, whole // _GROUP, *overlaps.shape[1:]).prod(0)
    total = -products.log_().sum(0)
    return total if whole == len(overlaps) else total - overlaps[whole:].prod(0).log_()


def _of_units(amplitudes: Tensor, first: bool) -> Tensor:
    a = amplitudes.transpose(0, 1).double()
    return torch.nn.functional.normalize(a, dim=-1)


def _of_chords(amplitudes: Tensor, first: bool) -> Tensor:
    a = amplitudes.transpose(0, 1).double()
    defect = 0.5 - a.square().sum(-1, keepdim=True) / 2
    ones = torch.ones_like(defect)
    return torch.cat([a, defect, ones] if first else [a, ones, defect], dim=-1)


def _tiled(
    history: Tensor,
    other: Tensor | None,
    memory: int | None,
    total: Callable[[Tensor], Tensor],
    floor: float = OVERLAP_FLOOR,
    columns_of: Callable[[Tensor, bool], Tensor] = _of_chords,
) -> Tensor:
    left, right = _checked(history, other)
    if history.device.type == "mps":  # which has no float64
        left, right = left.cpu(), right.cpu()
    samples = history.shape[1]
    result = torch.zeros(len(left), len(right), dtype=torch.float64, device=left.device)
    # A sample needs the columns of all records, and for a pair of tiles its overlaps and a temporary of the same size.
    on_cpu = left.device.type == "cpu"
    if memory is None:
        memory = _MEMORY if on_cpu else 4 * _MEMORY
    tile = _TILE if on_cpu else _side(max(len(left), len(right)), memory)
    columns, overlap = 8 * (history.shape[2] + 2) * (len(left) + len(right)), 8 * tile * tile
    chunk = min(memory // (columns + 2 * overlap), _CACHE // overlap if on_cpu else samples)
    chunk = max(_GROUP, chunk // _GROUP * _GROUP)
    for n in range(0, samples, chunk):
        part = slice(n, n + chunk)
        a, b = columns_of(left[:, part], True), columns_of(right[:, part], False).mT
        for i in range(0, len(left), tile):
            for j in range(i if other is None else 0, len(right), tile):
                overlaps = torch.bmm(a[:, i : i + tile], b[:, :, j : j + tile]).clamp_(min=floor)
                result[i : i + tile, j : j + tile] += total(overlaps)
    result.div_(samples).clamp_(min=0)  # an overlap may exceed 1 by rounding
    if other is None:
        result = result.triu(1)
        result = result + result.mT
    return result


def _side(records: int, memory: int) -> int:
    """Returns the records a side of a tile on an accelerator, such that eight samples take half of ``memory``."""
    return max(_TILE, min(_WIDE, records, math.isqrt(memory // (4 * 8 * _GROUP))))


def _checked(history: Tensor, other: Tensor | None) -> tuple[Tensor, Tensor]:
    right = history if other is None else other
    if history.dim() != 3 or right.dim() != 3 or history.shape[1:] != right.shape[1:] or not math.prod(right.shape[1:]):
        raise ValueError(
            f"`history` and `other` must be amplitudes of shape (T, N, C) with the same N and C, at least 1; got "
            f"{tuple(history.shape)} and {tuple(right.shape)}."
        )
    return history, right
