"""How much of the training's time drawing may take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class DrawingBudget:
    """Counts the time spent on drawing since it was made, and says whether there may be more.

    Args:
        share: the most of the training's time to spend.

    Attributes:
        spent: so far, seconds.
    """

    def __init__(self, share: float) -> None:
        self.spent = 0.0
        self._share = share
        self._began = time.monotonic()

    @property
    def affordable(self) -> bool:
        """Whether the share is not used up."""
        return self.spent <= self._share * (time.monotonic() - self._began)

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Counts the time that the block takes."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.spent += time.monotonic() - began
