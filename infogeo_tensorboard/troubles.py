"""What could not be read, in words, and when it is tried again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass

_FIRST = 1.0
"""Seconds until what could not be read is tried again; twice as many after each further failure, …"""
_LONGEST = 300.0
"""… up to this many: a file that is damaged for good costs a request now and then, one on a disk that was away for a
moment is back soon."""


@dataclass(frozen=True)
class _Trouble:
    version: Hashable
    words: str
    failures: int = 0
    due: float = 0.0


class Troubles:
    """What was wrong with values when they were last read.

    Args:
        clock: returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[Hashable, _Trouble] = {}
        self._lock = threading.Lock()

    def read(self, key: Hashable, version: Hashable, words: str) -> None:
        """Notes that a value has been read.

        Args:
            key: of the value.
            version: of what it was read from.
            words: what is wrong with some of it; "" where nothing is.
        """
        with self._lock:
            self._known.pop(key, None)
            if words:
                self._known[key] = _Trouble(version, words)

    def failed(self, key: Hashable, version: Hashable, words: str, for_good: bool) -> None:
        """Notes that a value could not be read.

        Args:
            key: of the value.
            version: of what it was to be read from.
            words: why.
            for_good: whether the same version will never be read.
        """
        with self._lock:
            before = self._known.get(key)
            failures = 1 + (before.failures if before is not None and before.version == version else 0)
            wait = min(_FIRST * 2.0 ** min(failures - 1, 30), _LONGEST)
            self._known[key] = _Trouble(version, words, failures, float("inf") if for_good else self._clock() + wait)

    def waiting(self, key: Hashable, version: Hashable) -> str:
        """Returns why a value could not be read, while it is not tried again; else ""."""
        known = self._known.get(key)
        if known is None or not known.failures or known.version != version or self._clock() >= known.due:
            return ""
        return known.words

    def words(self, key: Hashable) -> str:
        """Returns what was wrong with a value when it was last read, or why it was not; "" where nothing was."""
        known = self._known.get(key)
        return "" if known is None else known.words

    def mark(self, key: Hashable) -> tuple[int, bool]:
        """Returns how often a value could not be read, and whether it is time to try again.

        An answer that lacks the value stands only as long as this stays the same.
        """
        known = self._known.get(key)
        return (0, False) if known is None or not known.failures else (known.failures, self._clock() >= known.due)

    def keep(self, keys: Collection[Hashable]) -> None:
        """Forgets what is not about these values."""
        with self._lock:
            self._known = {key: trouble for key, trouble in self._known.items() if key in keys}
