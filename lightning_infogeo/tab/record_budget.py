"""Which records are written where not all of them fit."""

from __future__ import annotations

from typing import Any

_AT_FIRST = 64
"""Records expected at the start where nothing is foreseen."""


class RecordBudget:
    """Spends bytes on records so that they last for the whole training, however long it turns out to be.

    All are taken where those foreseen fit; else every second, every fourth, and so on. Where nothing is foreseen, as
    many are always expected as there have been, so that what is left is spent ever more slowly. It depends on counts
    alone, so a resumed training takes the same.

    Args:
        size: bytes to spend.
        each: bytes of a record.
        foreseen: records that the training will make; None where that is not known.
        state: to go on from; empty to begin.

    Attributes:
        used: bytes spent.

    Example:
        >>> budget = RecordBudget(size=1000, each=100, foreseen=18)
        >>> [step for step in range(18) if budget.takes(last=step == 17)]
        [0, 2, 4, 6, 8, 10, 12, 14, 16, 17]
    """

    def __init__(self, size: int, each: int, foreseen: int | None, state: dict[str, Any] | None = None) -> None:
        self.used: int = (state or {}).get("used", 0)
        self._seen: int = (state or {}).get("seen", 0)
        self._size = size
        self._each = each
        self._foreseen = foreseen

    def takes(self, last: bool) -> bool:
        """Returns whether the next record is written, and counts it; the last one is wherever it fits."""
        position, room = self._seen, self._size - self.used - (0 if last else self._each)
        self._seen += 1
        expected = max(position, _AT_FIRST) if self._foreseen is None else self._foreseen - position - 1
        stride = 1
        while stride * (room // self._each) < expected and stride <= position:
            stride *= 2
        if room < self._each or (position % stride and not last):
            return False
        self.used += self._each
        return True

    def spend(self, size: int) -> bool:
        """Spends bytes on something else; returns whether they were there."""
        if self.used + size > self._size:
            return False
        self.used += size
        return True

    def state_dict(self) -> dict[str, int]:
        """Returns plain numbers to go on from."""
        return {"used": self.used, "seen": self._seen}
