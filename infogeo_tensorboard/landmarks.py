"""Which records of a map are taken, and which of these span it, where there are too many for all."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RECORDS = 20_000
"""Records of a map at most."""
MEMORY = 2**29
"""Bytes of the recorded predictions of a map at most."""
ALL_SPAN = 2_000
"""Up to this many records, all span the map."""
LANDMARKS = 1_000
"""Beyond, as many at most."""

_WORK = 2_001_000 * 512 * 26 * 1.1
"""All pairs of 2,000 records of 512 samples of 10 classes, and a bit: some 2 s of one core."""
_OVERHEAD = 16
"""A pair of samples costs as its numbers and so many more."""
_FEWEST_SAMPLES = 16


def stride(counts: Sequence[int], limit: int) -> int:
    """Returns the smallest power of two s so that every s-th record of each run, its first included, is at most limit.

    What is chosen by a larger one is also chosen by a smaller one, and what further records of a run come does not
    change what is chosen of those before. Where there are more runs than ``limit``, s is that of the longest run.

    Args:
        counts: records of each run.
        limit: at least 1.

    Example:
        >>> stride([100, 100], 100), stride([100, 100], 99)
        (2, 4)
    """
    chosen = 1
    while sum(-(-count // chosen) for count in counts) > limit and chosen < max(counts, default=0):
        chosen *= 2
    return chosen


def spanning(counts: Sequence[int]) -> NDArray[np.intp]:
    """Returns the indices of the records that span a map, among those of all runs one after the other.

    Args:
        counts: records of each run.
    """
    total = sum(counts)
    if total <= ALL_SPAN:
        return np.arange(total)
    every = stride(counts, LANDMARKS)
    starts = np.cumsum([0, *counts])
    chosen = np.concatenate([np.arange(a, b, every) for a, b in itertools.pairwise(starts)])
    return chosen[:: -(-len(chosen) // LANDMARKS)].astype(np.intp)


def thinning(counts: Sequence[int], size: int) -> int:
    """Returns every how-many-th record of each run a map takes.

    Args:
        counts: records of each run.
        size: bytes of a record.
    """
    return stride(counts, max(1, min(RECORDS, MEMORY // max(size, 1))))


def samples(records: int, spanning: int, count: int, width: int) -> NDArray[np.intp]:
    """Returns the samples distances are taken of, as many as time allows, increasing.

    All of them, or ½, ¼, …, at random with a fixed seed, since their order may have a period; the fewer are among the
    more.

    Args:
        records: T.
        spanning: L, of those that span the map.
        count: samples N.
        width: numbers a sample, W.
    """
    pairs = spanning * (spanning + 1) / 2 + (records - spanning) * spanning
    taken = count
    while pairs * taken * (width + _OVERHEAD) > _WORK and taken >= 2 * _FEWEST_SAMPLES:
        taken = -(-taken // 2)
    if taken == count:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).permutation(count)[:taken])
