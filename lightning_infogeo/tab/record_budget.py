"""Which records are written where not all of them fit."""

from __future__ import annotations

_AT_FIRST = 64
"""Records expected at the start where nothing is foreseen."""


class RecordBudget:
    """Spends bytes on records so that they last for the whole training, however long it turns out to be.

    All are taken where those foreseen fit; else every second, every fourth, and so on. Where nothing is foreseen, as
    many are always expected as there have been, so that what is left is spent ever more slowly. It depends on counts
    alone. A fit that goes on with a training counts on, and has a budget of its own.

    Args:
        size: bytes to spend.
        each: bytes of a record.
        foreseen: records that the training will make; None where that is not known.
        seen: records of the training before this fit.

    Attributes:
        used: bytes spent.
        seen: records so far, taken or not.

    Example:
        >>> budget = RecordBudget(size=1000, each=100, foreseen=18)
        >>> [step for step in range(18) if budget.takes(last=step == 17)]
        [0, 2, 4, 6, 8, 10, 12, 14, 16, 17]
    """

    def __init__(self, size: int, each: int, foreseen: int | None, seen: int = 0) -> None:
        self.used = 0
        self.seen = seen
        self._first = seen
        self._size = size
        self._each = each
        self._foreseen = foreseen

    def takes(self, last: bool) -> bool:
        """Returns whether the next record is written, and counts it; the last one is wherever it fits."""
        position, room = self.seen, self._size - self.used - (0 if last else self._each)
        self.seen += 1
        expected = max(position, _AT_FIRST) if self._foreseen is None else self._foreseen - position - 1
        stride = 1
        while stride * (room // self._each) < expected and stride <= position:
            stride *= 2
        first = position == self._first  # a fit without any record would be on no map
        if room < self._each or (position % stride and not (last or first)):
            return False
        self.used += self._each
        return True
