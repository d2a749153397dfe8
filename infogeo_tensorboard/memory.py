"""What has been decoded, kept while there is room for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Memory:
    """Values by key, each of the version in which it was made; the least recently used ones are given up first.

    Args:
        room: bytes of all values together; a value that is larger is not kept.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._values: OrderedDict[Hashable, tuple[Hashable, Any, int]] = OrderedDict()
        self._used = 0
        self._lock = threading.Lock()

    @property
    def used(self) -> int:
        """Bytes of the values kept."""
        return self._used

    def recall(self, key: Hashable, version: Hashable, make: Callable[[], tuple[T, int]]) -> T:
        """Returns the value of a key, made again where it is not there in this version.

        Args:
            key: of the value.
            version: hashable; of what it is made of.
            make: returns the value and its size in bytes. Called without the lock, so perhaps twice at a time.
        """
        with self._lock:
            kept = self._values.get(key)
            if kept is not None and kept[0] == version:
                self._values.move_to_end(key)
                value: T = kept[1]
                return value
        value, size = make()
        with self._lock:
            self._drop(key)
            if size <= self._room:
                self._values[key] = (version, value, size)
                self._used += size
            while self._used > self._room:
                self._drop(next(iter(self._values)))
        return value

    def _drop(self, key: Hashable) -> None:
        if key in self._values:
            self._used -= self._values.pop(key)[2]
