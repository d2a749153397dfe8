"""Bhattacharyya distances from the records of a map to those that span it; of a map that grows, the new ones alone."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from infogeo_tensorboard.points import Floats, Points

Indices = NDArray[np.intp]

_TILE = 64
_SMALLEST = 1e-37
"""A product of overlaps that float32 still holds with all digits."""


class DistanceTable:
    """Distances −mean_n ln Σ_c √(p q) in nats, kept from one map to the next.

    Attributes:
        distances: from each record to those that span the map, shape (T, L), float32.
    """

    def __init__(self) -> None:
        self.distances: Floats = np.zeros((0, 0), np.float32)
        self._records: dict[Hashable, int] = {}
        self._spanning: dict[Hashable, int] = {}
        self._settings: tuple[int, float] | None = None

    def update(self, points: Points, records: Sequence[Hashable], spanning: Indices, floor: float) -> int:
        """Brings the table to a map's records.

        Args:
            points: the predictions, one for each record; where the number of samples is another, all is computed again.
            records: what each record is known by; what was known before is not computed again.
            spanning: indices of those that span the map, increasing.
            floor: overlaps below it count as it.

        Returns:
            How many distances were computed.
        """
        settings = (len(points.samples), floor)
        if settings != self._settings:
            self._records, self._spanning, self._settings = {}, {}, settings
        columns = [records[index] for index in spanning]
        table = np.zeros((len(records), len(columns)), np.float32)
        before = np.array([self._records.get(record, -1) for record in records], np.intp)
        place = np.array([self._spanning.get(record, -1) for record in columns], np.intp)
        old_rows, old_columns = np.flatnonzero(before >= 0), np.flatnonzero(place >= 0)
        if len(old_rows) and len(old_columns):
            table[np.ix_(old_rows, old_columns)] = self.distances[np.ix_(before[old_rows], place[old_columns])]
        computed = self._fill(table, points, spanning, before < 0, place < 0, floor)
        self.distances = table
        self._records = {record: index for index, record in enumerate(records)}
        self._spanning = {record: index for index, record in enumerate(columns)}
        return computed

    def _fill(
        self,
        table: Floats,
        points: Points,
        spanning: Indices,
        new_rows: NDArray[np.bool_],
        new_columns: NDArray[np.bool_],
        floor: float,
    ) -> int:
        fresh, old, new = np.flatnonzero(new_rows), np.flatnonzero(~new_columns), np.flatnonzero(new_columns)
        # A column of a new record is a row of it, too, so its distances to the other columns are known by symmetry.
        mirrored = bool(new_rows[spanning[new]].all())
        rest = np.ones(len(table), bool)
        rest[spanning[new]] = False
        if mirrored:
            rest[spanning[old]] = False
        others = np.flatnonzero(rest)
        parts = [(fresh, old), (others, new)]
        parts = [(rows, columns) for rows, columns in parts if len(rows) and len(columns)]
        if not parts and not len(new):
            return 0
        sums = [np.zeros((len(rows), len(columns))) for rows, columns in parts]
        square = np.zeros((len(new), len(new)))
        for chunk in points.chunks():
            for total, (rows, columns) in zip(sums, parts, strict=True):
                add_minus_log_overlaps(total, chunk[:, rows], chunk[:, spanning[columns]], floor)
            if len(new):
                among = chunk[:, spanning[new]]
                add_minus_log_overlaps(square, among, among, floor, symmetric=True)
        for total, (rows, columns) in zip(sums, parts, strict=True):
            table[np.ix_(rows, columns)] = total / len(points.samples)
        square = np.triu(square, 1)
        table[np.ix_(spanning[new], new)] = (square + square.T) / len(points.samples)
        if mirrored and len(new) and len(old):
            table[np.ix_(spanning[old], new)] = table[np.ix_(spanning[new], old)].T
        np.maximum(table, 0, out=table)  # an overlap may exceed 1 by rounding
        return sum(total.size for total in sums) + len(new) * (len(new) - 1) // 2


def add_minus_log_overlaps(
    total: NDArray[np.float64], left: Floats, right: Floats, floor: float, symmetric: bool = False
) -> None:
    """Adds Σ_n −ln max(Σ_c a b, floor) of all pairs.

    Since ln a + ln b = ln ab, one logarithm serves as many samples as the product of their floors allows.

    Args:
        total: added to, shape (T, T').
        left: unit vectors, shape (n, T, W).
        right: unit vectors, shape (n, T', W).
        floor: overlaps below it count as it.
        symmetric: whether both are the same; then only tiles on and above the diagonal are added.
    """
    together = max(1, min(8, int(np.log(_SMALLEST) / np.log(floor))))
    for i in range(0, left.shape[1], _TILE):
        a = np.ascontiguousarray(left[:, i : i + _TILE])
        for j in range(i if symmetric else 0, right.shape[1], _TILE):
            overlaps = np.matmul(a, right[:, j : j + _TILE].swapaxes(1, 2))
            np.maximum(overlaps, floor, out=overlaps)
            total[i : i + _TILE, j : j + _TILE] -= _log_products(overlaps, together)


def _log_products(overlaps: Floats, together: int) -> NDArray[np.float64]:
    groups = -(-len(overlaps) // together)
    products = overlaps[:groups].copy()
    for first in range(groups, len(overlaps), groups):
        part = overlaps[first : first + groups]
        products[: len(part)] *= part
    np.log(products, out=products)
    return np.asarray(products.sum(0, dtype=np.float64))


def minus_log_overlaps(points: Iterable[Floats], others: Iterable[Floats], floor: float) -> NDArray[np.float64]:
    """Returns Σ_n −ln max(Σ_c a b, floor) of all pairs, shape (T, T'), from chunks of the same samples each."""
    total: NDArray[np.float64] | None = None
    for left, right in zip(points, others, strict=True):
        if total is None:
            total = np.zeros((left.shape[1], right.shape[1]))
        add_minus_log_overlaps(total, left, right, floor)
    if total is None:
        raise ValueError("`minus_log_overlaps(points)`: has no samples.")
    return total
