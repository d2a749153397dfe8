"""Evenly spaced choices from a sequence, and from what such a choice leaves."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any


def spaced(population: Sequence[Any], size: int) -> list[Any]:
    """Returns ``size`` evenly spaced entries, or all where there are fewer.

    Example:
        >>> spaced(range(10), 3)
        [0, 3, 6]
    """
    return [population[position] for position in _positions(len(population), size)]


def spaced_between(population: Sequence[Any], taken: int, size: int, batches: bool = False) -> list[Any]:
    """Returns evenly spaced entries of those that ``spaced(population, taken)`` leaves.

    Args:
        population: indices to choose from.
        taken: as given to ``spaced``.
        size: the most to return.
        batches: whether an entry may be a list of indices; one with an index of another entry is then left out.

    Example:
        >>> spaced_between(range(10), 3, 4)
        [1, 2, 5, 8]
        >>> spaced_between([[0, 1], [2, 3], [1, 4]], 1, 2, batches=True)
        [[2, 3]]
    """
    before = _positions(len(population), taken)
    gaps = [position - k for k, position in enumerate(before)]
    rest = len(population) - len(before)
    seen = {index for position in before for index in _indices(population[position], batches)}
    chosen = []
    for k in _positions(rest, size):
        entry = population[k + bisect_right(gaps, k)]
        indices = _indices(entry, batches)
        if seen.isdisjoint(indices):
            chosen.append(entry)
            seen.update(indices)
    return chosen


def _positions(length: int, size: int) -> list[int]:
    count = min(size, length)
    return [k * length // count for k in range(count)]


def _indices(entry: Any, batches: bool) -> set[Any]:
    """Returns the indices of an entry; none where they cannot be compared."""
    parts: Iterable[Any] = entry if batches and isinstance(entry, (list, tuple)) else [entry]
    try:
        return set(parts)
    except TypeError:
        return set()
