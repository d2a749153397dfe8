"""How much of the training's time drawing may take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

AHEAD = 4.0
"""Seconds that may be spent before the share allows it, so that there are pictures early in a training."""


class DrawingBudget:
    """Counts the time spent on drawing since it was made, and says whether there may be more.

    Args:
        share: the most of the training's time to spend; 1 for no limit.
        ahead: seconds that may be spent before that.

    Attributes:
        spent: so far, seconds.
    """

    def __init__(self, share: float, ahead: float = 0.0) -> None:
        self.spent = 0.0
        self._share = share
        self._ahead = ahead if share > 0 else 0.0
        self._began = time.monotonic()

    def affords(self, foreseen: float = 0.0) -> bool:
        """Returns whether what was spent, and is ``foreseen`` beside it, in seconds, is within the share."""
        allowed = max(self._ahead, self._share * (time.monotonic() - self._began))
        return self._share >= 1 or self.spent + foreseen < allowed

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Counts the time that the block takes."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.spent += time.monotonic() - began
