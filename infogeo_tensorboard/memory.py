"""What has been decoded, kept while there is room for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any


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

    def known(self, key: Hashable, version: Hashable) -> Any:
        """Returns the value of a key, None where there is none of this version.

        Args:
            key: of the value.
            version: of what it was made of.
        """
        with self._lock:
            kept = self._values.get(key)
            if kept is None or kept[0] != version:
                return None
            self._values.move_to_end(key)
            return kept[1]

    def keep(self, key: Hashable, version: Hashable, value: Any, size: int) -> None:
        """Keeps a value in place of that of another version.

        Args:
            key: of the value.
            version: hashable; of what it was made of.
            value: other than None.
            size: bytes.
        """
        with self._lock:
            self._drop(key)
            if size <= self._room:
                self._values[key] = (version, value, size)
                self._used += size
            while self._used > self._room:
                self._drop(next(iter(self._values)))

    def _drop(self, key: Hashable) -> None:
        if key in self._values:
            self._used -= self._values.pop(key)[2]
